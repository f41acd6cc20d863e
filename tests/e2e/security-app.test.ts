import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { run } from '../docker.ts'
import { talk } from './inside.ts'
import { eventually, lokiLines, promQuery, stack } from './stack.ts'

const { app } = stack.urls
const port = Number(new URL(app).port)
const started = Date.now()

let cpuBefore = 0

/**
 * The longest the service's event loop was blocked by work since this was asked last, in seconds. On a busy machine the
 * loop is also held up by waiting for the processor; its own work cannot have blocked it for longer than it had that.
 */
async function blocked(): Promise<number> {
  const text = await (await fetch(`${app}/metrics`)).text()
  const valueOf = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
  const cpu = valueOf('process_cpu_seconds_total')
  const used = cpu - cpuBefore
  cpuBefore = cpu
  return Math.min(valueOf('nodejs_eventloop_lag_max_seconds'), used)
}

const statusOf = (answer: string): number => Number(answer.split(' ')[1])
const bodyOf = (answer: string): string => answer.slice(answer.indexOf('\r\n\r\n') + 4)
const get = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n`
const post = (body: string, headers = ''): string =>
  `POST /items HTTP/1.1\r\nHost: app\r\nContent-Type: application/json\r\nConnection: close\r\n${headers}\r\n${body}`
const sized = (body: string): string => post(body, `Content-Length: ${Buffer.byteLength(body)}\r\n`)

const HOSTILE_PATHS = [
  '/../../etc/passwd',
  '/..%2f..%2fetc%2fpasswd',
  '/docs/..%2f..%2f..%2fpackage.json',
  '/docs/%2e%2e/%2e%2e/src/main.ts',
  '/docs/..%5c..%5cpackage.json',
  '//evil.example/',
  '/%00',
  '/%',
  '/%ff%fe',
  '/items/%E0%A4%A',
  '/items/__proto__',
  '/items/constructor',
  '/items/%0d%0aSet-Cookie:%20a=b',
  `/items/${'../'.repeat(500)}`,
  `/${'a/'.repeat(2000)}`,
  '/<script>alert(1)</script>',
  '/cat_facts?count=1e9',
  '/cat_facts?count=1&count=2',
  '/items?limit=-1',
  `/items?${'limit=1&'.repeat(900)}`,
]

const ATTACKS: [name: string, bytes: string, status: number][] = [
  ['20,000 query parameters', get(`/items?${Array.from({ length: 20_000 }, (_, n) => `p${n}=1`).join('&')}`), 431],
  ['a URI of 10,000 characters', get(`/items?x=${'x'.repeat(10_000)}`), 414],
  ['a header of 20 kB', `GET / HTTP/1.1\r\nHost: app\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ['5,000 headers', `GET / HTTP/1.1\r\nHost: app\r\n${'X: y\r\n'.repeat(5000)}\r\n`, 431],
  ['a body of 10 MB', sized(JSON.stringify({ name: 'x'.repeat(10 * 1024 ** 2) })), 413],
  [
    'a body of 10 MB in chunks',
    post(`${`10000\r\n${'x'.repeat(65_536)}\r\n`.repeat(160)}0\r\n\r\n`, 'Transfer-Encoding: chunked\r\n'),
    413,
  ],
  ['JSON 8,000 levels deep', sized(`${'['.repeat(8000)}${']'.repeat(8000)}`), 400],
  ['objects 3,000 levels deep', sized(`${'{"a":'.repeat(3000)}1${'}'.repeat(3000)}`), 413],
  ['objects 2,500 levels deep', sized(`${'{"a":'.repeat(2500)}1${'}'.repeat(2500)}`), 400],
  ['JSON that is none', sized('{"name":'), 400],
  ['__proto__ as a key', sized('{"name":"x","__proto__":{"admin":true}}'), 400],
  ['bytes that are no HTTP', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400],
  ['two lengths', post('{}', 'Content-Length: 2\r\nContent-Length: 3\r\n'), 400],
  ['a length and chunks', post('0\r\n\r\n', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'), 400],
]

// A garbage collection may come in between: what blocks the event loop does so each time.
describe('the service, attacked', { retry: 2 }, () => {
  test.each(ATTACKS)('%s: a problem, and the event loop goes on', async (_name, bytes, status) => {
    await blocked()
    const { answer } = await talk(port, bytes)
    expect(statusOf(answer)).toBe(status)
    expect(answer).toMatch(/^content-type: application\/problem\+json/im)
    expect(JSON.parse(bodyOf(answer))).toMatchObject({ status })
    expect(await blocked()).toBeLessThan(0.1)
  })

  test('hostile paths are answered with a problem that tells nothing of the inside', async () => {
    await blocked()
    for (const path of HOSTILE_PATHS) {
      const { answer } = await talk(port, get(path))
      expect([path, statusOf(answer)]).toEqual([
        path,
        expect.toSatisfy((status: number) => status >= 400 && status < 500),
      ])
      expect(answer).toMatch(/^content-type: application\/problem\+json/im)
      expect(answer).not.toMatch(/node_modules|\/srv\/|\.ts:|at \w+ \(|root:x:|^set-cookie/im)
    }
    expect(await blocked()).toBeLessThan(0.1)
  })

  test('a failure on purpose shows no stack', async () => {
    const put = (body: object) =>
      fetch(`${app}/faults`, {
        method: 'PUT',
        body: JSON.stringify(body),
        headers: { 'Content-Type': 'application/json' },
      })
    expect((await put({ errorRate: 1, durationSeconds: 30 })).status).toBe(200)
    const failed = await fetch(`${app}/items`)
    const text = await failed.text()
    expect((await put({})).status).toBe(200)
    expect(failed.status).toBe(500)
    expect(Object.keys(JSON.parse(text) as object).toSorted()).toEqual([
      'detail',
      'requestId',
      'status',
      'title',
      'type',
    ])
  })

  test('a block on purpose is seen by the measure that the others are held against', async () => {
    await blocked()
    const headers = { 'Content-Type': 'application/json' }
    await fetch(`${app}/faults`, { method: 'PUT', headers, body: '{"cpuMs":900,"durationSeconds":10}' })
    await sleep(2500)
    await fetch(`${app}/faults`, { method: 'PUT', headers, body: '{}' })
    expect(await blocked()).toBeGreaterThan(0.1)
  })

  test('fifty clients that never finish their headers are let go, and others are served meanwhile', async () => {
    await blocked()
    const slow = Array.from({ length: 50 }, () => talk(port, 'GET / HTTP/1.1\r\nHost: app\r\nX-Slow: '))
    const all = Promise.all(slow)
    const pauses: number[] = []
    for (let waiting = true; waiting;) {
      expect((await fetch(`${app}/items`)).status).toBe(200)
      waiting = await Promise.race([all.then(() => false), sleep(500, true)])
      pauses.push(await blocked())
    }
    for (const { answer, afterMs } of await all) {
      expect(statusOf(answer)).toBe(408)
      expect(afterMs).toBeLessThan(15_000)
    }
    expect(Math.max(...pauses)).toBeLessThan(0.1)
  })

  test('faults are refused to pages of other origins and to what a form can send', async () => {
    const put = async (headers: Record<string, string>): Promise<number> => {
      const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
      const { answer } = await talk(
        port,
        `PUT /faults HTTP/1.1\r\nContent-Length: 2\r\nConnection: close\r\n${head.join('')}\r\n{}`,
      )
      return statusOf(answer)
    }
    const json = { 'Content-Type': 'application/json' }
    const host = `127.0.0.1:${port}`
    expect(await put({ Host: host, ...json })).toBe(200)
    expect(await put({ Host: host, Origin: `http://${host}`, ...json })).toBe(200)
    expect(await put({ Host: host, Origin: 'http://evil.example', ...json })).toBe(403)
    expect(await put({ Host: host, Origin: 'null', ...json })).toBe(403)
    expect(await put({ Host: host, Origin: `http://127.0.0.1:1`, ...json })).toBe(403)
    // A name pointed at this machine after its page was loaded: to the browser that is the same origin.
    expect(await put({ Host: `evil.example:${port}`, Origin: `http://evil.example:${port}`, ...json })).toBe(403)
    expect(await put({ Host: host, 'Content-Type': 'text/plain' })).toBe(415)
    const { headers } = await fetch(`${app}/faults`, { method: 'OPTIONS', headers: { Origin: 'http://evil.example' } })
    expect(headers.get('access-control-allow-origin')).toBeNull()
  })

  test('every answer is taken for what it says it is, and /docs runs scripts of its own alone', async () => {
    for (const path of ['/', '/metrics', '/items', '/nothing', '/openapi.json', '/docs/'])
      expect([path, (await fetch(app + path)).headers.get('x-content-type-options')]).toEqual([path, 'nosniff'])
    const policy = (await fetch(`${app}/docs/`)).headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("script-src 'self';")
    expect(policy).toContain("frame-ancestors 'none'")
  })

  test('it still serves and logs, and was not restarted', async () => {
    const response = await fetch(`${app}/items`, { headers: { 'X-Request-Id': `after-the-attacks-${started}` } })
    expect(response.status).toBe(200)
    await eventually(30, async () => {
      const lines = await lokiLines(`{job="app"} |= "after-the-attacks-${started}"`, started, Date.now() + 1000)
      expect(lines).toHaveLength(1)
    })
    const [start] = await promQuery('process_start_time_seconds{job="app"}')
    expect(Number(start?.value[1]) * 1000).toBeLessThan(started)
  })
})

describe('the packages that ship', () => {
  test('have no known weakness that is high or critical', async (context) => {
    const { stdout, stderr } = await run('npm', ['audit', '--omit=dev', '--json'], { mayFail: true, timeoutMs: 60_000 })
    const report = JSON.parse(stdout || '{}') as {
      metadata?: { vulnerabilities: Record<string, number> }
      error?: { summary?: string }
      message?: string
    }
    if (!report.metadata) {
      const reason = report.error?.summary || report.message || stderr
      console.log(`skipped: npm audit: the registry offers none: ${reason.trim().split('\n')[0]}`)
      context.skip()
      return
    }
    expect(report.metadata.vulnerabilities).toMatchObject({ high: 0, critical: 0 })
  })
})
