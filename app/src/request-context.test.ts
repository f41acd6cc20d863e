import { expect, test } from 'vitest'
import { createIds, requestIdOf } from './request-context.ts'

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

test('every id is a UUIDv7 of this moment, and none comes twice', () => {
  const ids = Array.from({ length: 10_000 }, () => requestIdOf(undefined, performance.now()))
  for (const id of ids) expect(id).toMatch(UUID_V7)
  expect(new Set(ids).size).toBe(ids.length)
  expect(Math.abs(parseInt((ids.at(-1) ?? '').replace('-', '').slice(0, 12), 16) - Date.now())).toBeLessThan(1000)
})

test('within a millisecond the end counts, and a new one is drawn for the next', () => {
  const draws = ['0199f2aa-0000-7000-8000-000000abcdef', '0199f2aa-0001-7000-8000-abcdef000fff']
  const newId = createIds(() => draws.shift() ?? 'drawn too often')
  expect([newId(5), newId(5.4), newId(5.9), newId(6), newId(6.9)]).toEqual([
    '0199f2aa-0000-7000-8000-000000abc000',
    '0199f2aa-0000-7000-8000-000000abc001',
    '0199f2aa-0000-7000-8000-000000abc002',
    '0199f2aa-0001-7000-8000-abcdef000000',
    '0199f2aa-0001-7000-8000-abcdef000001',
  ])
})

test('where the last 12 bits are used up within a millisecond, another one is drawn', () => {
  const draws = ['0199f2aa-0000-7000-8000-000000000000', '0199f2aa-0000-7000-9000-000000000000']
  const newId = createIds(() => draws.shift() ?? 'drawn too often')
  const ids = Array.from({ length: 4097 }, () => newId(0))
  expect(ids.slice(-2)).toEqual(['0199f2aa-0000-7000-8000-000000000fff', '0199f2aa-0000-7000-9000-000000000000'])
  expect(new Set(ids).size).toBe(ids.length)
})
