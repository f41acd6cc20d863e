import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Alert } from './notification.ts'
import { createReceiver } from './receiver.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

const SINCE = '2026-11-21T09:00:00.000Z'

const alert = (changes: Partial<Alert> = {}): Alert => ({
  status: 'firing',
  labels: { alertname: 'TargetDown', severity: 'critical', job: 'app' },
  annotations: { summary: 'A target cannot be scraped', description: 'app has not answered.' },
  startsAt: SINCE,
  endsAt: '0001-01-01T00:00:00Z',
  ...changes,
})

const ofSeverity = (severity: string) => alert({ labels: { alertname: severity, severity, job: 'app' } })

const body = (...alerts: unknown[]) => ({ version: '4', status: 'firing', receiver: 'alert-receiver', alerts })

async function start() {
  const lines: { level: string; function: string; message: string }[] = []
  const clock = { ms: 1_000_000 }
  const receiver = createReceiver({
    write: (line) => lines.push(line),
    watchdogTimeoutSeconds: 180,
    now: () => clock.ms,
  })
  const server = createServer(receiver.app).listen(0, '127.0.0.1')
  servers.push(server)
  await new Promise((resolve) => server.once('listening', resolve))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const post = (path: string, content: unknown) =>
    fetch(base + path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: typeof content === 'string' ? content : JSON.stringify(content),
    })
  const text = async (path: string) => (await fetch(base + path)).text()
  const beat = () => post('/heartbeat', body(alert({ labels: { alertname: 'Watchdog', severity: 'none' } })))
  return { receiver, lines, clock, base, post, text, beat }
}

describe('a notification', () => {
  it('becomes one line per alert, its level by severity', async () => {
    const { post, lines } = await start()
    const response = await post(
      '/notifications',
      body(ofSeverity('critical'), ofSeverity('warning'), ofSeverity('info')),
    )
    expect(response.status).toBe(204)
    expect(lines.map(({ level }) => level)).toEqual(['ERROR', 'WARN', 'INFO'])
    expect(lines[0]).toEqual({
      level: 'ERROR',
      function: 'critical',
      message: `firing: severity critical, job app, since ${SINCE}: A target cannot be scraped. app has not answered.`,
    })
  })

  it('of a resolved alert says how long it lasted, at INFO', async () => {
    const { post, lines } = await start()
    await post('/notifications', body(alert({ status: 'resolved', endsAt: '2026-11-21T09:05:12.300Z' })))
    expect(lines[0]?.level).toBe('INFO')
    expect(lines[0]?.message).toMatch(/^resolved after 312 s: severity critical, job app, since /)
  })

  it.each([
    ['no JSON', '{'],
    ['another version', { ...body(alert()), version: '3' }],
    ['no alerts', body()],
    ['a status of its own', body({ ...alert(), status: 'maybe' })],
    ['a time that is none', body({ ...alert(), startsAt: 'yesterday' })],
    ['a label that is no text', body({ ...alert(), labels: { job: 1 } })],
  ])('with %s is refused with 400 and leaves no line', async (_, content) => {
    const { post, lines } = await start()
    const response = await post('/notifications', content)
    expect(response.status).toBe(400)
    expect(lines).toEqual([])
  })

  it('of more than 1 MiB is refused with 413', async () => {
    const { post } = await start()
    const response = await post('/notifications', body(alert({ annotations: { summary: 'x'.repeat(1 << 20) } })))
    expect(response.status).toBe(413)
  })

  it('is counted by status', async () => {
    const { post, text } = await start()
    expect(await text('/metrics')).toContain('alerts_received_total{status="resolved"} 0')
    await post('/notifications', body(alert(), alert()))
    expect(await text('/metrics')).toContain('alerts_received_total{status="firing"} 2')
  })
})

describe('the page', () => {
  it('shows the latest alert first and escapes every text', async () => {
    const { post, base } = await start()
    await post('/notifications', body(alert({ labels: { alertname: 'Old' } })))
    await post('/notifications', body(alert({ labels: { alertname: `<script>"'&` } })))
    const response = await fetch(base)
    const html = await response.text()
    expect(html).toContain('&lt;script&gt;&quot;&#39;&amp;')
    expect(html).not.toContain('<script')
    expect(html.indexOf('&lt;script')).toBeLessThan(html.indexOf('Old'))
    expect(response.headers.get('Content-Security-Policy')).toMatch(/^default-src 'none'; style-src 'sha256-/)
  })

  it('keeps 100 alerts at most', async () => {
    const { post, text } = await start()
    await post('/notifications', body(...Array.from({ length: 150 }, () => alert())))
    expect((await text('/')).match(/<tr><td>/g)).toHaveLength(100)
  })
})

describe('the Watchdog', () => {
  it('is missed once after its time, and its return is told once', async () => {
    const { receiver, lines, clock, beat, text } = await start()
    await beat()
    clock.ms += 180_000
    receiver.check()
    expect(lines).toEqual([])
    expect(await text('/')).toContain('Alive: heard 180 s ago.')
    clock.ms += 1000
    receiver.check()
    receiver.check()
    expect(lines).toEqual([
      { level: 'ERROR', function: 'Watchdog', message: 'missing for 181 s: alerts may not arrive' },
    ])
    expect(await text('/')).toContain('Missing for 181 s')
    expect(await text('/metrics')).toContain('watchdog_missing 1')
    clock.ms += 19_000
    await beat()
    await beat()
    expect(lines.slice(1)).toEqual([
      { level: 'INFO', function: 'Watchdog', message: 'returned after 200 s: alerts arrive again' },
    ])
    expect(await text('/metrics')).toContain('watchdog_last_seen_timestamp_seconds 1200\n')
  })

  it('is missed when it never came', async () => {
    const { receiver, lines, clock, text } = await start()
    expect(await text('/')).toContain('Not heard yet, 0 s after the start.')
    clock.ms += 181_000
    receiver.check()
    expect(lines).toHaveLength(1)
  })

  it('is not taken for alive by another alert or by its own end', async () => {
    const { receiver, lines, clock, post } = await start()
    clock.ms += 181_000
    const resolved = alert({ status: 'resolved', labels: { alertname: 'Watchdog' } })
    expect((await post('/heartbeat', body(alert(), resolved))).status).toBe(400)
    receiver.check()
    expect(lines).toHaveLength(1)
  })
})
