import { describe, expect, test } from 'vitest'
import { createSequence } from './audit-sequence.ts'

function skipped(...files: [path: string, numbers: number[]][]): number {
  const sequence = createSequence()
  for (const [path, numbers] of files) {
    for (const number of numbers) sequence.see(path, `2026-11-21T03:24:20.123456Z | INFO | … | seq=${number} text`)
  }
  return sequence.skipped()
}

describe('the numbers of a process', () => {
  test('may go on in the next segment', () => {
    expect(skipped(['/a/20261121T032420Z-aaaaaa-9.log', [7, 8]], ['/a/20261121T032420Z-aaaaaa-10.log', [9, 10]])).toBe(
      0,
    )
  })

  test('are counted where they are skipped, within a segment and between two', () => {
    expect(skipped(['/a/b-c-1.log', [1, 2, 5]], ['/a/b-c-2.log', [7]])).toBe(3)
  })

  test('begin anew with another process', () => {
    expect(skipped(['/a/b-c-1.log', [1, 2]], ['/a/b-d-1.log', [1, 2]])).toBe(0)
  })

  test('are skipped where nothing is left of a segment', () => {
    expect(skipped(['/a/b-c-1.log', [1, 2]], ['/a/b-c-3.log', [9]])).toBe(6)
  })

  test('are found in request targets too, and lines without one are passed over', () => {
    const sequence = createSequence()
    sequence.see('/a/b-c-1.log', '… | GET /items?page=2&seq=1 | Requested by: - …')
    sequence.see('/a/b-c-1.log', 'no number')
    sequence.see('/a/b-c-1.log', '… | GET /items?seq=3 | Requested by: - …')
    expect(sequence.skipped()).toBe(1)
  })
})
