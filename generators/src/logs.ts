/** Command: writes all kinds of log lines, as a second service would. */
import { join } from 'node:path'
import { faker } from '@faker-js/faker/locale/en'
import { pino, stdTimeFunctions } from 'pino'
import { createClock } from '../../app/src/log-line.ts'
import { createLogWriter } from '../../app/src/log-writer.ts'
import { monotonic, run, sleep } from './command.ts'
import { readLogsConfig } from './config.ts'
import { createHeartbeat } from './heartbeat.ts'
import { createLines } from './lines.ts'
import { createAlarm, createTokenBucket } from './pace.ts'

const REPORT_MS = 60_000
// A batch per tick: at a high rate one timer per line would be all the work.
const TICK_MS = 10
const LONGEST_SLEEP_MS = 1000

await run(async (signal) => {
  const config = readLogsConfig(process.env)
  const directory = join(config.LOG_ROOT, config.SERVICE_NAME)
  let made = 0
  let dropped = 0
  const writer = createLogWriter({
    directory,
    segmentBytes: config.LOG_SEGMENT_BYTES,
    budgetBytes: config.LOG_BUDGET_BYTES,
    onDropped(lines) {
      dropped += lines
    },
  })
  const beat = createHeartbeat(config.HEARTBEAT_FILE, monotonic)
  const log = pino({ base: { command: 'logs' }, timestamp: stdTimeFunctions.isoTime })
  if (config.LOG_SEED > 0) faker.seed(config.LOG_SEED)
  const nextLine = createLines({ faker, random: () => faker.number.float(), clock: createClock() })
  const reportDue = createAlarm({ everyMs: REPORT_MS, now: monotonic })
  const bucket = createTokenBucket({ rate: config.LOG_LINES_PER_SECOND, now: monotonic })
  const left = () => (config.LOG_MAX_LINES > 0 ? config.LOG_MAX_LINES - made : Infinity)
  const lines = () => ({ lines: { made, dropped } })

  log.info({ directory, linesPerSecond: config.LOG_LINES_PER_SECOND }, 'started')
  while (!signal.aborted && left() > 0) {
    beat()
    if (reportDue()) log.info(lines(), 'lines so far')
    for (let due = bucket.take(left()); due > 0; due--) writer.write(nextLine(++made))
    if (left() > 0) await sleep(Math.min(Math.max(bucket.waitMs(), TICK_MS), LONGEST_SLEEP_MS), signal)
  }
  writer.close()
  log.info(lines(), signal.aborted ? 'stopped' : 'finished')
})
