import { request } from 'undici'
import { describe, expect, test, vi } from 'vitest'
import { readConfig } from './config.ts'
import { counted, listen, message, send, series } from './http.test-support.ts'
import { parse, type LogRecord } from './log-line.ts'
import { textOf } from './log-writer.ts'
import { createLog } from './logger.ts'
import { createMetrics } from './metrics.ts'
import { openapi } from './openapi.ts'
import { createServer, type ServerDependencies } from './server.ts'

/** The service on a free port, and what it logs. */
async function started(config: Partial<ServerDependencies['config']> = {}) {
  const lines: string[] = []
  const state = { ready: true }
  const log = createLog({ writer: { write: (line) => void lines.push(textOf(line)) } })
  const metrics = createMetrics({ version: '1.2.3', lineCounts: log.counts })
  const server = createServer({
    config: { ...readConfig({}), ...config },
    log,
    metrics,
    isReady: () => state.ready,
  })
  const { origin, port } = await listen(server)
  const records = () => lines.map((line) => parse(line) as LogRecord)
  const requestRecords = () => records().filter((record) => record.kind === 'request')

  /** Waits until `count` request lines are there, and returns them. */
  const requests = async (count: number) => {
    await vi.waitUntil(() => requestRecords().length >= count, { interval: 5, timeout: 30_000 })
    expect(requestRecords()).toHaveLength(count)
    return requestRecords()
  }

  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const answer = await request(origin + path, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await answer.body.text()
    const type = String(answer.headers['content-type'] ?? '')
    const json = (type.includes('json') && text !== '' ? JSON.parse(text) : undefined) as Record<string, unknown>
    return { status: answer.statusCode, headers: answer.headers, type, text, json }
  }

  return { port, metrics, state, lines, records, requests, call }
}

type Service = Awaited<ReturnType<typeof started>>

const createItem = async ({ call }: Service, body: object): Promise<string> =>
  String((await call('POST', '/items', body)).json['id'])

describe('the start page', () => {
  test('lists links, and each leads somewhere', async () => {
    const { call } = await started()
    const { status, json } = await call('GET', '/')
    expect(status).toBe(200)
    const links = Object.values(json['links'] as Record<string, string>)
    expect(links).toContain('/cat_facts?count=3')
    for (const link of links) expect([200, 302]).toContain((await call('GET', link)).status)
  })
})

describe('/health', () => {
  test('says whether the service takes requests', async () => {
    const { call, state } = await started()
    expect(await call('GET', '/health')).toMatchObject({ status: 200, json: { status: 'ready' } })
    state.ready = false
    expect(await call('GET', '/health')).toMatchObject({ status: 503, json: { status: 'stopping' } })
  })
})

