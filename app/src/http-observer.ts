/**
 * Sees every request of an http server once: measures it, counts it, and hands over what its log line says.
 *
 * It hooks the server and not Express: a request that Express cannot parse never reaches a middleware, and `finish`
 * misses answers whose client went away. `close` of the response comes exactly once, whatever happened.
 */
import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { isIP, isIPv4, type Socket } from 'node:net'
// The global one is looked up each time.
import { performance } from 'node:perf_hooks'
import type { ObservedRequest } from './log-line.ts'
import type { Metrics } from './metrics.ts'
import { requestContext, requestIdOf, type RequestContext } from './request-context.ts'
import { createRoutePatterns } from './route-patterns.ts'

/** What nginx writes for a client that went away before the answer; no status was sent. */
const CLIENT_CLOSED_REQUEST = 499
export const UNMATCHED = 'unmatched'

// RFC 9110, section 9.3, and RFC 5789.
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'])

// What the parser refuses, by the code of its error; anything else it refuses is a 400.
const REFUSALS: Record<string, number> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

// RFC 9457, in the little that is known before there is a request.
function refusalOf(status: number) {
  const body = JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status })
  return { body, headers: { 'Content-Type': 'application/problem+json', 'Content-Length': String(body.length) } }
}

// How long a refused connection may stay open without a word.
const LINGER_MS = 1000

