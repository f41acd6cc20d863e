/** The environment of both commands: names, defaults, meanings. */
import { makeValidator, str } from 'envalid'
import { decimal, integer, logSpecs, readEnvironment, serviceName } from '../../app/src/config.ts'

type Environment = Record<string, string | undefined>

/** `http://app:8080`: scheme, host and port, with nothing behind them. */
const origin = makeValidator<string>((input) => {
  const url = URL.canParse(input) ? new URL(input) : undefined
  const plain = url && /^https?:$/.test(url.protocol) && `${url.origin}/` === url.href
  if (!plain) throw new Error('must be http:// or https://, a host and a port, such as http://app:8080')
  return url.origin
})

const heartbeatFile = str({ default: '/tmp/heartbeat', desc: 'Touched about every 5 s while the command works' })

const seed = integer(0, 2 ** 31 - 1)

const loadSpecs = {
  TARGET_URL: origin({ default: 'http://app:8080', desc: 'The service that gets the requests' }),
  LOAD_CLIENTS: integer(1, 1000)({ default: 25, desc: 'Requests in flight at the same time, at most' }),
  LOAD_REQUESTS_PER_SECOND: decimal(0, 10_000)({ default: 20, desc: 'Mean rate of all clients together' }),
  LOAD_WAVE_SECONDS: integer(
    0,
    86_400,
  )({ default: 600, desc: 'How long a day of the wave takes; 0 for a steady rate' }),
  LOAD_MAX_REQUESTS: integer(0, 1_000_000_000)({ default: 0, desc: 'Ends after this many requests; 0 for never' }),
  LOAD_TIMEOUT_MS: integer(100, 600_000)({ default: 10_000, desc: 'How long one request may take' }),
  LOAD_SEED: seed({ default: 0, desc: 'The same number gives the same requests; 0 for others at each start' }),
  HEARTBEAT_FILE: heartbeatFile,
}

const logsSpecs = {
  SERVICE_NAME: serviceName({ default: 'log-generator', desc: 'Name of the log folder' }),
  ...logSpecs,
  LOG_LINES_PER_SECOND: decimal(0, 50_000)({ default: 5, desc: 'Rate of the lines' }),
  LOG_MAX_LINES: integer(0, 1_000_000_000)({ default: 0, desc: 'Ends after this many lines; 0 for never' }),
  LOG_SEED: seed({ default: 0, desc: 'The same number gives the same texts; 0 for others at each start' }),
  HEARTBEAT_FILE: heartbeatFile,
}

/** Reads what `load` needs. Throws `ConfigError`. */
export const readLoadConfig = (environment: Environment) => readEnvironment(environment, loadSpecs)

/** Reads what `logs` needs. Throws `ConfigError`. */
export const readLogsConfig = (environment: Environment) => readEnvironment(environment, logsSpecs)
