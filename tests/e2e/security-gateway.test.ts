import { request as httpRequest } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { run } from '../docker.ts'
import { askFrom, containerOf, networkOf, type RawRequest } from './inside.ts'
import { compose, eventually, lokiLabelValues, stack } from './stack.ts'

const now = Date.now()
const loki = (head: string, body?: string): RawRequest => ({
  host: 'gateway',
  port: 3100,
  head,
  ...(body ? { body } : {}),
})
const prometheus = (head: string, body?: string): RawRequest => ({ ...loki(head, body), port: 9090 })
const alertmanager = (head: string, body?: string): RawRequest => ({ ...loki(head, body), port: 9093 })

const FORM = 'Content-Type: application/x-www-form-urlencoded'
const range = `start=${now - 600_000}000000&end=${now}000000`
const app = encodeURIComponent('{job="app"}')
const seconds = `start=${Math.round(now / 1000) - 600}&end=${Math.round(now / 1000)}&step=15`

const LOKI_READ = [
  '/ready',
  `/loki/api/v1/query?query=${encodeURIComponent('sum(rate({job="app"}[1m]))')}`,
  `/loki/api/v1/query_range?query=${app}&${range}`,
  '/loki/api/v1/labels',
  '/loki/api/v1/label/job/values',
  `/loki/api/v1/series?match[]=${app}`,
  `/loki/api/v1/index/stats?query=${app}&${range}`,
  `/loki/api/v1/index/volume?query=${app}&${range}`,
  `/loki/api/v1/index/volume_range?query=${app}&${range}&step=60`,
  `/loki/api/v1/detected_labels?${range}`,
  `/loki/api/v1/detected_fields?query=${app}&${range}`,
  `/loki/api/v1/detected_field/route/values?query=${app}&${range}`,
  `/loki/api/v1/format_query?query=${app}`,
  '/loki/api/v1/status/buildinfo',
]
const PROMETHEUS_READ = [
  '/-/ready',
  '/api/v1/query?query=up',
  `/api/v1/query_range?query=up&${seconds}`,
  `/api/v1/query_exemplars?query=up&${seconds}`,
  '/api/v1/labels',
  '/api/v1/label/job/values',
  '/api/v1/series?match[]=up',
  '/api/v1/metadata',
  '/api/v1/rules',
  '/api/v1/alerts',
  '/api/v1/status/buildinfo',
  '/api/v1/format_query?query=up',
]
const PROMETHEUS_POSTED: [path: string, body: string][] = [
  ['/api/v1/query', 'query=up'],
  ['/api/v1/query_range', `query=up&${seconds}`],
  ['/api/v1/labels', 'match[]=up'],
  ['/api/v1/series', 'match[]=up'],
]
const ALERTMANAGER_READ = ['/-/ready', '/api/v2/status', '/api/v2/alerts', '/api/v2/alerts/groups', '/api/v2/silences']

const LOKI_CHANGE = [
  'GET /ingester/shutdown',
  'POST /ingester/shutdown',
  'GET /ingester/prepare_shutdown',
  'GET /flush',
  'POST /flush',
  'GET /config',
  'GET /services',
  'GET /memberlist',
  'GET /ring',
  'GET /metrics',
  'GET /log_level',
  'POST /log_level?log_level=debug',
  'GET /debug/pprof/heap',
  'POST /loki/api/v1/push',
  'POST /otlp/v1/logs',
  'POST /loki/api/v1/delete?query={job="app"}',
  'DELETE /loki/api/v1/delete?request_id=1',
  'GET /loki/api/v1/delete',
  'POST /loki/api/v1/rules/x',
  'DELETE /loki/api/v1/rules/x',
  'POST /api/prom/push',
  'POST /loki/api/v1/query',
]
const PROMETHEUS_CHANGE = [
  'POST /-/reload',
  'PUT /-/quit',
  'POST /-/quit',
  'POST /api/v1/admin/tsdb/delete_series?match[]=up',
  'POST /api/v1/admin/tsdb/snapshot',
  'DELETE /api/v1/series?match[]=up',
  'POST /api/v1/write',
  'POST /api/v1/read',
  'POST /api/v1/otlp/v1/metrics',
  'GET /api/v1/status/config',
  'GET /api/v1/status/flags',
  'GET /debug/pprof/heap',
  'GET /federate?match[]=up',
]
const ALERTMANAGER_CHANGE = [
  'POST /api/v2/silences',
  'DELETE /api/v2/silence/0b8d5f6e-0000-4000-8000-000000000000',
  'POST /api/v2/alerts',
  'POST /-/reload',
  'GET /debug/pprof/heap',
  'GET /metrics',
]