describe('/metrics', () => {
  test('speaks the Prometheus text format and has every metric of the contract', async () => {
    const { call } = await started()
    const { status, type, text } = await call('GET', '/metrics')
    expect(status).toBe(200)
    expect(type).toBe('text/plain; version=0.0.4; charset=utf-8')
    const families = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, kind]) => [name, kind]))
    expect(Object.fromEntries(families)).toMatchObject({
      http_request_duration_seconds: 'histogram',
      http_requests_in_flight: 'gauge',
      app_build_info: 'gauge',
      cat_facts_served_total: 'counter',
      log_lines_total: 'counter',
      log_lines_dropped_total: 'counter',
      nodejs_eventloop_lag_p99_seconds: 'gauge',
      nodejs_heap_size_used_bytes: 'gauge',
      process_cpu_seconds_total: 'counter',
      process_resident_memory_bytes: 'gauge',
    })
    expect(text).toContain(`app_build_info{version="1.2.3",node_version="${process.version}"} 1\n`)
    expect(text).toContain('log_lines_dropped_total 0\n')
    const buckets = text.matchAll(/_bucket\{le="([^"]+)",method="GET",route="\/items",status_code="200"\}/g)
    expect([...buckets].map(([, le]) => le).join(' ')).toBe(
      '0.005 0.01 0.025 0.05 0.1 0.2 0.3 0.5 0.8 1.2 2.5 5 10 +Inf',
    )
  })

  test('starts every route and method at zero', async () => {
    const { metrics } = await started()
    const zeros = await series(metrics)
    expect(zeros.every(([, count]) => count === 0)).toBe(true)
    const names = zeros.map(([name]) => name)
    for (const route of ['GET /', 'GET /cat_facts', 'GET /items', 'POST /items', 'GET /faults', 'PUT /faults'])
      expect(names).toEqual(expect.arrayContaining([`${route} 200`, `${route} 400`, `${route} 500`]))
    for (const method of ['GET', 'PUT', 'DELETE'])
      expect(names).toEqual(expect.arrayContaining([`${method} /items/:id 404`, `${method} /items/:id 500`]))
    expect(names).toEqual(expect.arrayContaining(['POST /items 201', 'DELETE /items/:id 204']))
    expect(names.filter((name) => /\/(metrics|health)/.test(name))).toEqual([])
  })

  test('and /health are no traffic', async () => {
    const { call, metrics, lines } = await started()
    for (const path of ['/metrics', '/metrics?name=x', '/health', '/health']) await call('GET', path)
    expect(await counted(metrics)).toEqual({})
    expect(lines).toEqual([])
  })

  test('counts lines by level, and facts', async () => {
    const { call, requests } = await started()
    await call('GET', '/cat_facts?count=7')
    await call('GET', '/cat_facts?count=x')
    await requests(2)
    const { text } = await call('GET', '/metrics')
    expect(text).toContain('cat_facts_served_total 7\n')
    expect(text).toContain('log_lines_total{level="info"} 2\n')
    expect(text).toContain('log_lines_total{level="warn"} 1\n')
    expect(text).toContain('log_lines_total{level="fatal"} 0\n')
  })
})

test('openapi.json names exactly the routes that there are', async () => {
  const { call, metrics } = await started()
  const { json } = await call('GET', '/openapi.json')
  expect(json).toEqual(openapi)
  const documented = Object.entries(json['paths'] as Record<string, object>).flatMap(([path, operations]) =>
    Object.keys(operations)
      .filter((method) => method !== 'parameters')
      .map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
  )
  const existing = new Set((await series(metrics)).map(([name]) => name.replace(/ \d+$/, '')))
  // What the page at /docs loads is not documented; what is no traffic is not in the histogram.
  expect(existing.delete('GET /docs/*asset')).toBe(true)
  expect(documented.toSorted()).toEqual([...existing, 'GET /health', 'GET /metrics'].toSorted())
})

describe('/docs', () => {
  test('is Swagger UI with all it needs from here', async () => {
    const { call, requests } = await started()
    expect(await call('GET', '/docs')).toMatchObject({ status: 302, headers: { location: '/docs/' } })
    const page = await call('GET', '/docs/')
    expect(page).toMatchObject({ status: 200, type: 'text/html; charset=utf-8' })
    expect(page.headers['content-security-policy']).toContain("default-src 'none'")
    const assets = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url ?? '')
    expect(assets.length).toBeGreaterThan(3)
    for (const asset of assets) {
      expect(asset).toMatch(/^\.\//)
      expect(await call('GET', `/docs/${asset}`)).toMatchObject({ status: 200 })
    }
    const all = await requests(2 + assets.length)
    expect(new Set(all.map(({ route }) => route))).toEqual(new Set(['/docs', '/docs/*asset']))
  })

  test('has nothing else', async () => {
    const { call, requests } = await started()
    for (const path of ['/docs/missing.js', '/docs/..%2f..%2fmain.ts', '/docs/deeper/index.css'])
      expect(await call('GET', path)).toMatchObject({ status: 404, type: 'application/problem+json; charset=utf-8' })
    expect((await requests(3)).map(({ route }) => route)).toEqual(['unmatched', 'unmatched', 'unmatched'])
    // The package refuses its own package.json itself.
    expect(await call('GET', '/docs/package.json')).toMatchObject({ status: 404 })
  })
})

