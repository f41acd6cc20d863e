/** A file whose age tells a health check whether the loop still turns. */
import { writeFileSync } from 'node:fs'
import { ConfigError } from '../../app/src/config.ts'
import { createAlarm } from './pace.ts'

/** Makes `beat`, to be called in every turn of the loop. Throws `ConfigError` when the file cannot be written at once. */
export function createHeartbeat(file: string, now: () => number): () => void {
  const due = createAlarm({ everyMs: 5000, now })
  const touch = () => writeFileSync(file, `${new Date().toISOString()}\n`)
  try {
    touch()
  } catch (error) {
    throw new ConfigError(
      `HEARTBEAT_FILE=${JSON.stringify(file)}: must be a file that uid ${process.getuid?.() ?? 'unknown'} can write: ${(error as Error).message}`,
    )
  }
  return function beat() {
    if (!due()) return
    try {
      touch()
    } catch {
      // A disk that filled up shows as the file's age; the work itself goes on.
    }
  }
}
