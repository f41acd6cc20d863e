import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  createClock,
  format,
  LEVELS,
  levelOfStatus,
  MAX_LINE_BYTES,
  parse,
  type GeneralRecord,
  type LogRecord,
  type RequestRecord,
} from './log-line.ts'

// What could be taken for a part of the line, and what escapes could trip over.
const TRAPS = [
  ' | Request: forged',
  ' | Route: /forged',
  ' | Aborted: yes',
  'Module: ',
  ' | Function: ',
  ' | Requested by: 1.2.3.4 Status: 200 Duration: 1.000 ms',
  '2026-11-21T03:24:20.123456Z | INFO | GET /',
  '…[cut 7 bytes]',
  '\\u007c',
  '\\n',
  '\\',
  '\\\\"',
  '"',
  '|',
  ' ',
  '\r\n',
  '\u001b[31m',
  '\u0085',
  '\u2028',
  '\ufeff',
  '\ud83d',
  '\ude00',
  '😀',
]

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  // Any UTF-16 units, lone surrogates among them.
  fc.array(fc.integer({ min: 0, max: 0xff_ff }), { maxLength: 40 }).map((units) => String.fromCharCode(...units)),
  fc.array(fc.oneof(fc.constantFrom(...TRAPS), fc.string({ maxLength: 3 })), { maxLength: 10 }).map((t) => t.join('')),
)
const word = text.filter((value) => value !== '')

const common = {
  time: fc.integer({ min: 0, max: Date.UTC(2200) * 1000 }),
  level: fc.constantFrom(...LEVELS),
}
const optional = { requiredKeys: [] as [] }

const generalOf = (texts: fc.Arbitrary<string>): fc.Arbitrary<GeneralRecord> =>
  fc
    .tuple(
      fc.record({ ...common, kind: fc.constant('general' as const), module: texts, function: texts, message: texts }),
      fc.record({ requestId: texts }, optional),
    )
    .map(([required, extra]) => ({ ...required, ...extra }))

const requestOf = (texts: fc.Arbitrary<string>, words: fc.Arbitrary<string>): fc.Arbitrary<RequestRecord> =>
  fc
    .tuple(
      fc.record({
        ...common,
        kind: fc.constant('request' as const),
        method: words,
        uri: texts,
        requestedBy: words,
        status: fc.integer({ min: 100, max: 999 }),
        durationMs: fc.nat({ max: 1e12 }).map((microseconds) => microseconds / 1000),
      }),
      fc.record({ requestId: texts, route: texts, aborted: fc.constant(true as const) }, optional),
    )
    .map(([required, extra]) => ({ ...required, ...extra }))

const record: fc.Arbitrary<LogRecord> = fc.oneof(generalOf(text), requestOf(text, word))

const general = (message: string): GeneralRecord => ({
  kind: 'general',
  time: 1_795_231_460_123_456,
  level: 'INFO',
  module: 'facts',
  function: 'serveFact',
  message,
})

describe('a line', () => {
  test('is read back into its record, whatever its texts hold', () => {
    fc.assert(
      fc.property(record, (written) => {
        expect(parse(format(written))).toEqual(written)
      }),
      { numRuns: 2000 },
    )
  })

  test('ends once, at its end, and has no control character and no pipe but its own', () => {
    fc.assert(
      fc.property(record, (written) => {
        const line = format(written)
        expect(line.indexOf('\n')).toBe(line.length - 1)
        expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cs}\u2028\u2029\ufeff]/u)
        const pipes = written.kind === 'general' ? 4 : 3 + Number('route' in written) + Number('aborted' in written)
        expect(line.split('|')).toHaveLength(pipes + 1 + Number('requestId' in written))
      }),
      { numRuns: 1000 },
    )
  })

  test('is what the contract shows', () => {
    expect(format({ ...general('Served 3 facts'), requestId: '0199f2' })).toBe(
      '2026-11-21T03:24:20.123456Z | INFO | Module: facts | Function: serveFact | Served 3 facts | Request: 0199f2\n',
    )
    expect(
      format({
        kind: 'request',
        time: 1_795_231_460_000_007,
        level: 'WARN',
        method: 'GET',
        uri: '/items/7?a=b|c',
        requestedBy: '172.18.0.5',
        status: 404,
        durationMs: 0.4119,
        route: '/items/:id',
        aborted: true,
        requestId: '0199f2',
      }),
    ).toBe(
      '2026-11-21T03:24:20.000007Z | WARN | GET /items/7?a=b\\u007cc | Requested by: 172.18.0.5 Status: 404 ' +
        'Duration: 0.412 ms | Route: /items/:id | Aborted: yes | Request: 0199f2\n',
    )
  })
})

