/** For tests: runs a command as a process of its own, on the Node that the containers have. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NODE = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url))

export interface Line {
  msg: string
  [key: string]: unknown
}

/** Starts `load` or `logs` with nothing in its environment but `environment` and a folder of its own. */
export function start(command: 'load' | 'logs', environment: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), 'generators-'))
  const child = spawn(NODE, [fileURLToPath(new URL(`${command}.ts`, import.meta.url))], {
    env: { HEARTBEAT_FILE: join(folder, 'heartbeat'), LOG_ROOT: folder, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  return {
    folder,
    /** What it has printed so far. */
    output: () => stdout,
    signal: (name: NodeJS.Signals) => child.kill(name),
    /** Resolves when the command has ended by itself or by a signal. */
    async ended() {
      const [code, signal] = await closed
      const lines = stdout.split('\n').filter(Boolean)
      return { code, signal, stderr, lines: lines.map((line) => JSON.parse(line) as Line) }
    },
    stop() {
      child.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
