/**
 * The log line: one record is one line. Imports nothing, so it can be copied as it is.
 *
 *     2026-11-21T03:24:20.123456Z | INFO | Module: facts | Function: serveFact | Served 3 facts | Request: 0199f2…
 *     2026-11-21T03:24:20.123457Z | WARN | GET /items/7 | Requested by: 172.18.0.5 Status: 404 Duration: 0.412 ms | Route: /items/:id | Request: 0199f2…
 *
 * Texts are escaped as in a JSON string, and `|` as `\u007c`, so that no text can end its field or its line.
 * promtail/promtail.yml reads the same line; promtail/samples.json holds golden lines for both readers.
 */

export const LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const

export type Level = (typeof LEVELS)[number]

interface Common {
  /** Microseconds since 1970-01-01T00:00:00Z. */
  time: number
  level: Level
  requestId?: string | undefined
}

/** What the code has to say. */
export interface GeneralRecord extends Common {
  kind: 'general'
  module: string
  function: string
  message: string
}

/** What was asked of the service, and how that ended. */
export interface RequestRecord extends Common {
  kind: 'request'
  method: string
  /** The request target as it was received. */
  uri: string
  /** An IP address, or `-` where none is known. */
  requestedBy: string
  status: number
  /** Milliseconds; three decimals are written. */
  durationMs: number
  /** The pattern that took the request (`/items/:id`), or `unmatched`. */
  route?: string | undefined
  /** The client went away after the status was sent and before the answer was whole. */
  aborted?: boolean | undefined
}

export type LogRecord = GeneralRecord | RequestRecord

/** What is known of a request once it has ended; the log adds when that was, and its level. */
export type ObservedRequest = Omit<RequestRecord, 'kind' | 'time' | 'level'>

/** A written line is at most this long, in bytes, its line end included. */
export const MAX_LINE_BYTES = 16 * 1024

// What a line always has beside its one long text (a message or a request target): timestamp, level, labels, numbers.
const MAX_SHORT_TEXT_BYTES = 1024

