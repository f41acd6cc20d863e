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

// 000 to fff: looked up, they cost less than a number that is formatted.
const TAILS = Array.from({ length: 4096 }, (_, number) => number.toString(16).padStart(3, '0'))

/**
 * Makes UUIDv7s; `now` is any clock in milliseconds. Each millisecond has a random one of its own, whose last 12 bits
 * count (RFC 9562, 6.2, method 1): most requests of a busy service then pay for a counter only.
 */
export function createIds(draw = drawId): (now: number) => string {
  let drawnAt = -Infinity
  let stem = ''
  let tail = 0
  return (now) => {
    if (now - drawnAt >= 1 || ++tail === TAILS.length) {
      drawnAt = now
      stem = draw().slice(0, -3)
      tail = 0
    }
    return stem + TAILS[tail]
  }
}

const newId = createIds()

const WELL_FORMED = /^[\w.:-]{1,128}$/

/** The id a request brought along, when it is well-formed (1 to 128 of `A-Za-z0-9_.:-`), else a new UUIDv7. */
export const requestIdOf = (header: string | string[] | undefined, now: number): string =>
  typeof header === 'string' && WELL_FORMED.test(header) ? header : newId(now)
