import { createServer, type ServerOptions } from 'node:http'
import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import express, { Router, type Express } from 'express'
import { request } from 'undici'
import { describe, expect, test, vi } from 'vitest'
import { expressPrototypes } from './express-prototypes.ts'
import { createHttpObserver, type HttpObserverOptions } from './http-observer.ts'
import { collector, counted, listen, message, open, send, series } from './http.test-support.ts'
import { createMetrics } from './metrics.ts'
import { notFound, problemHandler } from './problem.ts'
import { requestContext } from './request-context.ts'
import type { Logger } from './logger.ts'

const silent = { error: () => {} } as unknown as Logger

interface Options extends Pick<HttpObserverOptions, 'ignoredPaths' | 'trustProxy'> {
  server?: ServerOptions
}

// One for all tests: its default metrics watch the event loop and the garbage collector.
const metrics = createMetrics({ version: 'test', lineCounts: { DEBUG: 0, INFO: 0, WARN: 0, ERROR: 0, FATAL: 0 } })

/** An observed Express application with the routes that `build` adds, on a server as the service has it. */
async function observed(build: (app: Express) => unknown, { server: serverOptions = {}, ...options }: Options = {}) {
  metrics.registry.resetMetrics()
  const { log, records, seen } = collector(metrics)
  const app = express()
  build(app)
  app.use(notFound).use(problemHandler(silent))
  const observer = createHttpObserver({ app, metrics, log, ...options })
  const server = createServer(
    { ...expressPrototypes(app), requireHostHeader: false, ...serverOptions },
    observer.handle,
  )
  observer.attach(server)
  return { ...(await listen(server)), records, seen, metrics, observer, server }
}

type Service = Awaited<ReturnType<typeof observed>>

/** The head of a request for `/<name>` whose id is its name, too. */
const named = (name: string): string => `GET /${name} HTTP/1.1\r\nX-Request-Id: ${name}`

const get = ({ port }: Service, target: string) => send(port, message(`GET ${target} HTTP/1.1`))

const ok: express.RequestHandler = (_request, response) => void response.send('ok')

const fail: express.RequestHandler = () => {
  throw new Error('failed')
}

const reject: express.RequestHandler = async () => {
  await Promise.resolve()
  throw new Error('rejected')
}