/** A connection, with what Node keeps there: the request that is being read, and the response whose turn it is. */
type HttpSocket = Socket & {
  parser?: { incoming?: IncomingMessage | null } | null
  _httpMessage?: ServerResponse | null
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void

export interface HttpObserverOptions {
  /** The Express application that handles the requests: its routes are the label values. */
  app: Handler
  metrics: Pick<Metrics, 'requestDuration' | 'requests'>
  /** Takes each request's log line; without it nothing is logged, and requests need no ids. */
  log?: (record: ObservedRequest) => void
  /** Paths that are not traffic (scrapes, health checks): asked for by GET or HEAD they are neither counted nor logged. */
  ignoredPaths?: readonly string[]
  /** Believe the last address of X-Forwarded-For. */
  trustProxy?: boolean
}

const methodLabel = (method: string | undefined): string =>
  method !== undefined && METHODS.has(method) ? method : 'OTHER'

const STATUS_LABELS = new Map(
  [...Object.keys(STATUS_CODES), String(CLIENT_CLOSED_REQUEST)].map((code) => [Number(code), code]),
)

// A status code that is none of HTTP's is counted by its class, so that label values stay bounded.
const statusLabel = (status: number): string => STATUS_LABELS.get(status) ?? `${Math.floor(status / 100)}xx`

// The least a route can answer: what increase() must see from zero on.
const SUCCESS: Record<string, string[]> = { POST: ['200', '201'], DELETE: ['200', '204'] }

/** The client's address, or what a trusted proxy says it is; `-` where that is none. */
function addressOf({ headers, socket }: IncomingMessage, trustProxy: boolean): string {
  const forwarded = trustProxy ? headers['x-forwarded-for'] : undefined
  if (forwarded === undefined) return remoteAddress(socket)
  const claimed = [forwarded].flat().at(-1)?.split(',').at(-1)?.trim() ?? ''
  return isIP(claimed) === 0 ? '-' : unmapped(claimed)
}

const remoteAddress = ({ remoteAddress: address = '-' }: Socket): string => unmapped(address)

const MAPPED = '::ffff:'

/** An IPv4 address in an IPv6 socket's clothes (`::ffff:10.0.0.1`) as itself. */
const unmapped = (address: string): string =>
  address.startsWith(MAPPED) && isIPv4(address.slice(MAPPED.length)) ? address.slice(MAPPED.length) : address

/** Gives the request its id. */
function identify(request: IncomingMessage, response: ServerResponse, now: number): RequestContext {
  const requestId = requestIdOf(request.headers['x-request-id'], now)
  // Node looks names up in lower case, and this one is there already.
  response.setHeader('x-request-id', requestId)
  return { requestId }
}

/** Makes the observer of one server; nothing is observed before `attach`. */
export function createHttpObserver({ app, metrics, log, ignoredPaths = [], trustProxy = false }: HttpObserverOptions) {
  const routes = createRoutePatterns(app)
  const { requestDuration, requests } = metrics

  function isIgnored({ method, url = '' }: IncomingMessage): boolean {
    if (method !== 'GET' && method !== 'HEAD') return false
    const query = url.indexOf('?')
    return ignoredPaths.includes(query === -1 ? url : url.slice(0, query))
  }

  function count(method: string | undefined, route: string, status: number, durationMs: number): void {
    requestDuration.observe({ method: methodLabel(method), route, status_code: statusLabel(status) }, durationMs / 1000)
  }

  /** Gives the request its id, where there is a log, and sees it to its end unless it is ignored. */
  function observe(request: IncomingMessage, response: ServerResponse): RequestContext | undefined {
    const start = performance.now()
    const context = log && identify(request, response, start)
    if (isIgnored(request)) return context
    const uri = request.url ?? '-'
    // Read now: after an abort the socket no longer knows.
    const requestedBy = log ? addressOf(request, trustProxy) : '-'
    requests.inFlight++
    response.on('close', () => {
      requests.inFlight--
      const durationMs = performance.now() - start
      // Headers that were written after the client had gone, or that waited behind another answer, were not sent.
      const answered = response.writableFinished || (response.headersSent && response.socket && request.complete)
      const status = answered ? response.statusCode : CLIENT_CLOSED_REQUEST
      const route = routes.patternOf((request as { route?: object }).route) ?? UNMATCHED
      const method = request.method ?? '-'
      count(method, route, status, durationMs)
      if (!log) return
      const requestId = context?.requestId
      const record: ObservedRequest = { method, uri, requestedBy, status, durationMs, route, requestId }
      if (answered && !response.writableFinished) record.aborted = true
      log(record)
    })
    return context
  }

  function refuse(socket: HttpSocket, method: string, uri: string, status: number): void {
    count(method, UNMATCHED, status, 0)
    log?.({ method, uri, requestedBy: remoteAddress(socket), status, durationMs: 0, route: UNMATCHED })
    const { _httpMessage: response } = socket
    // Behind a request that is still being answered there is no place for another answer.
    if (response) {
      socket.destroy()
      return
    }
    // The client gets the time to read the answer; after CONNECT nobody else listens to the socket's errors and end.
    socket.on('error', () => {}).resume()
    socket.setTimeout(LINGER_MS, () => socket.destroy())
    const { body, headers } = refusalOf(status)
    const head = Object.entries({ Connection: 'close', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head.join('')}\r\n${body}`)
  }

  function clientError(error: NodeJS.ErrnoException, socket: HttpSocket): void {
    const status = REFUSALS[error.code ?? ''] ?? 400
    const { parser, _httpMessage: response } = socket
    // The client went away, or never asked for anything (browsers open connections that they may not use).
    if (error.code === 'ECONNRESET' || !socket.writable || socket.bytesRead === 0) socket.destroy()
    else if (parser?.incoming?.complete ?? true) refuse(socket, '-', '-', status)
    // Only the body is broken or late: `close` of its response counts the request.
    else if (response?.req === parser?.incoming && !response?.headersSent) {
      const { body, headers } = refusalOf(status)
      response?.writeHead(status, { Connection: 'close', ...headers }).end(body)
    } else socket.destroy()
  }

  return {
    /** Handles a request: observes it, and passes it to the application. */
    handle: (request: IncomingMessage, response: ServerResponse): void => {
      const context = observe(request, response)
      // Not `run`: that makes two contexts, this one and, to end it, a copy of the one before. Nothing has to be ended:
      // Node does that after each of its callbacks, and a second request in the same one enters its own.
      if (context) requestContext.enterWith(context)
      app(request, response)
    },

    /** Listens to what the server refuses by itself, so that this is counted and logged, too. */
    attach(server: Server): void {
      server.on('clientError', clientError)
      server.on('connect', (request: IncomingMessage, socket: Socket) => {
        refuse(socket, request.method ?? '-', request.url ?? '-', 405)
      })
      server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
        observe(request, response)
        const { body, headers } = refusalOf(417)
        response.writeHead(417, headers).end(body)
      })
    },

    /** Starts every route of the application at zero: increase() does not see a counter's first value. */
    zero(): void {
      for (const { pattern, methods } of routes.list()) {
        if (ignoredPaths.includes(pattern)) continue
        for (const method of methods) {
          const refused = pattern.includes(':') ? '404' : '400'
          for (const status_code of [...(SUCCESS[method] ?? ['200']), refused, '500']) {
            requestDuration.zero({ method, route: pattern, status_code })
          }
        }
      }
    },
  }
}
