/** Faults on purpose: what an alert can be tried with. Off until switched on, and off again by themselves. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { RequestHandler } from 'express'
import { Problem } from './problem.ts'

export interface Faults {
  /** Share of requests that are answered with 500, 0 to 1. */
  errorRate: number
  /** Added before each answer, in milliseconds. */
  latencyMs: number
  /** How long the event loop is blocked within each second, in milliseconds. */
  cpuMs: number
}

export const NO_FAULTS: Faults = { errorRate: 0, latencyMs: 0, cpuMs: 0 }

function blockFor(milliseconds: number): void {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}

export type FaultSwitch = ReturnType<typeof createFaults>

/** Makes the switch and the middleware that acts on it; `random` is from 0 to 1. */
export function createFaults(random: () => number = Math.random) {
  let faults = NO_FAULTS
  let until: number | undefined
  let expiry: NodeJS.Timeout | undefined
  let blocker: NodeJS.Timeout | undefined

  function set(next: Faults, durationSeconds: number): void {
    clear()
    faults = next
    until = Date.now() + durationSeconds * 1000
    expiry = setTimeout(clear, durationSeconds * 1000).unref()
    if (next.cpuMs > 0) blocker = setInterval(() => blockFor(next.cpuMs), 1000).unref()
  }

  function clear(): void {
    clearTimeout(expiry)
    clearInterval(blocker)
    faults = NO_FAULTS
    until = undefined
  }

  const middleware: RequestHandler = async (_request, _response, next) => {
    if (faults.latencyMs > 0) await sleep(faults.latencyMs)
    if (faults.errorRate > 0 && random() < faults.errorRate)
      throw new Problem(500, 'This failure was asked for with PUT /faults')
    next()
  }

  return {
    middleware,
    set,
    clear,
    /** What is on now; `until` is an ISO time, absent when nothing is on. */
    get: () => ({ ...faults, ...(until === undefined ? {} : { until: new Date(until).toISOString() }) }),
  }
}
