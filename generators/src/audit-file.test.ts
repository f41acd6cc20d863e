import { describe, expect, test } from 'vitest'
import { createFileComparison } from './audit-file.ts'

const lines = Array.from({ length: 10_000 }, (_, n) => `2026-11-21T03:24:20.${String(n).padStart(6, '0')}Z | line ${n}`)

function compare(written: string[], stored: string[], malformed = new Set<string>()) {
  const comparison = createFileComparison()
  for (const line of written) comparison.write(line)
  for (const line of stored) comparison.store(line, malformed.has(line))
  return { ...comparison.result(), examples: comparison.examples, has: comparison.has }
}

const nothing = { missing: 0, waiting: 0, doubled: 0, forged: 0, malformed: 0 }

describe('a file and what Loki has of it', () => {
  test('agree when every line is there once, in whatever order', () => {
    expect(compare(lines, lines.toReversed())).toMatchObject({ ...nothing, written: 10_000, stored: 10_000 })
  })

  test('differ by a line that is missing, and it can be named', () => {
    const result = compare(lines, lines.toSpliced(5000, 1))
    expect(result).toMatchObject({ ...nothing, written: 10_000, stored: 9999, missing: 1 })
    expect(lines.filter((line) => !result.has(line))).toEqual([lines[5000]])
  })

  test('differ by what is still to come when only the last lines are missing', () => {
    expect(compare(lines, lines.slice(0, 9000))).toMatchObject({ ...nothing, stored: 9000, waiting: 1000 })
  })

  test('of which Loki has nothing, is on its way as a whole', () => {
    expect(compare(lines, [])).toMatchObject({ ...nothing, stored: 0, waiting: 10_000 })
  })

  test('tell a gap from the end that is still to come', () => {
    expect(compare(lines, lines.slice(0, 9000).toSpliced(10, 5))).toMatchObject({ missing: 5, waiting: 1000 })
  })

  test('differ by each repeat', () => {
    const result = compare(lines, [...lines, lines[7] ?? '', lines[7] ?? '', lines[8] ?? ''])
    expect(result).toMatchObject({ ...nothing, stored: 10_000, doubled: 3 })
    expect(result.examples.doubled).toEqual([lines[7], lines[7], lines[8]])
  })

  test('differ by a line that was never written', () => {
    const result = compare(lines, [...lines, 'forged'])
    expect(result).toMatchObject({ ...nothing, stored: 10_000, forged: 1 })
    expect(result.examples.forged).toEqual(['forged'])
  })

  test('count equal lines as often as they were written', () => {
    expect(compare(['a', 'a', 'a', 'b'], ['a', 'a', 'b'])).toMatchObject({ written: 4, stored: 3, missing: 1 })
    expect(compare(['a', 'a', 'b'], ['a', 'a', 'a', 'b'])).toMatchObject({ stored: 3, doubled: 1 })
  })

  test('count what Loki keeps as malformed', () => {
    expect(compare(['a', 'b'], ['a', 'b'], new Set(['b']))).toMatchObject({ ...nothing, stored: 2, malformed: 1 })
  })

  test('do not differ by how a reader shows invalid UTF-8', () => {
    expect(compare(['a\ufffdb'], ['a\ufffd\ufffd\ufffdb'])).toMatchObject({ ...nothing, stored: 1 })
  })
})