// Control characters (C0, DEL, C1), the quote, the backslash, the pipe, Unicode's line ends, byte order marks and
// lone surrogates. Everything else is written as it is.
// oxlint-disable-next-line no-control-regex -- control characters are what has to be found here
const UNSAFE = /[\u0000-\u001f"\\|\u007f-\u009f\u2028\u2029\ufeff]|\p{Surrogate}/u
// oxlint-disable-next-line no-control-regex -- as above
const UNSAFE_ALL = /[\u0000-\u001f"\\|\u007f-\u009f\u2028\u2029\ufeff]|\p{Surrogate}/gu

const SHORT_ESCAPES: Record<string, string> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

const escapeCharacter = (character: string): string =>
  SHORT_ESCAPES[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Escapes a text for use in a field. */
function escape(text: string): string {
  return UNSAFE.test(text) ? text.replace(UNSAFE_ALL, escapeCharacter) : text
}

// For the words of a line, which end at a space.
const escapeSpaces = (text: string): string => (text.includes(' ') ? text.replaceAll(' ', '\\u0020') : text)

/** Undoes `escape`. A text that no JSON string could hold (older writers did not escape) stands for itself. */
function unescape(text: string): string {
  if (!text.includes('\\')) return text
  try {
    return JSON.parse(`"${text.replaceAll(/(?<!\\)((?:\\\\)*)"/g, '$1\\"')}"`) as string
  } catch {
    return text
  }
}

// UTF-8 length without encoding: every character is one byte, two, three, or (as a surrogate pair) four.
function utf8Length(text: string): number {
  let bytes = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x80) bytes += 1
    else if (code < 0x800) bytes += 2
    else if (code >= 0xd800 && code <= 0xdbff) {
      bytes += 4
      i++
    } else bytes += 3
  }
  return bytes
}

const fits = (text: string, bytes: number): boolean => text.length * 3 <= bytes || utf8Length(text) <= bytes

/** Cuts an escaped text to at most `limit` bytes, between characters and never inside an escape; says how much went. */
function cut(escaped: string, limit: number): string {
  if (fits(escaped, limit)) return escaped
  const total = utf8Length(escaped)
  const room = limit - utf8Length(`…[cut ${total} bytes]`)
  let kept = 0
  let end = 0
  for (const [unit] of escaped.matchAll(/\\u[0-9a-f]{4}|\\.|[^\\]/gsu)) {
    const bytes = utf8Length(unit)
    if (kept + bytes > room) break
    kept += bytes
    end += unit.length
  }
  return `${escaped.slice(0, end)}…[cut ${total - kept} bytes]`
}

const short = (text: string): string => cut(escape(text), MAX_SHORT_TEXT_BYTES)

// Spaces twice: what says how much was cut has some of its own.
const shortWord = (text: string): string => escapeSpaces(cut(escapeSpaces(escape(text)), MAX_SHORT_TEXT_BYTES))

// No method has a colon (RFC 9110, section 5.6.2): that is what tells a request line from one that begins with "Module:".
const methodWord = (text: string): string =>
  text.includes(':') ? shortWord(text).replaceAll(':', '\\u003a') : shortWord(text)

/**
 * The words of request lines come again and again: what has been made of one is kept, of a thousand at most. A look-up
 * costs less than finding out once more that nothing has to be escaped.
 */
function remembered<Word extends string | number>(make: (word: Word) => string): (word: Word) => string {
  const made = new Map<Word, string>()
  return (word) => {
    let result = made.get(word)
    if (result === undefined) {
      result = make(word)
      if (made.size === 1000) made.clear()
      made.set(word, result)
    }
    return result
  }
}

const levelPart = remembered((level: Level) => `Z | ${level} | `)
const methodPart = remembered((method: string) => `${methodWord(method)} `)
const addressPart = remembered((address: string) => ` | Requested by: ${shortWord(address)} Status: `)
const statusPart = remembered((status: number) => `${status} Duration: `)
const routePart = remembered((route: string) => ` ms | Route: ${short(route)}`)
const requestPart = (id: string | undefined): string => (id === undefined ? '' : ` | Request: ${short(id)}`)

// 000 to 999: looked up, they cost less than a number that is formatted and padded.
const THREE_DIGITS = Array.from({ length: 1000 }, (_, number) => String(number).padStart(3, '0'))

let second = -1
let secondText = ''

/** `2026-11-21T03:24:20.123456Z | INFO | `. The date is formatted once per second. */
function headOf(time: number, level: Level): string {
  const whole = Math.floor(time / 1e6)
  if (whole !== second) {
    second = whole
    secondText = new Date(whole * 1000).toISOString().slice(0, 20)
  }
  const micros = Math.floor(time - whole * 1e6)
  return `${secondText}${THREE_DIGITS[Math.floor(micros / 1000)]}${THREE_DIGITS[micros % 1000]}${levelPart(level)}`
}

// As toFixed(3), at a third of its price.
function threeDecimals(value: number): string {
  const thousandths = Math.round(value * 1000)
  const whole = Math.floor(thousandths / 1000)
  return `${whole}.${THREE_DIGITS[thousandths - whole * 1000]}`
}

/** The line, with its one long text cut to the room that the rest leaves. */
function join(before: string, text: string, after: string): string {
  let long = escape(text)
  // Only a long text needs its exact room: eight texts of 1 KiB and the labels leave 7 KiB at least.
  if (long.length > 1024) long = cut(long, MAX_LINE_BYTES - utf8Length(before) - utf8Length(after))
  return before + long + after
}

/**
 * Writes a record as one line, its `\n` included, at most `MAX_LINE_BYTES` long in UTF-8.
 * A longer text is cut and ends in `…[cut N bytes]`.
 */
export function format(record: LogRecord): string {
  if (record.kind === 'request') return formatRequest(record.time, record.level, record)
  const { time, level, module, function: from, message, requestId } = record
  const before = `${headOf(time, level)}Module: ${short(module)} | Function: ${short(from)} | `
  return join(before, message, `${requestPart(requestId)}\n`)
}

/** `format` of a request, without making a record of it first; `time` in microseconds since 1970-01-01T00:00:00Z. */
export function formatRequest(time: number, level: Level, request: ObservedRequest): string {
  const route = request.route === undefined ? ' ms' : routePart(request.route)
  const aborted = request.aborted ? ' | Aborted: yes' : ''
  return join(
    headOf(time, level) + methodPart(request.method),
    request.uri,
    `${addressPart(request.requestedBy)}${statusPart(request.status)}${threeDecimals(request.durationMs)}${route}${aborted}${requestPart(request.requestId)}\n`,
  )
}

const LEVEL_ALIASES: Record<string, Level> = { WARNING: 'WARN', CRITICAL: 'FATAL' }

// Dates that exist, and no others: 31 days, 30, 28, and the 29 February of leap years.
const DATE = String.raw`(?:\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))|(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)`
const TIME = String.raw`(?<timestamp>${DATE}T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d))`
const LEVEL = '(?<level>DEBUG|INFO|WARN|WARNING|ERROR|FATAL|CRITICAL)'
const REQUEST_ID = String.raw`(?: \| Request: (?<request_id>[^|]*))?`

/** How a general line is read; older writers put no space before the last pipe. The groups are Promtail's too. */
export const GENERAL_LINE = new RegExp(
  String.raw`^${TIME} \| ${LEVEL} \| Module: (?<module>[^|]*?) ?\| Function: (?<function>[^|]*?) ?\| (?<message>.*?)${REQUEST_ID}$`,
  's',
)

/** How a request line is read; older writers have whole milliseconds, no route and no request id. */
export const REQUEST_LINE = new RegExp(
  String.raw`^${TIME} \| ${LEVEL} \| (?<method>[^ |:]+) (?<uri>.*?) \| Requested by: (?<requested_by>[^ |]+) Status: (?<status>\d{3}) Duration: (?<duration_ms>\d+(?:\.\d+)?) ms(?: \| Route: (?<route>[^|]*?))?(?<aborted> \| Aborted: yes)?${REQUEST_ID}$`,
  's',
)

function parseTime(text: string): number {
  const [, seconds = '', fraction = '', zone = ''] = /^(.{19})(?:\.(\d+))?(.+)$/.exec(text) ?? []
  return Date.parse(seconds + zone) * 1000 + Number(fraction.slice(0, 6).padEnd(6, '0'))
}

/**
 * Reads one line (with or without its line end) back into its record; `undefined` when it is no line of this format.
 * Also reads what older services in this format write: fewer decimals, `Function: f| message`, WARNING and CRITICAL,
 * whole milliseconds, no route, no request id.
 */
export function parse(line: string): LogRecord | undefined {
  const text = line.endsWith('\n') ? line.slice(0, -1) : line
  const groups = (GENERAL_LINE.exec(text) ?? REQUEST_LINE.exec(text))?.groups as
    Record<string, string | undefined> | undefined
  if (!groups) return undefined
  const level = groups['level'] ?? ''
  const common: Common = { time: parseTime(groups['timestamp'] ?? ''), level: LEVEL_ALIASES[level] ?? (level as Level) }
  if (groups['request_id'] !== undefined) common.requestId = unescape(groups['request_id'])
  if (groups['method'] === undefined) {
    return {
      ...common,
      kind: 'general',
      module: unescape(groups['module'] ?? ''),
      function: unescape(groups['function'] ?? ''),
      message: unescape(groups['message'] ?? ''),
    }
  }
  const record: RequestRecord = {
    ...common,
    kind: 'request',
    method: unescape(groups['method']),
    uri: unescape(groups['uri'] ?? ''),
    requestedBy: unescape(groups['requested_by'] ?? ''),
    status: Number(groups['status']),
    durationMs: Number(groups['duration_ms']),
  }
  if (groups['route'] !== undefined) record.route = unescape(groups['route'])
  if (groups['aborted'] !== undefined) record.aborted = true
  return record
}

/**
 * A clock for lines: microseconds since the epoch that strictly increase within a process, so that every line is
 * unique and the order of lines is the order of their timestamps, also when the system's clock steps back.
 */
export function createClock(now: () => number = Date.now): () => number {
  let last = 0
  return () => (last = Math.max(now() * 1000, last + 1))
}

/** The level of a request line: 5xx ERROR, 4xx WARN, else INFO. */
export const levelOfStatus = (status: number): Level => (status >= 500 ? 'ERROR' : status >= 400 ? 'WARN' : 'INFO')
