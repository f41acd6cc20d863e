import { expect, test } from 'vitest'
import { createChoice } from './choice.ts'

test('Each value is drawn as often as its share of the weights', () => {
  let n = 0
  const draw = createChoice(
    [
      [6, 'often'],
      [0, 'never'],
      [3.5, 'sometimes'],
      [0.5, 'rarely'],
    ],
    () => (n++ % 1000) / 1000,
  )
  const counts: Record<string, number> = {}
  for (let i = 0; i < 1000; i++) {
    const value = draw()
    counts[value] = (counts[value] ?? 0) + 1
  }
  expect(counts).toEqual({ often: 600, sometimes: 350, rarely: 50 })
})

test('The largest random number draws the last value', () => {
  const tenths = Array.from({ length: 10 }, (_, value) => [0.1, value] as const)
  expect(createChoice(tenths, () => 1 - Number.EPSILON / 2)()).toBe(9)
})

test('Nothing to choose from is refused', () => {
  expect(() => createChoice([], Math.random)).toThrow('nothing to choose from')
})
