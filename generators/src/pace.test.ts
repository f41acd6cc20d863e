import { describe, expect, test } from 'vitest'
import { createAlarm, createArrivals, createTokenBucket, wave } from './pace.ts'
import { createClock } from './test-clock.ts'

describe('wave', () => {
  test('A day has a mean of 1, a busy and a quiet time, and begins again', () => {
    const day = Array.from({ length: 600 }, (_, second) => wave(second, 600))
    expect(day.reduce((sum, factor) => sum + factor, 0) / 600).toBeCloseTo(1, 10)
    expect(wave(150, 600)).toBeCloseTo(1.6)
    expect(wave(450, 600)).toBeCloseTo(0.4)
    expect(wave(600 + 77, 600)).toBeCloseTo(wave(77, 600))
  })

  test('A period of 0 is a steady rate', () => {
    expect([0, 1, 1234.5].map((second) => wave(second, 0))).toEqual([1, 1, 1])
  })
})

describe('arrivals', () => {
  test('Intervals are exponential with the mean of the rate', () => {
    const clock = createClock()
    // Every quantile of the interval once: the mean must come out without luck.
    let draws = 0
    const arrivals = createArrivals({ rate: () => 50, random: () => ((draws++ * 617) % 1000) / 1000, now: clock.now })
    let arrived = 0
    let longest = 0
    while (arrived < 10_000) {
      longest = Math.max(longest, arrivals.waitMs())
      clock.pass(arrivals.waitMs())
      arrived += arrivals.due()
    }
    expect(clock.now() / 10_000).toBeGreaterThan(19.5)
    expect(clock.now() / 10_000).toBeLessThan(20.5)
    expect(longest).toBeGreaterThan(100)
  })

  test('A clock that is read late still yields everything that was due', () => {
    const clock = createClock()
    const arrivals = createArrivals({ rate: () => 1000, random: () => 1 - 1 / Math.E, now: clock.now })
    clock.pass(100.5)
    expect(arrivals.due()).toBe(100)
    expect(arrivals.due()).toBe(0)
    expect(arrivals.waitMs()).toBeCloseTo(0.5)
  })

  test('A pause of an hour is made up for with one second, not with an hour', () => {
    const clock = createClock()
    const arrivals = createArrivals({ rate: () => 10, random: () => 1 - 1 / Math.E, now: clock.now })
    clock.pass(3_600_000)
    expect(arrivals.due()).toBeLessThanOrEqual(11)
  })

  test('A rate of 0 brings nothing', () => {
    const clock = createClock()
    const arrivals = createArrivals({ rate: () => 0, random: () => 0.5, now: clock.now })
    clock.pass(1e9)
    expect(arrivals.due()).toBe(0)
    expect(arrivals.waitMs()).toBe(Infinity)
  })
})

describe('token bucket', () => {
  test.each([0.25, 5, 7.3, 333, 50_000])(
    'At %d a second, uneven ticks hand out exactly the rate over a minute',
    (rate) => {
      const clock = createClock()
      const bucket = createTokenBucket({ rate, now: clock.now })
      let taken = 0
      for (let tick = 0; clock.now() < 60_000; tick++) {
        clock.pass(Math.min([10, 13.7, 400, 25][tick % 4] ?? 0, 60_000 - clock.now()))
        taken += bucket.take()
      }
      expect(taken).toBe(Math.floor(rate * 60 + 1e-6))
    },
  )

  test('After a pause it hands out one second’s worth, and then keeps its rate', () => {
    const clock = createClock()
    const bucket = createTokenBucket({ rate: 100, now: clock.now })
    clock.pass(3_600_000)
    expect(bucket.take()).toBe(100)
    expect(bucket.take()).toBe(0)
    clock.pass(1000)
    expect(bucket.take()).toBe(100)
  })

  test('What a limit leaves is there for the next one', () => {
    const clock = createClock()
    const bucket = createTokenBucket({ rate: 10, now: clock.now })
    clock.pass(500)
    expect([bucket.take(2), bucket.take(), bucket.take()]).toEqual([2, 3, 0])
  })

  test('It says when the next token comes', () => {
    const clock = createClock()
    const bucket = createTokenBucket({ rate: 4, now: clock.now })
    expect(bucket.waitMs()).toBe(250)
    clock.pass(bucket.waitMs())
    expect(bucket.take()).toBe(1)
    expect(createTokenBucket({ rate: 0, now: clock.now }).waitMs()).toBe(Infinity)
  })

  test('A rate of 0 hands out nothing', () => {
    const clock = createClock()
    const bucket = createTokenBucket({ rate: 0, now: clock.now })
    clock.pass(1e9)
    expect(bucket.take()).toBe(0)
  })
})

test('An alarm is due once per period, however often it is asked', () => {
  const clock = createClock()
  const due = createAlarm({ everyMs: 5000, now: clock.now })
  const answers = Array.from({ length: 20 }, () => {
    clock.pass(1000)
    return due()
  })
  expect(answers.flatMap((yes, second) => (yes ? [second + 1] : []))).toEqual([5, 10, 15, 20])
})
