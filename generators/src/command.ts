/** What both commands share: they stop on a signal, and end with one line when they cannot work. */
import { setTimeout as timeout } from 'node:timers/promises'
import { ConfigError } from '../../app/src/config.ts'
import { LogFolderError } from '../../app/src/log-writer.ts'

/** Milliseconds of a clock that never jumps. */
export const monotonic = () => performance.now()

/** Sleeps, or returns early when `signal` aborts. */
export async function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  await timeout(milliseconds, undefined, { signal }).catch(() => undefined)
}

/** Runs `main` until it is done; SIGTERM and SIGINT abort its signal. A wrong environment is one line on stderr, exit 1. */
export async function run(main: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stopping = new AbortController()
  // Once: a second signal ends the process at once.
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stopping.abort())
  try {
    await main(stopping.signal)
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof LogFolderError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  }
}
