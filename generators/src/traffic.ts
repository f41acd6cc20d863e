/** The loop that sends requests at the pace of the wave and keeps going while the service does not. */
import type { Logger } from 'pino'
import type { Dispatcher } from 'undici'
import { sleep } from './command.ts'
import { createAlarm, createArrivals, wave } from './pace.ts'
import type { PlannedRequest, Requests } from './requests.ts'
import type { Tally } from './tally.ts'

const REPORT_MS = 60_000
const LONGEST_SLEEP_MS = 1000
const HEALTH_TIMEOUT_MS = 2000
const LONGEST_BACKOFF_MS = 2000
// How long requests in flight may take after a stop.
const GRACE_MS = 3000

export interface TrafficOptions {
  /** One service's connections. */
  pool: Dispatcher
  requests: Requests
  tally: Tally
  log: Pick<Logger, 'info' | 'warn'>
  /** Called in every turn of the loop. */
  beat: () => void
  /** Requests in flight at the same time, at most. */
  clients: number
  /** Mean requests per second. */
  rate: number
  /** 0 for a steady rate. */
  waveSeconds: number
  /** 0 for no end. */
  maxRequests: number
  timeoutMs: number
  /** Uniform in [0, 1). */
  random: () => number
  /** Milliseconds, monotonic. */
  now: () => number
}

function codeOf(error: unknown): string {
  const { name, code } = error as { name?: string; code?: unknown }
  if (name === 'TimeoutError') return 'TIMEOUT'
  return typeof code === 'string' ? code : (name ?? String(error))
}

/** Sends requests until `maxRequests` are sent or `signal` aborts; resolves when nothing is in flight any more. */
export async function runTraffic(options: TrafficOptions, signal: AbortSignal): Promise<void> {
  const { pool, requests, tally, log, beat, clients, rate, waveSeconds, maxRequests, timeoutMs, random, now } = options
  const start = now()
  const arrivals = createArrivals({ rate: () => rate * wave((now() - start) / 1000, waveSeconds), random, now })
  const reportDue = createAlarm({ everyMs: REPORT_MS, now })
  const inFlight = new Set<Promise<void>>()
  // Why the service counts as away: at the start nobody has seen it yet.
  let away: string | undefined = 'not seen yet'

  async function exchange(planned: PlannedRequest): Promise<void> {
    const { endpoint, settle, ...request } = planned
    tally.sent(endpoint)
    try {
      const { statusCode, body } = await pool.request({ ...request, signal: AbortSignal.timeout(timeoutMs) })
      const text = await body.text()
      tally.answered(endpoint, statusCode)
      settle(statusCode, text)
    } catch (error) {
      const code = codeOf(error)
      tally.failed(endpoint, code)
      settle()
      // A slow service gets no more than its clients wait for; one that is not there is left alone until it is back.
      if (code !== 'TIMEOUT') away = code
    }
  }

  function send(): void {
    const exchanged = exchange(requests.next()).finally(() => inFlight.delete(exchanged))
    inFlight.add(exchanged)
  }

  async function isReady(): Promise<boolean> {
    try {
      const { statusCode, body } = await pool.request({
        path: '/health',
        method: 'GET',
        signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS),
      })
      await body.dump()
      return statusCode === 200
    } catch {
      return false
    }
  }

  function turn(): void {
    beat()
    if (reportDue()) log.info({ traffic: tally.summary() }, 'traffic so far')
  }

  async function waitUntilBack(): Promise<void> {
    log.info({ reason: away }, 'waiting for the service')
    for (let pause = 100; !signal.aborted && !(await isReady()); pause = Math.min(pause * 2, LONGEST_BACKOFF_MS)) {
      turn()
      await sleep(pause, signal)
    }
    away = undefined
    // What would have been sent meanwhile is not made up for.
    arrivals.due()
    if (signal.aborted) return
    requests.restart()
    log.info('the service is ready')
  }

  const finished = () => maxRequests > 0 && tally.total >= maxRequests

  while (!signal.aborted && !finished()) {
    turn()
    if (away !== undefined) {
      await waitUntilBack()
      continue
    }
    for (let due = arrivals.due(); due > 0 && !finished(); due--) {
      if (inFlight.size < clients) send()
      else tally.skipped()
    }
    await sleep(Math.min(Math.max(arrivals.waitMs(), 1), LONGEST_SLEEP_MS), signal)
  }

  const deadline = new AbortController()
  const settled = Promise.all(inFlight).finally(() => deadline.abort())
  if (signal.aborted) {
    await sleep(GRACE_MS, deadline.signal)
    if (inFlight.size > 0) await pool.destroy()
  }
  await settled
}