describe('/cat_facts', () => {
  test('serves one fact, or as many as were asked for', async () => {
    const { call } = await started()
    expect((await call('GET', '/cat_facts')).json['facts']).toHaveLength(1)
    const { json } = await call('GET', '/cat_facts?count=100')
    expect(json['facts']).toHaveLength(100)
    expect((json['facts'] as unknown[]).every((fact) => typeof fact === 'string')).toBe(true)
  })
})

describe('/items', () => {
  test('are created, read, changed, listed and deleted', async () => {
    const service = await started()
    const { call } = service
    const created = await call('POST', '/items', { name: ' A lamp ', price: 12.5 })
    expect(created).toMatchObject({ status: 201, json: { name: 'A lamp', price: 12.5 } })
    const path = String(created.headers['location'])
    expect(path).toBe(`/items/${String(created.json['id'])}`)
    expect(await call('GET', path)).toMatchObject({ status: 200, json: created.json })
    expect(await call('PUT', path, { name: 'B' })).toMatchObject({ status: 200, json: { name: 'B' } })
    expect((await call('GET', path)).json).not.toHaveProperty('price')
    await createItem(service, { name: 'C' })
    expect((await call('GET', '/items')).json).toMatchObject({ total: 2, items: [{ name: 'B' }, { name: 'C' }] })
    expect((await call('GET', '/items?limit=1')).json).toMatchObject({ total: 2, items: [{ name: 'C' }] })
    expect(await call('DELETE', path)).toMatchObject({ status: 204, text: '' })
    expect(await call('GET', path)).toMatchObject({ status: 404 })
    expect(await call('DELETE', path)).toMatchObject({ status: 404 })
  })

  test('are bounded', async () => {
    const service = await started({ ITEMS_MAX: 2 })
    const first = await createItem(service, { name: 'A' })
    await createItem(service, { name: 'B' })
    expect(await service.call('POST', '/items', { name: 'C' })).toMatchObject({
      status: 409,
      json: { detail: 'All 2 places are taken; delete an item first' },
    })
    await service.call('DELETE', `/items/${first}`)
    expect(await service.call('POST', '/items', { name: 'C' })).toMatchObject({ status: 201 })
  })
})

