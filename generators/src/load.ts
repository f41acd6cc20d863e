/** Command: sends plausible traffic to the service and counts what comes back. */
import { faker } from '@faker-js/faker/locale/en'
import { pino, stdTimeFunctions } from 'pino'
import { Pool } from 'undici'
import { monotonic, run } from './command.ts'
import { readLoadConfig } from './config.ts'
import { createHeartbeat } from './heartbeat.ts'
import { createRequests } from './requests.ts'
import { createTally } from './tally.ts'
import { runTraffic } from './traffic.ts'

const random = () => faker.number.float()

await run(async (signal) => {
  const config = readLoadConfig(process.env)
  const beat = createHeartbeat(config.HEARTBEAT_FILE, monotonic)
  const log = pino({ base: { command: 'load' }, timestamp: stdTimeFunctions.isoTime })
  if (config.LOAD_SEED > 0) faker.seed(config.LOAD_SEED)
  const tally = createTally()
  const pool = new Pool(config.TARGET_URL, { connections: config.LOAD_CLIENTS })
  log.info(
    { target: config.TARGET_URL, clients: config.LOAD_CLIENTS, requestsPerSecond: config.LOAD_REQUESTS_PER_SECOND },
    'started',
  )
  await runTraffic(
    {
      pool,
      requests: createRequests({ faker, random }),
      tally,
      log,
      beat,
      clients: config.LOAD_CLIENTS,
      rate: config.LOAD_REQUESTS_PER_SECOND,
      waveSeconds: config.LOAD_WAVE_SECONDS,
      maxRequests: config.LOAD_MAX_REQUESTS,
      timeoutMs: config.LOAD_TIMEOUT_MS,
      random,
      now: monotonic,
    },
    signal,
  )
  await pool.destroy()
  log.info({ traffic: tally.summary() }, signal.aborted ? 'stopped' : 'finished')
})
