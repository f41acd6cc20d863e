/** Which request the code that runs now belongs to. */
import { AsyncLocalStorage } from 'node:async_hooks'
import * as crypto from 'node:crypto'
import { v7 } from 'uuid'

export interface RequestContext {
  requestId: string
}

export const requestContext = new AsyncLocalStorage<RequestContext>()

// Node's own, from 24.16 on, costs a tenth.
const drawId: () => string = crypto.randomUUIDv7 ?? v7

const TAIL_DIGITS = 6
const TAILS = 16 ** TAIL_DIGITS

/**
 * Makes UUIDv7s; `now` is any clock in milliseconds. Each millisecond has one of its own, within it the last 24 bits
 * count on (RFC 9562, 6.2, method 2): most requests of a busy service then pay for a counter only.
 */
export function createIds(draw = drawId): (now: number) => string {
  let drawnAt = -Infinity
  let stem = ''
  let tail = 0
  return (now) => {
    if (now - drawnAt >= 1 || ++tail === TAILS) {
      const drawn = draw()
      drawnAt = now
      stem = drawn.slice(0, -TAIL_DIGITS)
      tail = parseInt(drawn.slice(-TAIL_DIGITS), 16)
      return drawn
    }
    // The 1 in front, which is cut off, keeps the zeros.
    return stem + (TAILS + tail).toString(16).slice(1)
  }
}

const newId = createIds()

const WELL_FORMED = /^[\w.:-]{1,128}$/

/** The id a request brought along, when it is well-formed (1 to 128 of `A-Za-z0-9_.:-`), else a new UUIDv7. */
export const requestIdOf = (header: string | string[] | undefined, now: number): string =>
  typeof header === 'string' && WELL_FORMED.test(header) ? header : newId(now)
