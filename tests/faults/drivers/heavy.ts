/** Writes into one stream BYTES_PER_SECOND for SECONDS, in lines of 1 KiB. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClock, format } from '../../../app/src/log-line.ts'
import { createLogWriter } from '../../../app/src/log-writer.ts'

const seconds = Number(process.env['SECONDS'])
const linesPerSecond = Number(process.env['BYTES_PER_SECOND']) / 1024
const writer = createLogWriter({
  directory: join('/var/log/services', process.env['SERVICE_NAME'] ?? ''),
  segmentBytes: 256 * 1024 * 1024,
  budgetBytes: 1024 ** 3,
})
const clock = createClock()
const start = performance.now()
let sequence = 0
const elapsed = (): number => (performance.now() - start) / 1000
while (elapsed() < seconds) {
  for (const due = Math.min(elapsed(), seconds) * linesPerSecond; sequence < due;) {
    const message = `seq=${++sequence} `.padEnd(940, 'x')
    writer.write(format({ kind: 'general', time: clock(), level: 'INFO', module: 'heavy', function: 'write', message }))
  }
  await sleep(20)
}
writer.close()
process.stdout.write(`${sequence}\n`)
