import type { Request, Response } from 'express'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createFaults, NO_FAULTS } from './faults.ts'

const NOW = Date.UTC(2026, 10, 21)

beforeEach(() => {
  vi.useFakeTimers({ now: NOW, toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** Runs the middleware; resolves with what it passed on with, rejects with what it threw. */
async function pass({ middleware }: ReturnType<typeof createFaults>): Promise<unknown> {
  const next = vi.fn<() => void>()
  await middleware({} as Request, {} as Response, next)
  expect(next).toHaveBeenCalledExactlyOnceWith()
  return 'passed'
}

test('faults are off at first', async () => {
  const faults = createFaults(() => 0)
  expect(faults.get()).toEqual(NO_FAULTS)
  expect(await pass(faults)).toBe('passed')
})

test('the error rate is the share of requests that fail', async () => {
  const draws = [0, 0.29, 0.3, 0.99]
  const faults = createFaults(() => draws.shift() ?? 0)
  faults.set({ ...NO_FAULTS, errorRate: 0.3 }, 60)
  await expect(pass(faults)).rejects.toMatchObject({ status: 500 })
  await expect(pass(faults)).rejects.toMatchObject({ status: 500 })
  expect(await pass(faults)).toBe('passed')
  expect(await pass(faults)).toBe('passed')
})

test('faults end by themselves, and setting them anew starts their time anew', async () => {
  const faults = createFaults(() => 0)
  faults.set({ ...NO_FAULTS, errorRate: 1 }, 60)
  expect(faults.get()).toEqual({ ...NO_FAULTS, errorRate: 1, until: new Date(NOW + 60_000).toISOString() })
  vi.advanceTimersByTime(50_000)
  faults.set({ ...NO_FAULTS, errorRate: 0.5 }, 20)
  vi.advanceTimersByTime(19_999)
  expect(faults.get().errorRate).toBe(0.5)
  vi.advanceTimersByTime(1)
  expect(faults.get()).toEqual(NO_FAULTS)
  expect(await pass(faults)).toBe('passed')
})

test('faults end when they are cleared', () => {
  const faults = createFaults()
  faults.set({ errorRate: 1, latencyMs: 10, cpuMs: 10 }, 60)
  faults.clear()
  expect(faults.get()).toEqual(NO_FAULTS)
  expect(vi.getTimerCount()).toBe(0)
})

test('the event loop is blocked once a second', () => {
  const faults = createFaults()
  faults.set({ ...NO_FAULTS, cpuMs: 5 }, 60)
  const start = performance.now()
  vi.advanceTimersByTime(999)
  expect(performance.now() - start).toBeLessThan(5)
  vi.advanceTimersByTime(2001)
  expect(performance.now() - start).toBeGreaterThanOrEqual(15)
  faults.clear()
})
