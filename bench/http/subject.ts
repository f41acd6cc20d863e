/**
 * One variant in a process of its own: listens, says where, and answers what is asked over the IPC channel.
 *
 *     node bench/http/subject.ts <name of the variant> <folder for its log>
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { variants } from './variants.ts'

/** What a subject says once it listens. */
export interface Ready {
  port: number
  path: string
}

/** What it answers when asked for `state`. */
export interface State {
  /** Microseconds. */
  cpu: number
  /** Bytes. */
  rss: number
  /** Bytes; after a collection of garbage where the process was started with --expose-gc. */
  heap: number
}

/** What it answers when asked for `totals`; undefined where the variant has no such thing. */
export interface Totals {
  counted: number | undefined
  lines: number | undefined
}

export type Question = 'state' | 'totals'

const [name = '', directory = ''] = process.argv.slice(2)
const variant = variants.find((candidate) => candidate.name === name)
if (!variant) throw new Error(`there is no variant ${name}`)
const { server, path, counted, flush } = await variant.build(directory)

// Connections wait for their turn.
server.keepAliveTimeout = 0

function state(): State {
  globalThis.gc?.()
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed } = process.memoryUsage()
  return { cpu: user + system, rss, heap: heapUsed }
}

const linesOf = (file: string): number => readFileSync(join(directory, file), 'latin1').split('\n').length - 1

async function totals(): Promise<Totals> {
  flush?.()
  return {
    counted: await counted?.(),
    lines: variant?.logs ? readdirSync(directory).reduce((sum, file) => sum + linesOf(file), 0) : undefined,
  }
}

process.on('message', (question: Question) => {
  if (question === 'state') process.send?.(state())
  else void totals().then((answer) => process.send?.(answer))
})
process.on('disconnect', () => process.exit(0))

if (!server.listening) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const address = server.address()
process.send?.({ port: typeof address === 'object' ? (address?.port ?? 0) : 0, path } satisfies Ready)
