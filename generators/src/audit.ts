/**
 * Command: counts the lines of a service in its files and in Loki, and says what is missing, doubled or forged.
 * Ends with 0 when nothing is, with 1 when something is, with 2 when lines are still on their way.
 */
import { createReadStream, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { makeValidator, str } from 'envalid'
import { integer, readEnvironment, serviceName } from '../../app/src/config.ts'
import { createFileComparison, type Examples, type FileResult } from './audit-file.ts'
import { createSequence } from './audit-sequence.ts'
import { run } from './command.ts'
import { createLoki, type Span } from './loki.ts'

const UNITS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

const duration = makeValidator<number>((input) => {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(input) ?? []
  if (count === undefined || Number(count) === 0) throw new Error('must be a number and s, m, h or d, such as 15m')
  return Number(count) * (UNITS[unit] ?? NaN)
})

const instant = makeValidator<number>((input) => {
  const time = Date.parse(input)
  if (Number.isNaN(time)) throw new Error('must be a date and time, such as 2026-11-21T03:24:00Z')
  return time
})

const specs = {
  SERVICE: serviceName({ desc: 'Whose lines: the name of the log folder' }),
  SINCE: duration({ default: 15 * 60_000, desc: 'How far back from now; FROM and TO go before it' }),
  FROM: instant({ default: undefined, desc: 'Lines later than this' }),
  TO: instant({ default: undefined, desc: 'Lines not later than this; SETTLE_SECONDS ago when not set' }),
  SETTLE_SECONDS: integer(0, 3600)({ default: 10, desc: 'Younger lines are left out: they are on their way' }),
  LOKI_URL: str({ default: 'http://loki:3100', desc: 'Where Loki listens' }),
  LOG_ROOT: str({ default: '/var/log/services', desc: 'Folder that holds one folder of log files per service' }),
  FORMAT: str<'text' | 'json'>({ default: 'text', choices: ['text', 'json'], desc: 'For people or for programs' }),
}

export interface Audit extends FileResult {
  service: string
  from: string
  to: string
  files: number
  /** Sequence numbers that were skipped: lines that the service could not write, or that were deleted unread. */
  unwritten: number
  /** Lines in Loki whose file is gone (LOG_BUDGET_BYTES); only their sequence numbers can be checked. */
  deleted: number
  examples: Examples & { missing: string[] }
}

const SHOWN = 3

/** The whole lines of a file, without their line ends. */
async function* linesOf(path: string): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    const lines = (rest + decoder.write(chunk as Buffer)).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}

const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) /

/** Makes a reader of a line's time in milliseconds, fractions included; a line without one has that of the line before. */
function createTimeReader(): (line: string) => number {
  let whole = ''
  let base = 0
  let last = -Infinity
  return (line) => {
    const [, seconds = '', fraction = '', zone = ''] = TIME.exec(line) ?? []
    if (seconds === '') return last
    if (seconds + zone !== whole) {
      whole = seconds + zone
      base = Date.parse(whole)
    }
    if (!Number.isNaN(base)) last = base + Number(`0.${fraction || '0'}`) * 1000
    return last
  }
}

/** The lines of a file that belong to a span; `undefined` when the file is gone. */
async function* writtenLines(path: string, { from, to }: Span): AsyncGenerator<string> {
  const timeOf = createTimeReader()
  for await (const line of linesOf(path)) {
    const time = timeOf(line)
    if (time > from && time <= to) yield line
  }
}

const isGone = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT'

const byAge = new Intl.Collator('en', { numeric: true }).compare

