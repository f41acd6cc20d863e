/** Which request the code that runs now belongs to. */
import { AsyncLocalStorage } from 'node:async_hooks'
import * as crypto from 'node:crypto'
import { v7 } from 'uuid'

export interface RequestContext {
  requestId: string
}

export const requestContext = new AsyncLocalStorage<RequestContext>()

// Node's own, from 24.16 on, costs a tenth.
const newId: () => string = crypto.randomUUIDv7 ?? v7

const WELL_FORMED = /^[\w.:-]{1,128}$/

/** The id a request brought along, when it is well-formed (1 to 128 of `A-Za-z0-9_.:-`), else a new UUIDv7. */
export const requestIdOf = (header: string | string[] | undefined): string =>
  typeof header === 'string' && WELL_FORMED.test(header) ? header : newId()
