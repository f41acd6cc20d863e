/** When the next thing happens. Nothing here sleeps or reads a clock of its own: `now` is in milliseconds, monotonic. */

/** How far a day's busiest and quietest hours are from its mean. */
const WAVE_HEIGHT = 0.6

// How much of what was missed in a pause (a suspended machine, a busy event loop) is made up for.
const CATCH_UP_MS = 1000

/** A day's traffic as a factor with mean 1: starts at the mean, rises, is quietest at three quarters. A period of 0 is steady. */
export function wave(seconds: number, periodSeconds: number): number {
  return periodSeconds === 0 ? 1 : 1 + WAVE_HEIGHT * Math.sin((2 * Math.PI * seconds) / periodSeconds)
}

export interface ArrivalsOptions {
  /** Arrivals per second at this moment. */
  rate: () => number
  /** Uniform in [0, 1). */
  random: () => number
  now: () => number
}

/** Arrivals of a Poisson process: exponential intervals, so bursts and gaps as independent users make them. */
export function createArrivals({ rate, random, now }: ArrivalsOptions) {
  const interval = () => (-Math.log(1 - random()) / rate()) * 1000
  let next = now() + interval()
  return {
    /** How many have arrived since the last call. */
    due(): number {
      const time = now()
      next = Math.max(next, time - CATCH_UP_MS)
      let arrived = 0
      while (next <= time) {
        arrived++
        next += interval()
      }
      return arrived
    },
    /** Milliseconds until the next one. */
    waitMs: () => Math.max(0, next - now()),
  }
}

export interface TokenBucketOptions {
  /** Tokens per second; may be a fraction, or 0. */
  rate: number
  now: () => number
}

/** Hands out exactly `rate` tokens per second in the long run, and after a pause at most one second's worth (two at least). */
export function createTokenBucket({ rate, now }: TokenBucketOptions) {
  // Two at least, or a low rate would lose a little at every tick that comes late.
  const capacity = Math.max(2, (rate * CATCH_UP_MS) / 1000)
  // Counted from one anchor, not added up tick by tick: rounding cannot drift.
  let anchor = now()
  let taken = 0
  const grown = () => ((now() - anchor) / 1000) * rate - taken
  return {
    /** Takes all whole tokens there are, `limit` at most. */
    take(limit = Infinity): number {
      const available = grown()
      if (available > capacity) {
        anchor = now() - (capacity / rate) * 1000
        taken = 0
      }
      // An instant that should bring a whole token brings 0.999… of one now and then.
      const tokens = Math.min(Math.floor(Math.min(available, capacity) + 1e-9), limit)
      taken += tokens
      return tokens
    },
    /** Milliseconds until there is a whole token; `Infinity` at a rate of 0. */
    waitMs: () => (rate === 0 ? Infinity : Math.max(0, ((1 - grown()) / rate) * 1000)),
  }
}

/** Tells, at each call, whether `everyMs` have passed since it last said so. The first call says no, or yes if `atOnce`. */
export function createAlarm({
  everyMs,
  now,
  atOnce = false,
}: {
  everyMs: number
  now: () => number
  atOnce?: boolean
}) {
  let next = now() + (atOnce ? 0 : everyMs)
  return function due(): boolean {
    const time = now()
    if (time < next) return false
    next = time + everyMs
    return true
  }
}