describe('the route of a request', () => {
  test('keeps every mount path, also when a handler throws or rejects in a nested router', async () => {
    const items = Router().get('/items/:id', ok).get('/fail/:id', fail).get('/reject/:id', reject)
    const service = await observed((app) => app.use('/t/:tenant', Router().use('/v1', items)))
    await get(service, '/t/alice/v1/items/1')
    await get(service, '/t/bob/v1/items/2?full=1')
    await get(service, '/t/bob/v1/fail/1')
    await get(service, '/t/carol/v1/reject/1')
    expect(await service.seen(4)).toEqual([
      'GET /t/:tenant/v1/items/:id 200',
      'GET /t/:tenant/v1/items/:id 200',
      'GET /t/:tenant/v1/fail/:id 500',
      'GET /t/:tenant/v1/reject/:id 500',
    ])
  })

  test('keeps the mount path when an async middleware before it answers late', async () => {
    const router = Router().use(async (_request, _response, next) => {
      await Promise.resolve()
      next()
    })
    const service = await observed((app) => app.use('/late', router.get('/:id', reject)))
    await get(service, '/late/1')
    expect(await service.seen(1)).toEqual(['GET /late/:id 500'])
  })

  test('is one bounded label for RegExp, array, splat and optional paths', async () => {
    const service = await observed((app) =>
      app
        .get(/^\/re(\d+)$/, ok)
        .get(['/one/:id', '/two/:id', /^\/three/], ok)
        .get('/splat/*path', ok)
        .get('/optional{/:id}', ok),
    )
    for (const target of ['/re1', '/re22', '/one/1', '/two/2', '/three3', '/splat/a/b', '/splat/c', '/optional'])
      await get(service, target)
    await get(service, '/optional/7')
    expect([...new Set(await service.seen(9))]).toEqual([
      'GET /^\\/re(\\d+)$/ 200',
      'GET /one/:id,/two/:id,/^\\/three/ 200',
      'GET /splat/*path 200',
      'GET /optional{/:id} 200',
    ])
  })

  test('names both paths of a router that is mounted twice', async () => {
    const router = Router().get('/x', ok)
    const service = await observed((app) => app.use('/a', router).use(['/b', '/c'], router))
    await get(service, '/a/x')
    await get(service, '/b/x')
    expect(await service.seen(2)).toEqual(['GET /a/x,/b/x,/c/x 200', 'GET /a/x,/b/x,/c/x 200'])
  })

  test('is found for a route that was added after the first request', async () => {
    const late = Router()
    const service = await observed((app) => app.use('/late', late))
    await get(service, '/late/1')
    late.get('/:id', ok)
    await get(service, '/late/1')
    expect(await service.seen(2)).toEqual(['GET unmatched 404', 'GET /late/:id 200'])
  })

  test('is its own part of the path in an application that is mounted in another', async () => {
    const service = await observed((app) => app.use('/inner', express().get('/items/:id', ok)))
    await get(service, '/inner/items/1')
    expect(await service.seen(1)).toEqual(['GET /items/:id 200'])
  })

  test('is the route of `all`, and of a HEAD that its GET answers', async () => {
    const service = await observed((app) => app.all('/all', ok).get('/items', ok))
    await send(service.port, message('PATCH /all HTTP/1.1'))
    const answer = await send(service.port, message('HEAD /items HTTP/1.1'))
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*\r\n\r\n$/)
    expect(await service.seen(2)).toEqual(['PATCH /all 200', 'HEAD /items 200'])
  })

  test.for([
    ['GET', '/nothing/here', 404],
    ['GET', '/through/7', 404],
    ['GET', '/items/%zz', 400],
    ['GET', '/items/%c0%ae', 400],
    ['GET', '/static/missing.js', 404],
    ['GET', '/static/%2e%2e/%2e%2e/etc/passwd', 404],
    ['OPTIONS', '*', 404],
    ['GET', 'http://test/nothing', 404],
    ['GET', '//items', 404],
    ['GET', '//items//7', 404],
    ['GET', 'http://[a', 404],
    ['GET', '/ITEMS/7/', 404],
  ] as const)('%s %s is unmatched', async ([method, target, status]) => {
    const service = await observed((app) =>
      app
        .enable('case sensitive routing')
        .enable('strict routing')
        .get('/through/:id', (_request, _response, next) => next())
        .use('/static', express.static(import.meta.dirname))
        .get('/items/:id', ok),
    )
    const answer = await send(service.port, message(`${method} ${target} HTTP/1.1`))
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(await service.seen(1)).toEqual([`${method} unmatched ${status}`])
    expect(service.records[0]?.uri).toBe(target)
  })

  test('stands for an absolute-form target as for the path in it', async () => {
    const service = await observed((app) => app.get('/items/:id', ok))
    await get(service, 'http://test/items/7')
    expect(await service.seen(1)).toEqual(['GET /items/:id 200'])
  })
})

describe('the labels', () => {
  test('have OTHER for methods outside the standard ones, and the log has their names', async () => {
    const service = await observed((app) => app.all('/items', ok))
    for (const method of ['PROPFIND', 'M-SEARCH', 'PURGE', 'PATCH'])
      await send(service.port, message(`${method} /items HTTP/1.1`))
    expect(await counted(service.metrics)).toEqual({ 'OTHER /items 200': 3, 'PATCH /items 200': 1 })
    expect(await service.seen(4)).toContain('M-SEARCH /items 200')
  })

  test('have the class of a status code that HTTP does not know', async () => {
    const service = await observed((app) =>
      app.get('/:status', ({ params }, response) => void response.status(Number(params.status)).end()),
    )
    for (const status of [204, 299, 418, 460, 599, 600, 999]) await get(service, `/${status}`)
    expect(await service.seen(7)).toContain('GET /:status 299')
    expect(await counted(service.metrics)).toEqual({
      'GET /:status 204': 1,
      'GET /:status 2xx': 1,
      'GET /:status 418': 1,
      'GET /:status 4xx': 1,
      'GET /:status 5xx': 1,
      'GET /:status 6xx': 1,
      'GET /:status 9xx': 1,
    })
  })

  test('do not grow with unknown paths, methods and statuses', { timeout: 30_000 }, async () => {
    const service = await observed((app) => app.get('/items/:id', ok))
    const socket = await open(service.port)
    socket.resume()
    for (let n = 0; n < 5000; n++) socket.write(`GET /unknown/${n}?q=${n} HTTP/1.1\r\nHost: test\r\n\r\n`)
    await service.seen(5000)
    for (let n = 0; n < 200; n++) await send(service.port, message(`METHOD${n} / HTTP/1.1`))
    await service.seen(5200)
    expect(await counted(service.metrics)).toEqual({ 'GET unmatched 404': 5000, 'OTHER unmatched 400': 200 })
  })

  test('start at zero for every route and method', async () => {
    const service = await observed(
      (app) => app.get('/items', ok).post('/items', ok).delete('/items/:id', ok).get('/health', ok),
      { ignoredPaths: ['/health'] },
    )
    service.observer.zero()
    expect((await series(service.metrics)).map(([name, count]) => `${name} ${count}`)).toEqual([
      'GET /items 200 0',
      'GET /items 400 0',
      'GET /items 500 0',
      'POST /items 200 0',
      'POST /items 201 0',
      'POST /items 400 0',
      'POST /items 500 0',
      'DELETE /items/:id 200 0',
      'DELETE /items/:id 204 0',
      'DELETE /items/:id 404 0',
      'DELETE /items/:id 500 0',
    ])
  })
})