describe('a wrong request is answered with a problem that says what is wrong', () => {
  const LARGE = JSON.stringify({ name: 'x'.repeat(17_000) })

  test.for([
    ['GET', '/cat_facts?count=0', undefined, 400, /^count: must be a whole number from 1 to 100$/],
    ['GET', '/cat_facts?count=101', undefined, 400, /^count: must be/],
    ['GET', '/cat_facts?count=1e1', undefined, 400, /^count: must be/],
    ['GET', '/cat_facts?count=', undefined, 400, /^count: must be/],
    ['GET', '/cat_facts?count=1&count=2', undefined, 400, /^count: /],
    ['GET', '/items?limit=-1', undefined, 400, /^limit: must be a whole number from 1 to 100$/],
    ['GET', '/items?limit=1000', undefined, 400, /^limit: /],
    ['GET', '/items/none', undefined, 404, /^There is no item none$/],
    ['PUT', '/items/none', { name: 'A' }, 404, /^There is no item none$/],
    ['DELETE', '/items/none', undefined, 404, /^There is no item none$/],
    ['POST', '/items', {}, 400, /^name: /],
    ['POST', '/items', { name: '' }, 400, /^name: /],
    ['POST', '/items', { name: '  ' }, 400, /^name: /],
    ['POST', '/items', { name: 'x'.repeat(201) }, 400, /^name: /],
    ['POST', '/items', { name: 7 }, 400, /^name: /],
    ['POST', '/items', { name: 'A', price: -1 }, 400, /^price: /],
    ['POST', '/items', { name: 'A', price: '1' }, 400, /^price: /],
    ['POST', '/items', { name: 'A', color: 'red' }, 400, /color/],
    ['POST', '/items', { name: '', price: -1 }, 400, /^name: .+; price: /],
    ['POST', '/items', '[]', 400, /object/],
    ['POST', '/items', '{"name": ', 400, /JSON/],
    ['POST', '/items', undefined, 400, /./],
    ['POST', '/items', LARGE, 413, /./],
    ['PUT', '/faults', { errorRate: 2 }, 400, /^errorRate: /],
    ['PUT', '/faults', { errorRate: -0.1 }, 400, /^errorRate: /],
    ['PUT', '/faults', { latencyMs: 30_001 }, 400, /^latencyMs: /],
    ['PUT', '/faults', { cpuMs: 901 }, 400, /^cpuMs: /],
    ['PUT', '/faults', { durationSeconds: 0 }, 400, /^durationSeconds: /],
    ['PUT', '/faults', { colour: 1 }, 400, /colour/],
    ['GET', '/nothing', undefined, 404, /^There is nothing here; GET \/ lists what there is$/],
    ['PATCH', '/items', undefined, 404, /./],
    ['GET', '/items/', undefined, 404, /./],
    ['GET', '/Items', undefined, 404, /./],
  ] as const)('%s %s %j', async ([method, path, body, status, detail]) => {
    const { call } = await started({ FAULTS_ENABLED: true })
    const { headers, type, json, text, ...answer } = await call(method, path, body)
    expect(answer.status).toBe(status)
    expect(type).toBe('application/problem+json; charset=utf-8')
    expect(json).toEqual({
      type: 'about:blank',
      title: expect.any(String),
      status,
      detail: expect.stringMatching(detail),
      requestId: headers['x-request-id'],
    })
    expect(text).not.toMatch(/ {4}at |node_modules|\.ts:/)
  })

  test('also when its body has an unknown encoding or charset', async () => {
    const { call } = await started()
    for (const headers of [{ 'content-encoding': 'x' }, { 'content-type': 'application/json; charset=x' }])
      expect(await call('POST', '/items', '{}', headers)).toMatchObject({ status: 415, json: { status: 415 } })
  })

  test('also when its path cannot be decoded', async () => {
    const { call } = await started()
    expect(await call('GET', '/items/%zz')).toMatchObject({ status: 400, json: { title: 'Bad Request' } })
  })

  test('also when Express itself answers, without a stack', async () => {
    const { port } = await started()
    const answer = await send(port, message('GET http://[a HTTP/1.1'))
    expect(answer).toMatch(/^HTTP\/1.1 404 /)
    expect(answer).not.toMatch(/ {4}at |node_modules|\.ts:/)
  })
})

