/** Writes LINES equal messages by a clock that is moved while they are written: STEPS_MS, one step after the other. */
import { join } from 'node:path'
import { createClock, format } from '../../../app/src/log-line.ts'
import { createLogWriter } from '../../../app/src/log-writer.ts'

const lines = Number(process.env['LINES'])
const steps = (process.env['STEPS_MS'] ?? '0').split(',').map(Number)
// 0 stands still.
const millisecondsPerLine = Number(process.env['MS_PER_LINE'] ?? '0')

const start = Date.now()
let sequence = 0
const stepOf = (): number => steps[Math.floor((sequence * steps.length) / (lines + 1))] ?? 0
const now = (): number => Math.floor(start + sequence * millisecondsPerLine) + stepOf()

const writer = createLogWriter({
  directory: join('/var/log/services', process.env['SERVICE_NAME'] ?? ''),
  segmentBytes: 64 * 1024 * 1024,
  budgetBytes: 1024 ** 3,
})
const clock = createClock(now)
for (; sequence < lines; sequence++) {
  writer.write(
    format({ kind: 'general', time: clock(), level: 'INFO', module: 'clock', function: 'tick', message: 'the same' }),
  )
}
writer.close()
