/** Command: prints log lines from Loki, the oldest first. Run by scripts/logs inside the stack. */
import { LEVELS } from '../app/src/log-line.ts'
import { askLines, askLogJobs, reasonOf } from './stores.ts'
import { createPaint, harmless, type Paint } from './terminal.ts'

export interface LogsRequest {
  query: string
  sinceSeconds: number
  limit: number
}

const LEVEL_NAMES = LEVELS.map((level) => level.toLowerCase())
const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 }

const quoted = (text: string): string => JSON.stringify(text)

/** Makes the query of the variables SERVICE, LEVEL, SINCE, LIMIT and SEARCH. Throws what is wrong with them, in one line. */
export function readRequest(environment: Record<string, string | undefined>): LogsRequest {
  const { SERVICE = '', LEVEL = '', SINCE = '15m', LIMIT = '100', SEARCH = '' } = environment
  const level = LEVEL.toLowerCase()
  if (level !== '' && !LEVEL_NAMES.includes(level)) {
    throw new Error(`LEVEL=${LEVEL}: must be one of ${LEVEL_NAMES.join(', ')}`)
  }
  const [, amount = '', unit = ''] = /^(\d+)([smhd])$/.exec(SINCE) ?? []
  if (amount === '') throw new Error(`SINCE=${SINCE}: must be a number and s, m, h or d, such as 15m`)
  if (!/^[1-9]\d{0,3}$/.test(LIMIT) || Number(LIMIT) > 5000) {
    throw new Error(`LIMIT=${LIMIT}: must be a whole number from 1 to 5000`)
  }
  const matchers = [
    SERVICE === '' ? 'job=~".+"' : `job=${quoted(SERVICE)}`,
    ...(level === '' ? [] : [`level=${quoted(level)}`]),
  ]
  const filter = SEARCH === '' ? '' : ` |= ${quoted(SEARCH)}`
  return {
    query: `{${matchers.join(',')}}${filter}`,
    sinceSeconds: Number(amount) * (UNITS[unit] ?? 0),
    limit: Number(LIMIT),
  }
}

const COLOURS: Record<string, Parameters<Paint>[0]> = {
  debug: 'grey',
  warn: 'yellow',
  error: 'red',
  fatal: 'red',
}

async function main(): Promise<void> {
  const { SERVICE = '', SINCE = '15m', COLOR } = process.env
  const { query, sinceSeconds, limit } = readRequest(process.env)
  const paint = createPaint(COLOR === '1')
  process.stderr.write(`asking Loki for ${query} of the last ${SINCE}\n`)
  const lines = await askLines(query, sinceSeconds, limit)
  for (const { labels, text } of lines) {
    const colour = COLOURS[labels['level'] ?? '']
    const line = `${SERVICE === '' ? `${labels['job']}: ` : ''}${harmless(text)}`
    process.stdout.write(`${colour === undefined ? line : paint(colour, line)}\n`)
  }
  if (lines.length === limit) process.stderr.write(`these are the last ${limit}; LIMIT=… shows more\n`)
  if (lines.length > 0) return
  const jobs = await askLogJobs()
  if (SERVICE === '' || jobs.includes(SERVICE)) process.stderr.write('no such line\n')
  else throw new Error(`SERVICE=${SERVICE}: Loki has no line of that job; it has ${jobs.join(', ')}`)
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    process.stderr.write(`logs: ${reasonOf(error)}\n`)
    process.exitCode = 1
  })
}
