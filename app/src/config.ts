/** The environment of the service: names, defaults, meanings. Read once, in main.ts. */
import { bool, cleanEnv, makeValidator, str, type ValidatorSpec } from 'envalid'

/** Thrown for an environment the service cannot run with; the message has one line per variable. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

type Environment = Record<string, string | undefined>

/** Reads `environment` by `specs`. Throws `ConfigError` naming each wrong variable, its value and what is allowed. */
export function readEnvironment<S extends Record<string, ValidatorSpec<unknown>>>(environment: Environment, specs: S) {
  return cleanEnv(environment, specs, {
    reporter({ errors }) {
      const problems = Object.entries(errors as Record<string, Error>).map(
        ([name, error]) => `${name}=${JSON.stringify(environment[name] ?? '')}: ${error.message}`,
      )
      if (problems.length > 0) throw new ConfigError(problems.join('\n'))
    },
  })
}

/** A whole number from `min` to `max`. */
export const integer = (min: number, max: number) =>
  makeValidator<number>((input) => {
    const value = /^\d+$/.test(input) ? Number(input) : NaN
    if (!(value >= min && value <= max)) throw new Error(`must be a whole number from ${min} to ${max}`)
    return value
  })

/** A number from `min` to `max`, fractions allowed. */
export const decimal = (min: number, max: number) =>
  makeValidator<number>((input) => {
    const value = /^\d+(\.\d+)?$/.test(input) ? Number(input) : NaN
    if (!(value >= min && value <= max)) throw new Error(`must be a number from ${min} to ${max}`)
    return value
  })

/** The name of a folder and of a Prometheus job: letters, digits, `-` and `_`. */
export const serviceName = makeValidator<string>((input) => {
  if (!/^[a-z0-9][a-z0-9_-]{0,62}$/i.test(input)) throw new Error('must be letters, digits, - and _, 63 at most')
  return input
})

/** The variables of everything that writes log lines. */
export const logSpecs = {
  LOG_ROOT: str({ default: '/var/log/services', desc: 'Folder that holds one folder of log files per service' }),
  LOG_SEGMENT_BYTES: integer(
    64 * 1024,
    1024 ** 3,
  )({ default: 64 * 1024 ** 2, desc: 'A log file is closed at this size' }),
  LOG_BUDGET_BYTES: integer(
    128 * 1024,
    1024 ** 4,
  )({
    default: 512 * 1024 ** 2,
    desc: 'The oldest log files of the service are deleted beyond this size in all',
  }),
}

const appSpecs = {
  HOST: str({ default: '0.0.0.0', desc: 'Address to listen on' }),
  PORT: integer(0, 65535)({ default: 8080, desc: 'Port to listen on' }),
  SERVICE_NAME: serviceName({ default: 'app', desc: 'Name of the log folder; the same as the Prometheus job' }),
  ...logSpecs,
  LOG_LEVEL: str<'debug' | 'info' | 'warn' | 'error' | 'fatal'>({
    default: 'info',
    choices: ['debug', 'info', 'warn', 'error', 'fatal'],
    desc: 'The least level that is written',
  }),
  TRUST_PROXY: bool({ default: false, desc: 'Believe X-Forwarded-For; only behind a proxy that sets it' }),
  FAULTS_ENABLED: bool({ default: false, desc: 'Allow PUT /faults to break the service on purpose' }),
  ITEMS_MAX: integer(1, 1_000_000)({ default: 1000, desc: 'How many items are kept; creating more is refused' }),
  SHUTDOWN_TIMEOUT_MS: integer(
    0,
    600_000,
  )({
    default: 8000,
    desc: 'How long requests in flight may take to finish after SIGTERM',
  }),
}

export type Config = ReturnType<typeof readConfig>

/** Reads the service's environment. Throws `ConfigError`. */
export const readConfig = (environment: Environment) => readEnvironment(environment, appSpecs)
