/** Starts subjects on the first core and keeps this process, which makes the load, on the second. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Question, Ready, State, Totals } from './subject.ts'

/** Keeps this process on core 1; false where the machine has no `taskset` or no second core. */
export function pinSelf(): boolean {
  if (availableParallelism() < 2) return false
  try {
    execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', '1', String(process.pid)], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

export interface SubjectProcess extends Ready {
  state: () => Promise<State>
  totals: () => Promise<Totals>
  stop: () => Promise<void>
}

async function next<T>(child: ChildProcess): Promise<T> {
  const failed = new AbortController()
  const exit = once(child, 'exit', { signal: failed.signal }).then(([code]) => {
    throw new Error(`the subject ${child.spawnargs.at(-2)} ended with ${code}`)
  })
  try {
    const [message] = (await Promise.race([once(child, 'message'), exit])) as [T]
    return message
  } finally {
    failed.abort()
    exit.catch(() => {})
  }
}

/** Starts a fresh process of a variant and waits until it listens. */
export async function startSubject(name: string, pinned: boolean, flags: string[] = []): Promise<SubjectProcess> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-'))
  const subject = [...flags, join(import.meta.dirname, 'subject.ts'), name, directory]
  const [program, ...args] = pinned
    ? ['taskset', '--cpu-list', '0', process.execPath, ...subject]
    : [process.execPath, ...subject]
  const child = spawn(program ?? '', args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, NODE_ENV: 'production' },
  })
  async function ask<T>(question: Question): Promise<T> {
    child.send(question)
    return next<T>(child)
  }
  return {
    ...(await next<Ready>(child)),
    state: () => ask<State>('state'),
    totals: () => ask<Totals>('totals'),
    async stop() {
      const exit = once(child, 'exit')
      child.disconnect()
      await exit
      rmSync(directory, { recursive: true })
    },
  }
}