// Two readings of one path are one way around a list.
const TRICKS = [
  'GET //flush',
  'GET /./flush',
  'GET /%66lush',
  'GET /flush/',
  'GET /flush?/loki/api/v1/labels',
  'GET /flush#/loki/api/v1/labels',
  'GET /flush;/ready',
  'GET /ready/../flush',
  'GET /ready/..%2fflush',
  'GET /ready;/..;/flush',
  'GET /ready%2f..%2fflush',
  'GET /ready%00/../flush',
  'GET /ready\\..\\flush',
  'GET //loki/api/v1/../../../flush',
  'GET /loki/api/v1/labels/../../../../flush',
  'GET /loki/api/v1/labels/..%2f..%2f..%2f..%2fflush',
  'GET /loki/api/v1/label/../../../../flush/values',
  'GET /loki/api/v1/label/..%2f..%2f..%2f..%2fflush%3f/values',
  'GET /loki/api/v1/label/%2e%2e/values',
  'GET /loki/api/v1/detected_field/../../../../flush/values',
  'GET /loki/api/v1/detected_field/x%2f..%2f..%2f..%2f..%2f..%2fflush%23/values',
  'GET /INGESTER/SHUTDOWN',
  'GET /LOKI/API/V1/LABELS',
  'GET http://loki:3100/flush',
  'GET http://loki:3100//flush',
  'GET /flush\nX-Original-URL: /ready\nX-Rewrite-URL: /ready',
  'GET /loki/api/v1/labels\nConnection: Upgrade\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA',
  'GET /ready\nConnection: Upgrade\nUpgrade: websocket',
  'GET /flush\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  'POST /loki/api/v1/push\nX-HTTP-Method-Override: GET',
  'CONNECT loki:3100',
  'TRACE /ready',
]

// A second request in the body of one that is passed on: where does the first end? Whoever sees another end than the gateway
// takes the rest for a request that it has let through.
const HIDDEN = 'GET /ingester/shutdown HTTP/1.1\r\nHost: loki:3100\r\n\r\n'
const SMUGGLING: [headers: string, body: string][] = [
  // Length and chunks; the probe adds the length of the whole body.
  ['Transfer-Encoding: chunked', `0\r\n\r\n${HIDDEN}`],
  ['Transfer-Encoding: chunked\nTransfer-Encoding: identity', `0\r\n\r\n${HIDDEN}`],
  ['Transfer-Encoding: identity, chunked', `0\r\n\r\n${HIDDEN}`],
  ['Transfer-Encoding: xchunked', `0\r\n\r\n${HIDDEN}`],
  ['Transfer-Encoding : chunked', `0\r\n\r\n${HIDDEN}`],
  ['Transfer-Encoding:\x0bchunked', `0\r\n\r\n${HIDDEN}`],
  ['X: x\n Transfer-Encoding: chunked', `0\r\n\r\n${HIDDEN}`],
  // Two lengths.
  ['Content-Length: 0', HIDDEN],
  ['Content-Length: +0', HIDDEN],
  // No way to hide: the whole of it is the body.
  ['X: x', HIDDEN],
]