describe('a request is counted once', () => {
  test('when its client goes away before the answer: 499', async () => {
    let arrived = false
    const service = await observed((app) => app.get('/slow/:id', () => void (arrived = true)))
    const socket = await open(service.port)
    socket.write('GET /slow/1 HTTP/1.1\r\nHost: test\r\n\r\n')
    await vi.waitUntil(() => arrived, { interval: 5 })
    expect(service.metrics.requests.inFlight).toBe(1)
    socket.resetAndDestroy()
    expect(await service.seen(1)).toEqual(['GET /slow/:id 499'])
    expect(service.records[0]).toMatchObject({ requestedBy: '127.0.0.1' })
  })

  test('when its client goes away in mid-stream: its status, and aborted', async () => {
    const service = await observed((app) => app.get('/stream', (_request, response) => void response.write('first')))
    const socket = await open(service.port)
    socket.write('GET /stream HTTP/1.1\r\nHost: test\r\n\r\n')
    await once(socket, 'data')
    socket.resetAndDestroy()
    expect(await service.seen(1)).toEqual(['GET /stream 200 aborted'])
    expect(service.records[0]).toMatchObject({ requestedBy: '127.0.0.1', aborted: true })
  })

  test('when its client goes away while it still sends: 499', async () => {
    const service = await observed((app) => app.use(express.json()).post('/items', ok))
    const socket = await open(service.port)
    socket.write('POST /items HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{')
    await vi.waitFor(async () => expect(service.metrics.requests.inFlight).toBe(1))
    socket.resetAndDestroy()
    expect(await service.seen(1)).toEqual(['POST unmatched 499'])
  })

  test('when it was pipelined', async () => {
    const service = await observed((app) => app.get('/:n', ok))
    const one = 'GET /1 HTTP/1.1\r\nHost: test\r\n\r\n'
    const answer = await send(service.port, one + one + message('GET /3 HTTP/1.1'))
    expect(answer.match(/HTTP\/1.1 200/g)).toHaveLength(3)
    expect(await service.seen(3)).toEqual(Array.from({ length: 3 }, () => 'GET /:n 200'))
  })

  test('when it was pipelined and the connection dies', async () => {
    let arrived = 0
    const service = await observed((app) =>
      app
        .get('/slow', () => void arrived++)
        .get('/quick', (_request, response) => {
          arrived++
          response.send('ok')
        }),
    )
    const socket = await open(service.port)
    socket.write('GET /slow HTTP/1.1\r\nHost: test\r\n\r\nGET /quick HTTP/1.1\r\nHost: test\r\n\r\n')
    await vi.waitUntil(() => arrived === 2, { interval: 5 })
    socket.resetAndDestroy()
    expect((await service.seen(2)).toSorted()).toEqual(['GET /quick 499', 'GET /slow 499'])
  })

  test('when its handler throws after the headers', async () => {
    const service = await observed((app) =>
      app.get('/half', (_request, response) => {
        response.write('half')
        throw new Error('too late')
      }),
    )
    expect(await get(service, '/half')).not.toContain('too late')
    expect(await service.seen(1)).toEqual(['GET /half 200 aborted'])
  })

  test('when it asks for an upgrade', async () => {
    const service = await observed((app) => app.get('/socket', ok))
    const head = 'GET /socket HTTP/1.1\r\nHost: test\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n'
    expect(await send(service.port, head)).toMatch(/^HTTP\/1.1 200 /)
    expect(await service.seen(1)).toEqual(['GET /socket 200'])
  })

  test('when the answer is 304', async () => {
    const service = await observed((app) => app.get('/items', ok))
    const [, etag] = /ETag: (.+)\r\n/.exec(await get(service, '/items')) ?? []
    const answer = await send(service.port, message(`GET /items HTTP/1.1\r\nIf-None-Match: ${etag}`))
    expect(answer).toMatch(/^HTTP\/1.1 304 /)
    expect(await service.seen(2)).toEqual(['GET /items 200', 'GET /items 304'])
  })

  test('when it expects 100-continue, and when it expects what there is not', async () => {
    const service = await observed((app) => app.post('/items', ok))
    const head = 'POST /items HTTP/1.1\r\nContent-Length: 0\r\nExpect: '
    expect(await send(service.port, message(`${head}100-continue`))).toMatch(
      /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 /,
    )
    expect(await send(service.port, message(`${head}a-miracle`))).toMatch(/^HTTP\/1.1 417 [^]*x-request-id: /)
    expect(await service.seen(2)).toEqual(['POST /items 200', 'POST unmatched 417'])
  })

  test('when it has no Host, and when it is HTTP/1.0', async () => {
    const service = await observed((app) => app.get('/items', ok))
    expect(await send(service.port, 'GET /items HTTP/1.1\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 200 /)
    expect(await send(service.port, 'GET /items HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1.1 200 /)
    expect(await service.seen(2)).toEqual(['GET /items 200', 'GET /items 200'])
  })

  test('unless it is a scrape or a health check', async () => {
    const service = await observed((app) => app.get('/metrics', ok).get('/metrics/more', ok), {
      ignoredPaths: ['/metrics'],
    })
    expect(await get(service, '/metrics')).toMatch(/^HTTP\/1.1 200 /)
    await get(service, '/metrics?name=x')
    await send(service.port, message('HEAD /metrics HTTP/1.1'))
    await send(service.port, message('POST /metrics HTTP/1.1'))
    await get(service, '/metrics/more')
    await get(service, '/metrics/')
    expect(await service.seen(3)).toEqual(['POST unmatched 404', 'GET /metrics/more 200', 'GET /metrics 200'])
  })
})

describe('what the parser refuses is counted and logged', () => {
  test.for([
    ['an unknown method', 'JUMP / HTTP/1.1\r\n\r\n', 400],
    ['no HTTP at all', '\u0016\u0003\u0001\u0002\u0000', 400],
    ['a control character in the target', 'GET /a\u0007b HTTP/1.1\r\nHost: test\r\n\r\n', 400],
    ['a line end in a header', 'GET / HTTP/1.1\r\nHost: te\rst\r\n\r\n', 400],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['too large a header', `GET / HTTP/1.1\r\nHost: test\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['too long a target', `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: test\r\n\r\n`, 431],
  ] as const)('%s', async ([, bytes, status]) => {
    const service = await observed((app) => app.get('/', ok))
    expect(await send(service.port, bytes)).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(await service.seen(1)).toEqual([`- unmatched ${status}`])
    expect(await counted(service.metrics)).toEqual({ [`OTHER unmatched ${status}`]: 1 })
    expect(service.records[0]).toMatchObject({ uri: '-', requestedBy: '127.0.0.1' })
  })

  const impatient = { server: { headersTimeout: 50, requestTimeout: 100, connectionsCheckingInterval: 20 } }

  test('headers that do not come in time: 408', async () => {
    const service = await observed((app) => app.get('/', ok), impatient)
    expect(await send(service.port, 'GET / HTTP/1.1\r\nHost: te')).toMatch(/^HTTP\/1.1 408 /)
    expect(await service.seen(1)).toEqual(['- unmatched 408'])
  })

  test('a body that does not come in time: 408', async () => {
    const service = await observed((app) => app.post('/items', express.json(), ok), impatient)
    const head = 'POST /items HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{'
    expect(await send(service.port, head)).toMatch(/^HTTP\/1.1 408 /)
    expect(await service.seen(1)).toEqual(['POST /items 408'])
  })

  test('a body that is broken: 400', async () => {
    const service = await observed((app) => app.post('/items', express.json(), ok))
    const head = 'POST /items HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked'
    expect(await send(service.port, message(head, 'no chunk\r\n'))).toMatch(/^HTTP\/1.1 400 /)
    expect(await service.seen(1)).toEqual(['POST /items 400'])
  })

  test('but a connection that asks for nothing is no request', async () => {
    const service = await observed((app) => app.get('/', ok), impatient)
    expect(await send(service.port, '')).not.toContain('HTTP/1.1 200')
    expect(await service.seen(0)).toEqual([])
  })

  test('also behind a request that is still being answered', async () => {
    const service = await observed((app) => app.get('/slow', () => {}))
    await send(service.port, 'GET /slow HTTP/1.1\r\nHost: test\r\n\r\nnonsense\r\n\r\n')
    expect((await service.seen(2)).toSorted()).toEqual(['- unmatched 400', 'GET /slow 499'])
  })

  test('also as a body behind a request that is still being answered', async () => {
    const service = await observed((app) => app.get('/slow', () => {}).post('/items', express.json(), ok))
    const head = 'POST /items HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked'
    await send(service.port, `GET /slow HTTP/1.1\r\nHost: test\r\n\r\n${message(head, 'no chunk\r\n')}`)
    expect((await service.seen(2)).toSorted()).toEqual(['GET /slow 499', 'POST /items 499'])
  })

  test('also behind a request that was answered', async () => {
    const service = await observed((app) => app.get('/', ok))
    const socket = await open(service.port)
    socket.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
    await once(socket, 'data')
    socket.write('nonsense\r\n\r\n')
    await once(socket, 'close')
    expect(await service.seen(2)).toEqual(['GET / 200', '- unmatched 400'])
  })

  test('CONNECT: 405, also when its client resets the connection at once', async () => {
    const service = await observed((app) => app.get('/', ok))
    expect(await send(service.port, message('CONNECT test:443 HTTP/1.1'))).toMatch(/^HTTP\/1.1 405 /)
    const socket = await open(service.port)
    socket.write(message('CONNECT test:80 HTTP/1.1'), () => socket.resetAndDestroy())
    expect(await service.seen(2)).toEqual(['CONNECT unmatched 405', 'CONNECT unmatched 405'])
    expect(service.records.map(({ uri }) => uri)).toEqual(['test:443', 'test:80'])
    expect(await get(service, '/')).toMatch(/^HTTP\/1.1 200 /)
  })
})

test('the count of the client is the count of the histogram and of the lines, also under hostile input', async () => {
  const service = await observed((app) => app.get('/items/:id', ok).post('/items', express.json(), ok))
  const hostile = [
    message('GET /items/%0d%0a%e2%80%a8|Status:%20500 HTTP/1.1'),
    message("GET /items/{{7*191}}|\\\\' HTTP/1.1"),
    message('GET /items/%ff HTTP/1.1'),
    message('GET /items/1 HTTP/1.1\r\nX-Forwarded-For: 9.9.9.9 Status: 200 Duration: 1 ms\r\nX-Request-Id: a | b\x85'),
    message('GET /../../etc/passwd HTTP/1.1'),
    message('POST /items HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 1', '{'),
    message('POST /items HTTP/1.1\r\nContent-Type: application/json; charset=x\r\nContent-Length: 2', '{}'),
    'GET / HTTP/9.9\r\n\r\n',
    '\u0000\r\n\r\n',
  ]
  const rounds = 10
  await Promise.all(Array.from({ length: rounds }, () => hostile.map((bytes) => send(service.port, bytes))).flat())
  expect(await service.seen(rounds * hostile.length)).toHaveLength(rounds * hostile.length)
})

describe('who asked', () => {
  const forged = { 'x-forwarded-for': '9.9.9.9, 10.0.0.1' }

  test('is the address of the socket, whatever a header says', async () => {
    const service = await observed((app) => app.get('/', ok))
    await request(service.origin, { headers: forged })
    await service.seen(1)
    expect(service.records[0]?.requestedBy).toBe('127.0.0.1')
  })

  test.for([
    ['9.9.9.9, 10.0.0.1', '10.0.0.1'],
    ['2001:db8::7', '2001:db8::7'],
    ['::ffff:10.0.0.2', '10.0.0.2'],
    ['::ffff:abcd:1', '::ffff:abcd:1'],
    ['9.9.9.9 Status: 200 Duration: 1 ms', '-'],
    ['unknown', '-'],
    ['10.0.0.1:4711', '-'],
    ['', '-'],
  ] as const)('is, behind a trusted proxy that says "%s", %s', async ([header, address]) => {
    const service = await observed((app) => app.get('/', ok), { trustProxy: true })
    await request(service.origin, { headers: { 'x-forwarded-for': header } })
    await service.seen(1)
    expect(service.records[0]?.requestedBy).toBe(address)
  })

  test('is the address of the socket when a trusted proxy says nothing', async () => {
    const service = await observed((app) => app.get('/', ok), { trustProxy: true })
    await request(service.origin)
    await service.seen(1)
    expect(service.records[0]?.requestedBy).toBe('127.0.0.1')
  })
})

describe('the id of a request', () => {
  test('is its X-Request-Id when that is well-formed, and goes back', async () => {
    const service = await observed((app) => app.get('/', ok))
    const { headers } = await request(service.origin, { headers: { 'x-request-id': 'trace:1.a_B-9' } })
    expect(headers['x-request-id']).toBe('trace:1.a_B-9')
    await service.seen(1)
    expect(service.records[0]?.requestId).toBe('trace:1.a_B-9')
  })

  test.for(['a b', 'a|b', '', 'x'.repeat(129), 'é', "<script>'"])('is a new one instead of "%s"', async (given) => {
    const service = await observed((app) => app.get('/', ok))
    const answer = await send(service.port, message(`GET / HTTP/1.1\r\nX-Request-Id: ${given}`))
    const [, id] = /x-request-id: (.+)\r\n/.exec(answer) ?? []
    expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[\da-f]{4}-[\da-f]{12}$/)
    await service.seen(1)
    expect(service.records[0]?.requestId).toBe(id)
  })

  test('is known to what a request starts, and to nothing else', async () => {
    const said: [string, string | undefined][] = []
    const say = (who: string): void => void said.push([who, requestContext.getStore()?.requestId])
    const service = await observed((app) =>
      app.get('/:name', async (incoming, response) => {
        say(incoming.params.name)
        await setImmediate()
        say(incoming.params.name)
        response.send('ok')
        response.once('close', () => setTimeout(() => say(incoming.params.name), 5))
      }),
    )
    const timer = setInterval(() => say('timer'), 1)
    service.server.on('connection', (socket) => {
      say('connection')
      socket.once('close', () => say('connection'))
    })
    // Both are read in one callback.
    const pipelined = `${named('a')}\r\nHost: test\r\n\r\n${message(named('b'))}`
    await Promise.all([send(service.port, pipelined), send(service.port, message(named('c')))])
    await send(service.port, message(named('d')))
    await service.seen(4)
    await vi.waitFor(() => expect(said.filter(([who]) => who.length === 1)).toHaveLength(4 * 3))
    clearInterval(timer)
    for (const [who, id] of said) expect([who, id]).toEqual([who, who.length === 1 ? who : undefined])
    expect(said.filter(([who]) => who === 'connection')).toHaveLength(3 * 2)
    expect(said.map(([who]) => who)).toContain('timer')
  })
})

test('without a log requests are counted all the same, and get no id', async () => {
  metrics.registry.resetMetrics()
  const app = express().get('/items/:id', ok)
  const observer = createHttpObserver({ app, metrics })
  const server = createServer(observer.handle)
  observer.attach(server)
  const { origin } = await listen(server)
  const { headers, body } = await request(`${origin}/items/1`)
  await body.dump()
  expect(headers).not.toHaveProperty('x-request-id')
  await vi.waitFor(async () =>
    expect(await metrics.registry.metrics()).toContain(
      'http_request_duration_seconds_count{method="GET",route="/items/:id",status_code="200"} 1',
    ),
  )
  expect(metrics.requests.inFlight).toBe(0)
})
