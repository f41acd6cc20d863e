import { faker } from '@faker-js/faker/locale/en'
import { expect, test } from 'vitest'
import { createClock as createLineClock, MAX_LINE_BYTES, parse, type LogRecord } from '../../app/src/log-line.ts'
import { AWKWARD_TEXTS, createLines } from './lines.ts'

function write(count: number, seed: number): string[] {
  faker.seed(seed)
  const next = createLines({ faker, random: () => faker.number.float(), clock: createLineClock(() => 0) })
  return Array.from({ length: count }, (_, n) => next(n + 1))
}

const records = (lines: string[]) => lines.map((line) => parse(line) as LogRecord)
const share = <T>(values: T[], is: (value: T) => boolean) => values.filter(is).length / values.length
const MANY = write(10_000, 1)

test('Every line is one line of the format, short enough, and carries its number', () => {
  const wrong = MANY.filter((line, n) => {
    const record = parse(line)
    const text = record?.kind === 'general' ? record.message : record?.uri
    const numbered = /\bseq=(\d+)/.exec(text ?? '')?.[1] === String(n + 1)
    return !(numbered && line.indexOf('\n') === line.length - 1 && Buffer.byteLength(line) <= MAX_LINE_BYTES)
  })
  expect(wrong).toEqual([])
  expect(MANY.some((line) => /…\[cut \d+ bytes\]/.test(line))).toBe(true)
})

test('Awkward texts come back as they were', () => {
  const messages = new Set(
    records(MANY).map((record) => ('message' in record ? record.message.replace(/^seq=\d+ /, '') : '')),
  )
  for (const text of AWKWARD_TEXTS) expect(messages).toContain(text)
})

test('The levels are those of a healthy service: mostly INFO, few WARN, at most one percent ERROR and FATAL', () => {
  const levels = records(MANY).map(({ level }) => level)
  expect(share(levels, (level) => level === 'INFO')).toBeGreaterThan(0.85)
  expect(share(levels, (level) => level === 'WARN')).toBeLessThan(0.06)
  expect(share(levels, (level) => level === 'ERROR' || level === 'FATAL')).toBeLessThan(0.01)
})

test('The first forty lines show every level, both kinds, and answers of every class', () => {
  const first = records(MANY.slice(0, 40))
  expect(new Set(first.map(({ level }) => level)).size).toBe(5)
  const statuses = first.flatMap((record) => (record.kind === 'request' ? [Math.floor(record.status / 100)] : []))
  expect(new Set(statuses)).toEqual(new Set([2, 3, 4, 5]))
})

test('There are lines with a request id and without, and general lines share the id of their request line', () => {
  const all = records(MANY)
  for (const kind of ['general', 'request'] as const) {
    const withId = share(
      all.filter((record) => record.kind === kind),
      ({ requestId }) => requestId !== undefined,
    )
    expect(withId).toBeGreaterThan(0.3)
    expect(withId).toBeLessThan(0.98)
  }
  const shared = all.filter(
    (record, n) =>
      record.kind === 'request' && record.requestId !== undefined && all[n - 1]?.requestId === record.requestId,
  )
  expect(shared.length).toBeGreaterThan(1000)
})

test('The same seed writes the same lines', () => {
  expect(write(500, 2)).toEqual(write(500, 2))
  expect(write(500, 2)).not.toEqual(write(500, 3))
})