// What a text is in a line, made another way than by the source.
const escaped = (value: string): string =>
  JSON.stringify(value)
    .slice(1, -1)
    .replaceAll(/[|\u007f-\u009f\u2028\u2029\ufeff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)

const escapedWord = (value: string): string => escaped(value).replaceAll(' ', '\\u0020')

// The text fields, and how each stands in a line.
const FIELDS = {
  module: escaped,
  function: escaped,
  message: escaped,
  method: escapedWord,
  uri: escaped,
  requestedBy: escapedWord,
  route: escaped,
  requestId: escaped,
}

/** What a cut text should be, given how much of it was kept; undefined when it is no beginning of `whole`. */
function expectedCut(read: string, whole: string, escapeText: (value: string) => string): string | undefined {
  const kept = read.slice(0, read.lastIndexOf('…[cut '))
  const splitsPair = /^[\uD800-\uDBFF][\uDC00-\uDFFF]/.test(whole.slice(kept.length - 1))
  if (!whole.startsWith(kept) || splitsPair) return undefined
  return `${kept}…[cut ${Buffer.byteLength(escapeText(whole)) - Buffer.byteLength(escapeText(kept))} bytes]`
}

describe('a line that would be too long', () => {
  const long = fc.tuple(word, fc.integer({ min: 1, max: 20_000 })).map(([part, length]) => {
    const times = Math.ceil(length / part.length)
    return part.repeat(times)
  })
  const longRecord: fc.Arbitrary<LogRecord> = fc.oneof(generalOf(long), requestOf(long, long))

  test('is cut to 16 KiB between characters, says how much was cut, and is read as any other', () => {
    fc.assert(
      fc.property(longRecord, (written) => {
        const line = format(written)
        expect(Buffer.byteLength(line)).toBeLessThanOrEqual(MAX_LINE_BYTES)
        expect(Buffer.from(line).toString()).toBe(line)
        const read: Record<string, unknown> = { ...parse(line) }
        const expected: Record<string, unknown> = { ...written }
        for (const [field, escapeText] of Object.entries(FIELDS)) {
          const [is, was] = [read[field], expected[field]]
          if (is !== was) expected[field] = expectedCut(String(is), String(was), escapeText)
        }
        expect(read).toEqual(expected)
      }),
      { numRuns: 150 },
    )
  })

  test('is whole with exactly 16 KiB, and cut with one byte more', () => {
    const room = MAX_LINE_BYTES - Buffer.byteLength(format(general('')))
    const fits = format(general('x'.repeat(room)))
    expect(Buffer.byteLength(fits)).toBe(MAX_LINE_BYTES)
    expect(fits).toMatch(/xx\n$/)
    const cut = format(general('x'.repeat(room + 1)))
    expect(cut).toMatch(/x…\[cut \d+ bytes\]\n$/)
    expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(MAX_LINE_BYTES)
    expect(Buffer.byteLength(cut)).toBeGreaterThan(MAX_LINE_BYTES - 4)
  })
})

describe('lines of older services', () => {
  test.for([
    [
      '2023-05-04T12:30:22.123Z | WARNING | Module: main | Function: f| hello | world "q" C:\\dir',
      {
        level: 'WARN',
        time: 1_683_203_422_123_000,
        module: 'main',
        function: 'f',
        message: 'hello | world "q" C:\\dir',
      },
    ],
    [
      '2023-05-04T12:30:22Z | CRITICAL | Module: main | Function: f| ',
      { level: 'FATAL', time: 1_683_203_422_000_000, module: 'main', function: 'f', message: '' },
    ],
    [
      '2023-05-04T14:30:22.5+02:00 | ERROR | Module: m | Function: f | a \\"b\\" "c"\r',
      { level: 'ERROR', time: 1_683_203_422_500_000, message: expect.stringContaining('"c"') },
    ],
    [
      '2023-05-04T12:30:22.123Z | INFO | GET /cat_facts?x=a|b | Requested by: 172.18.0.5 Status: 200 Duration: 12 ms',
      { method: 'GET', uri: '/cat_facts?x=a|b', requestedBy: '172.18.0.5', status: 200, durationMs: 12 },
    ],
  ] as const)('are read: %s', ([line, expected]) => {
    const read = parse(line)
    expect(read).toMatchObject(expected)
    expect(read).not.toHaveProperty('requestId')
    expect(read).not.toHaveProperty('route')
  })

  test.for([
    '',
    'Traceback (most recent call last):',
    '2026-11-21T03:24:20.123456Z | INFO | nothing more',
    '2026-11-21T03:24:20.123456Z | NOTICE | Module: m | Function: f | x',
    '2026-11-21 03:24:20 | INFO | Module: m | Function: f | x',
    '2026-99-21T03:24:20.123456Z | INFO | Module: m | Function: f | x',
    '2026-11-21T03:24:20.123456Z | INFO | GET / | Requested by: - Status: 20 Duration: 1 ms',
    ' 2026-11-21T03:24:20.123456Z | INFO | Module: m | Function: f | x',
  ])('of another format are none: %s', (line) => {
    expect(parse(line)).toBeUndefined()
  })
})

const two = (value: number): string => String(value).padStart(2, '0')

test('a line has a date that exists, in every year of four centuries', () => {
  const read: string[] = []
  const existing: string[] = []
  for (let year = 1900; year < 2300; year++) {
    for (let month = 0; month <= 13; month++) {
      for (const day of [0, 1, 28, 29, 30, 31, 32]) {
        const date = `${year}-${two(month)}-${two(day)}`
        const time = new Date(Date.UTC(year, month - 1, day))
        if (time.getUTCMonth() === month - 1 && time.getUTCDate() === day) existing.push(date)
        if (parse(`${date}T00:00:00Z | INFO | Module: - | Function: - | -`)?.time === time.getTime() * 1000)
          read.push(date)
      }
    }
  }
  expect(read).toEqual(existing)
})

describe('promtail/samples.json', () => {
  interface Sample {
    name: string
    line: string
    kind: 'general' | 'request' | 'malformed'
    record: LogRecord | null
  }
  const samples = JSON.parse(readFileSync(new URL('../../promtail/samples.json', import.meta.url), 'utf8')) as Sample[]

  test.for(samples)('$name', ({ line, kind, record: expected }) => {
    const read = parse(line)
    expect(read ?? null).toEqual(expected)
    expect(read?.kind ?? 'malformed').toBe(kind)
  })

  // What `format` writes today: six decimals in UTC, a space before each pipe, three decimals of a millisecond.
  const CURRENT =
    /^\S{26}Z \| (DEBUG|INFO|WARN|ERROR|FATAL) \| (Module: .*\| Function: [^|]* \| |.* Duration: \d+\.\d{3} ms \| Route: )/
  const current = samples.filter(({ line, kind }) => kind !== 'malformed' && CURRENT.test(line))

  test.for(current)('$name is written again as it is', ({ line }) => {
    expect(format(parse(line) as LogRecord)).toBe(`${line}\n`)
  })
})

describe('the clock', () => {
  test('strictly increases, also while time stands still or steps back', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 2, maxLength: 50 }), (times) => {
        let now = 0
        const clock = createClock(() => now)
        const read = times.map((time) => {
          now = time
          return clock()
        })
        expect(read).toEqual([...new Set(read)].toSorted((a, b) => a - b))
      }),
    )
  })

  test('is the time in microseconds, and at most as many ahead as there were lines in one millisecond', () => {
    let now = 1000
    const clock = createClock(() => now)
    expect([clock(), clock(), clock()]).toEqual([1_000_000, 1_000_001, 1_000_002])
    now = 1001
    expect(clock()).toBe(1_001_000)
    now = 500
    expect(clock()).toBe(1_001_001)
  })
})

test.for([
  [100, 'INFO'],
  [204, 'INFO'],
  [399, 'INFO'],
  [400, 'WARN'],
  [499, 'WARN'],
  [500, 'ERROR'],
  [999, 'ERROR'],
] as const)('the level of status %i is %s', ([status, level]) => {
  expect(levelOfStatus(status)).toBe(level)
})