async function audit(config: ReturnType<typeof readConfig>): Promise<Audit> {
  const { SERVICE: service, LOG_ROOT: root } = config
  const to = config.TO ?? Date.now() - config.SETTLE_SECONDS * 1000
  const span: Span = { from: config.FROM ?? to - config.SINCE, to }
  const loki = createLoki({ url: config.LOKI_URL })
  const total: Audit = {
    service,
    from: new Date(span.from).toISOString(),
    to: new Date(span.to).toISOString(),
    files: 0,
    written: 0,
    stored: 0,
    missing: 0,
    waiting: 0,
    doubled: 0,
    forged: 0,
    malformed: 0,
    unwritten: 0,
    deleted: 0,
    examples: { missing: [], doubled: [], forged: [] },
  }
  const counts = await loki.counts(service, span)
  const folder = join(root, service)
  const here = readdirSync(folder)
    .filter((name) => name.endsWith('.log'))
    .map((name) => join(folder, name))
  const sequence = createSequence()

  for (const path of [...new Set([...here, ...counts.keys()])].toSorted(byAge)) {
    const comparison = createFileComparison()
    let gone = false
    let written = 0
    try {
      for await (const line of writtenLines(path, span)) {
        comparison.write(line)
        sequence.see(path, line)
        written++
      }
    } catch (error) {
      if (!isGone(error)) throw error
      // Deleted by the service, before or just now: what it held can be told from nothing else.
      gone = true
    }
    if (!gone && written === 0 && !counts.has(path)) continue
    let inLoki = 0
    for await (const { line, malformed } of loki.lines(service, path, span)) {
      inLoki++
      if (gone) sequence.see(path, line)
      else comparison.store(line, malformed)
    }
    if (gone) {
      total.deleted += inLoki
      continue
    }
    total.files++
    const result = comparison.result()
    for (const name of ['written', 'stored', 'missing', 'waiting', 'doubled', 'forged', 'malformed'] as const) {
      total[name] += result[name]
    }
    // Lists leave repeats out that counts do not.
    total.doubled += Math.max(0, (counts.get(path) ?? 0) - inLoki)
    for (const name of ['doubled', 'forged'] as const) total.examples[name].push(...comparison.examples[name])
    if (result.missing > 0 && total.examples.missing.length < SHOWN) {
      for await (const line of writtenLines(path, span)) {
        if (!comparison.has(line)) total.examples.missing.push(line)
        if (total.examples.missing.length >= SHOWN) break
      }
    }
  }
  total.unwritten = sequence.skipped()
  return total
}

const NOTES: Partial<Record<keyof Audit, string>> = {
  written: 'lines in the files',
  stored: 'of them in Loki',
  missing: 'of them not in Loki',
  waiting: 'of them not in Loki yet: the last of their file',
  doubled: 'times that Loki has a line more often than the file',
  forged: 'lines in Loki that no file has',
  malformed: 'lines in Loki in no known form; they are kept',
  unwritten: 'numbers skipped in seq=…: the service dropped them (log_lines_dropped_total), or they were deleted',
  deleted: 'lines in Loki whose file is deleted (LOG_BUDGET_BYTES); only their seq=… is checked',
}

function print(result: Audit): void {
  const { service, from, to, files, examples } = result
  const rows = Object.entries(NOTES).map(
    ([name, note]) => `${name.padEnd(9)} ${String(result[name as 'written']).padStart(10)}  ${note}\n`,
  )
  process.stdout.write(`${service}, ${from} to ${to}, ${files} files\n${rows.join('')}`)
  for (const [name, lines] of Object.entries(examples) as [string, string[]][]) {
    for (const line of lines.slice(0, SHOWN)) process.stdout.write(`${name}: ${line.slice(0, 200)}\n`)
  }
}

const readConfig = (environment: NodeJS.ProcessEnv) => readEnvironment(environment, specs)

await run(async () => {
  const config = readConfig(process.env)
  let result
  try {
    result = await audit(config)
  } catch (error) {
    const folderIsGone = isGone(error)
    const reason = error instanceof Error ? error.message : String(error)
    process.stderr.write(
      folderIsGone
        ? `no service has the folder ${join(config.LOG_ROOT, config.SERVICE)}: set SERVICE\n`
        : `${reason}\n`,
    )
    process.exitCode = 1
    return
  }
  if (config.FORMAT === 'json') process.stdout.write(`${JSON.stringify(result)}\n`)
  else print(result)
  const { missing, doubled, forged, waiting } = result
  process.exitCode = missing + doubled + forged > 0 ? 1 : waiting > 0 ? 2 : 0
})