const outcomes = async (requests: RawRequest[]): Promise<string[]> => {
  const statuses = await askFrom(networkOf('dashboards'), requests)
  return requests.map(({ head }, n) => `${statuses[n]} ${head.split('\n')[0]}`)
}
const expected = (status: string, heads: string[]): string[] => heads.map((head) => `${status} ${head}`)
const gets = (paths: string[]): string[] => paths.map((path) => `GET ${path}`)
const startedAt = async (service: string): Promise<string> =>
  (await run('docker', ['inspect', '--format', '{{.State.StartedAt}} {{.RestartCount}}', await containerOf(service)]))
    .stdout

const services = (await compose('ps', '--services')).stdout.trim().split('\n')
const hasAlertmanager = services.includes('alertmanager')
if (!hasAlertmanager) console.log('skipped: what concerns Alertmanager: the stack has none')

describe('the gateway, asked from the network of Grafana', () => {
  test('passes on what the Loki datasource reads', async () => {
    expect(await outcomes(gets(LOKI_READ).map((head) => loki(head)))).toEqual(expected('200', gets(LOKI_READ)))
  })

  test('passes on the tail of a log', async () => {
    const head = `GET /loki/api/v1/tail?query=${app}`
    const upgrade =
      'Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='
    expect(await outcomes([loki(`${head}\n${upgrade}`)])).toEqual([`101 ${head}`])
  })

  test('passes on what the Prometheus datasource reads and posts', async () => {
    const posted = PROMETHEUS_POSTED.map(([path, body]) => prometheus(`POST ${path}\n${FORM}`, body))
    const requests = [...gets(PROMETHEUS_READ).map((head) => prometheus(head)), ...posted]
    expect(await outcomes(requests)).toEqual(
      expected('200', [...gets(PROMETHEUS_READ), ...PROMETHEUS_POSTED.map(([path]) => `POST ${path}`)]),
    )
  })

  test.skipIf(!hasAlertmanager)('passes on what an Alertmanager datasource reads', async () => {
    expect(await outcomes(gets(ALERTMANAGER_READ).map((head) => alertmanager(head)))).toEqual(
      expected('200', gets(ALERTMANAGER_READ)),
    )
  })

  test('refuses everything that changes or reveals more', async () => {
    const requests = [
      ...LOKI_CHANGE.map((head) => loki(head)),
      ...PROMETHEUS_CHANGE.map((head) => prometheus(head)),
      ...ALERTMANAGER_CHANGE.map((head) => alertmanager(head)),
    ]
    expect(await outcomes(requests)).toEqual(
      expected('403', [...LOKI_CHANGE, ...PROMETHEUS_CHANGE, ...ALERTMANAGER_CHANGE]),
    )
  })

  test('is not led around its lists', async () => {
    const before = await startedAt('loki')
    const results = await outcomes(TRICKS.map((head) => loki(head)))
    // Refused by the list, or by the server before it as no HTTP.
    expect(results.filter((result) => !/^(403|400|501) /.test(result))).toEqual([])
    expect(await startedAt('loki')).toBe(before)
    await eventually(30, async () => expect(await lokiLabelValues('job', '', now - 600_000, now)).toContain('app'))
  })

  test('lets no request through in the body of another', async () => {
    const before = await startedAt('loki')
    const requests = ['/ready', '/loki/api/v1/labels'].flatMap((path) =>
      SMUGGLING.map(([headers, body]) => loki(`GET ${path}\nConnection: keep-alive\n${headers}`, body)),
    )
    const results = await outcomes(requests)
    expect(results.filter((result) => !/^(200|400|501) /.test(result))).toEqual([])
    // It would have ended within a second.
    await sleep(2000)
    expect(await startedAt('loki')).toBe(before)
    await eventually(30, async () => expect(await lokiLabelValues('job', '', now - 600_000, now)).toContain('app'))
  })

  test('cannot be reconfigured: there is no admin endpoint', async () => {
    expect(await askFrom(networkOf('dashboards'), [{ host: 'gateway', port: 2019 }])).toEqual(['ECONNREFUSED'])
  })
})

const askThroughGrafana = async (uid: string, head: string): Promise<string> => {
  const [method = '', path = ''] = head.split('\n')[0]?.split(' ') ?? []
  const response = await fetch(`${stack.urls.grafana}/api/datasources/proxy/uid/${uid}${path}`, { method })
  await response.arrayBuffer()
  return `${response.status} ${head}`
}