describe('faults', () => {
  test('are refused unless they are enabled', async () => {
    const { call } = await started()
    expect(await call('GET', '/faults')).toMatchObject({ status: 200, json: { enabled: false } })
    expect(await call('PUT', '/faults', { errorRate: 1 })).toMatchObject({
      status: 403,
      json: { detail: expect.stringContaining('FAULTS_ENABLED=true') },
    })
    expect(await call('GET', '/items')).toMatchObject({ status: 200 })
  })

  test('are of the route that they break, tell the client nothing more, and spare what is needed to end them', async () => {
    const { call, requests, records } = await started({ FAULTS_ENABLED: true })
    const on = await call('PUT', '/faults', { errorRate: 1 })
    expect(on).toMatchObject({ status: 200, json: { enabled: true, errorRate: 1, until: expect.any(String) } })
    const broken = [
      ['GET', '/cat_facts'],
      ['GET', '/items'],
      ['POST', '/items'],
      ['GET', '/items/7'],
      ['PUT', '/items/7'],
      ['DELETE', '/items/7'],
    ] as const
    for (const [method, path] of broken) {
      const { status, json, text } = await call(method, path)
      expect(status).toBe(500)
      expect(json).toMatchObject({ title: 'Internal Server Error', detail: expect.stringContaining('PUT /faults') })
      expect(text).not.toMatch(/ {4}at |node_modules|\.ts:/)
    }
    for (const path of ['/', '/health', '/metrics', '/faults', '/docs/'])
      expect(await call('GET', path)).toMatchObject({ status: 200 })
    await call('PUT', '/faults', {})
    expect(await call('GET', '/items')).toMatchObject({ status: 200 })
    const failed = (await requests(12)).filter(({ status }) => status === 500)
    expect(failed.map(({ method, route, level }) => `${level} ${method} ${route}`)).toEqual(
      broken.map(([method, path]) => `ERROR ${method} ${path.replace('7', ':id')}`),
    )
    const errors = records().filter(({ kind, level }) => kind === 'general' && level === 'ERROR')
    expect(errors.map(({ requestId }) => requestId)).toEqual(failed.map(({ requestId }) => requestId))
  })

  test('make answers late', async () => {
    const { call, requests } = await started({ FAULTS_ENABLED: true })
    await call('PUT', '/faults', { latencyMs: 40 })
    await call('GET', '/items')
    const [, late] = await requests(2)
    expect(late?.durationMs).toBeGreaterThan(38)
    expect(late?.durationMs).toBeLessThan(2000)
  })
})

test('lines that are written while a request is served have its id', async () => {
  const { call, requests, records } = await started()
  await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      call('POST', '/items', { name: `item ${n}` }, { 'x-request-id': `request-${n}` }),
    ),
  )
  await requests(20)
  for (let n = 0; n < 20; n++) {
    const own = records().filter(({ requestId }) => requestId === `request-${n}`)
    expect(own.map(({ kind }) => kind)).toEqual(['general', 'request'])
    expect(own[0]).toMatchObject({
      module: 'items',
      function: 'createItem',
      message: expect.stringMatching(`: item ${n}$`),
    })
  }
})

test('an item whose name is a forged line is one line', async () => {
  const { call, lines, requests, records } = await started()
  const name = 'x\n2026-11-21T03:24:20.123456Z | FATAL | Module: a | Function: b | forged \u2028 | Request: 1'
  await call('POST', '/items', { name })
  await requests(1)
  expect(lines.map((line) => line.split(/[\n\u2028]/).length)).toEqual([2, 2])
  expect(records()[0]).toMatchObject({ level: 'INFO', message: expect.stringContaining(name) })
})

test('what the client counts is what the histogram counts and the lines say', async () => {
  const { call, requests, metrics } = await started({ ITEMS_MAX: 10 })
  const targets = [
    ['GET', '/'],
    ['GET', '/cat_facts?count=2'],
    ['GET', '/cat_facts?count=no'],
    ['POST', '/items', { name: 'A' }],
    ['POST', '/items', { name: '' }],
    ['GET', '/items/7'],
    ['GET', '/unknown/|/%0a'],
    ['DELETE', '/items/%ff'],
    ['PUT', '/faults', { errorRate: 1 }],
    ['HEAD', '/items'],
  ] as const
  const answers = await Promise.all(
    Array.from({ length: 300 }, async (_, n) => {
      const [method, path, body] = targets[n % targets.length] ?? ['GET', '/']
      return `${method} ${(await call(method, path, body)).status}`
    }),
  )
  const logged = await requests(300)
  expect(logged.map(({ method, status }) => `${method} ${status}`).toSorted()).toEqual(answers.toSorted())
  const expected: Record<string, number> = {}
  for (const { method, route, status } of logged) {
    const name = `${method} ${route} ${status}`
    expected[name] = (expected[name] ?? 0) + 1
  }
  expect(await counted(metrics)).toEqual(expected)
  expect(metrics.requests.inFlight).toBe(0)
})