if (stack.grafanaSkipped !== undefined) console.log(`skipped: what concerns Grafana's proxy: ${stack.grafanaSkipped}`)

describe.skipIf(stack.grafanaSkipped !== undefined)("Grafana's datasource proxy, asked by an anonymous viewer", () => {
  test('reads', async () => {
    const results = [
      ...(await Promise.all(gets(LOKI_READ).map((head) => askThroughGrafana('loki', head)))),
      ...(await Promise.all(gets(PROMETHEUS_READ).map((head) => askThroughGrafana('prometheus', head)))),
    ]
    expect(results).toEqual(expected('200', [...gets(LOKI_READ), ...gets(PROMETHEUS_READ)]))
  })

  test('changes nothing', async () => {
    const results = [
      ...(await Promise.all(LOKI_CHANGE.map((head) => askThroughGrafana('loki', head)))),
      ...(await Promise.all(PROMETHEUS_CHANGE.map((head) => askThroughGrafana('prometheus', head)))),
    ]
    expect(results.filter((result) => !/^40[0-9] /.test(result))).toEqual([])
  })
})

/** A request to a published port with any headers; its status and headers. */
function askPage(base: string, path: string, headers: Record<string, string>, method = 'GET') {
  return new Promise<{ status: number; headers: Record<string, unknown> }>((resolve, reject) => {
    const { hostname, port } = new URL(base)
    const request = httpRequest(
      { hostname, port, path, method, headers, setHost: !('Host' in headers) },
      (response) => {
        response.resume().on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers }))
      },
    )
    request.on('error', reject).end()
  })
}

const PAGES: [name: string, base: string, path: string][] = [
  ['Prometheus', stack.urls.prometheus, '/api/v1/labels'],
  ...(hasAlertmanager ? [['Alertmanager', stack.urls.alertmanager, '/api/v2/status'] as [string, string, string]] : []),
  ...(stack.grafanaSkipped === undefined
    ? [['Grafana', stack.urls.grafana, '/api/health'] as [string, string, string]]
    : []),
]

describe.each(PAGES)('the page of %s', (_name, base, path) => {
  const { host, port } = new URL(base)
  const NAVIGATION = { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' }

  test('answers under its own names, and tells other pages nothing', async () => {
    for (const own of [host, `localhost:${port}`]) {
      const { status, headers } = await askPage(base, path, { Host: own, Origin: `http://${own}` })
      expect([own, status]).toEqual([own, 200])
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' })
      expect(headers['access-control-allow-origin']).toBeUndefined()
    }
  })

  test('is not there under any other name (DNS rebinding)', async () => {
    for (const name of [
      'evil.example',
      `evil.example:${port}`,
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '',
    ]) {
      expect([name, (await askPage(base, path, { Host: name })).status]).toEqual([name, expect.toBeOneOf([421, 400])])
    }
  })

  test('refuses requests of other pages, on other ports of this machine too', async () => {
    for (const origin of [
      'http://evil.example',
      'null',
      `http://127.0.0.1:1`,
      `http://localhost:${port}.evil.example`,
    ]) {
      for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS'])
        expect([origin, method, (await askPage(base, path, { Origin: origin }, method)).status]).toEqual([
          origin,
          method,
          403,
        ])
    }
    for (const site of ['cross-site', 'same-site']) {
      const fetched = { 'Sec-Fetch-Site': site, 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'image' }
      expect((await askPage(base, path, fetched)).status).toBe(403)
      const framed = { 'Sec-Fetch-Site': site, 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'iframe' }
      expect((await askPage(base, path, framed)).status).toBe(403)
      expect((await askPage(base, path, { 'Sec-Fetch-Site': site, ...NAVIGATION }, 'POST')).status).toBe(403)
    }
  })

  test('can be linked to', async () => {
    expect((await askPage(base, path, { 'Sec-Fetch-Site': 'cross-site', ...NAVIGATION })).status).toBe(200)
  })
})
