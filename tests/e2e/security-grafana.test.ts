import { mkdtemp, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { chromium } from 'playwright-core'
import { afterAll, describe, expect, test } from 'vitest'
import { run, type Outcome } from '../docker.ts'
import { containerOf } from './inside.ts'
import { compose, eventually, lokiLines, stack } from './stack.ts'

const { app, grafana } = stack.urls
const skipped = stack.grafanaSkipped
if (skipped !== undefined) console.log(`skipped: Grafana's own settings, its password, its pages: ${skipped}`)

/** Runs grafana/start in a shell like the official image's, with a Grafana that only tells how it was started. */
async function start(environment: Record<string, string>): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'grafana-start-'))
  await writeFile(join(folder, 'run.sh'), '#!/bin/sh\nenv\n', { mode: 0o755 })
  const image = (await run('docker', ['inspect', '--format', '{{.Image}}', await containerOf('gateway')])).stdout.trim()
  const variables = Object.entries({ GF_PATHS_DATA: '/nowhere', ...environment }).map(
    ([name, value]) => `--env=${name}=${value}`,
  )
  const files = [`--volume=${resolve('grafana/start')}:/start:ro`, `--volume=${folder}/run.sh:/run.sh:ro`]
  return run(
    'docker',
    ['run', '--rm', '--network=none', ...variables, ...files, '--entrypoint=/bin/sh', image, '/start'],
    {
      mayFail: true,
    },
  )
}

/** The status of a request as admin, from beside a container of Grafana's. */
async function adminStatus(container: string, password: string): Promise<number> {
  const auth = Buffer.from(`admin:${password}`).toString('base64')
  const ask = `fetch('http://127.0.0.1:3000/api/user', { headers: { Authorization: 'Basic ${auth}' } })`
  const image = (await run('docker', ['inspect', '--format', '{{.Image}}', await containerOf('app')])).stdout.trim()
  const beside = ['run', '--rm', '--network', `container:${container}`, '--entrypoint', 'node', image, '-e']
  return Number((await run('docker', [...beside, `${ask}.then(({ status }) => console.log(status))`])).stdout)
}

describe('the start of Grafana', () => {
  const refused: [name: string, environment: Record<string, string>, says: RegExp][] = [
    [
      'the default password beyond this machine',
      { GRAFANA_BIND: '0.0.0.0' },
      /default password; set GRAFANA_ADMIN_PASSWORD/,
    ],
    [
      'the password admin beyond this machine',
      { GRAFANA_BIND: '192.0.2.7', GRAFANA_ADMIN_PASSWORD: 'admin' },
      /password admin; set another GRAFANA_ADMIN_PASSWORD/,
    ],
    ['neither yes nor no', { GRAFANA_ANONYMOUS: 'perhaps' }, /GRAFANA_ANONYMOUS="perhaps": must be true or false/],
    ['a TLS that is neither on nor off', { GRAFANA_TLS: 'yes' }, /GRAFANA_TLS="yes": must be on or off/],
  ]
  test.each(refused)('refuses %s, in one line', async (_name, environment, says) => {
    const { code, stdout, stderr } = await start(environment)
    expect(code).not.toBe(0)
    expect(stdout).toBe('')
    expect(stderr.trim().split('\n')).toEqual([expect.stringMatching(says)])
  })

  const accepted: [name: string, environment: Record<string, string>, settings: string[]][] = [
    ['on loopback everybody may look', {}, ['GF_AUTH_ANONYMOUS_ENABLED=true', 'GF_SECURITY_ADMIN_PASSWORD=admin']],
    ['one variable asks for a login', { GRAFANA_ANONYMOUS: 'false' }, ['GF_AUTH_ANONYMOUS_ENABLED=false']],
    [
      'beyond this machine a login is asked for unless it is said otherwise',
      { GRAFANA_BIND: '0.0.0.0', GRAFANA_ADMIN_PASSWORD: 'a $ecret' },
      ['GF_AUTH_ANONYMOUS_ENABLED=false', 'GF_SECURITY_ADMIN_PASSWORD=a $ecret'],
    ],
    [
      'with TLS the cookie travels over TLS alone',
      { GRAFANA_TLS: 'on', GRAFANA_DOMAIN: 'grafana.example.org', GRAFANA_PORT: '443' },
      ['GF_SECURITY_COOKIE_SECURE=true', 'GF_SERVER_ROOT_URL=https://grafana.example.org:443/'],
    ],
  ]
  test.each(accepted)('%s', async (_name, environment, settings) => {
    const { code, stdout, stderr } = await start(environment)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout.split('\n')).toEqual(expect.arrayContaining(settings))
  })
})

describe.skipIf(skipped !== undefined)('Grafana', () => {
  const volume = `${stack.compose[2]}-password`
  const names: string[] = []
  afterAll(async () => {
    await run('docker', ['rm', '--force', ...names], { mayFail: true })
    await run('docker', ['volume', 'rm', '--force', volume], { mayFail: true })
  })

  test('takes over a changed password on the volume it has, and keeps it when the variable goes', async () => {
    for (const [n, set, right, wrong] of [
      [1, 'first one', 'first one', 'admin'],
      [2, 'second $ "one', 'second $ "one', 'first one'],
      [3, '', 'second $ "one', 'admin'],
    ] as const) {
      const name = `${volume}-${n}`
      names.push(name)
      // The service as it is, on a volume of its own.
      const own = ['--name', name, '--volume', `${volume}:/var/lib/grafana`, '--env', `GRAFANA_ADMIN_PASSWORD=${set}`]
      await compose('run', '--detach', '--no-deps', ...own, 'grafana')
      await eventually(60, async () => {
        await run('docker', ['exec', name, 'wget', '-q', '-O', '/dev/null', 'http://127.0.0.1:3000/api/health'])
      })
      expect([await adminStatus(name, right), await adminStatus(name, wrong)]).toEqual([200, 401])
      await run('docker', ['stop', name])
    }
  })

  test('lets a viewer look, and change, sign up, share or embed nothing', async () => {
    const ask = async (method: string, path: string, body?: object): Promise<string> => {
      const json = { 'Content-Type': 'application/json' }
      const init = { method, headers: json, ...(body ? { body: JSON.stringify(body) } : {}) }
      return `${(await fetch(grafana + path, init)).status} ${method} ${path}`
    }
    expect(await ask('GET', '/api/search')).toBe('200 GET /api/search')
    const refused = await Promise.all([
      ask('POST', '/api/dashboards/db', { dashboard: { title: 'mine' } }),
      ask('DELETE', '/api/dashboards/uid/service-overview'),
      ask('POST', '/api/datasources', { name: 'x', type: 'loki', access: 'proxy', url: 'http://loki:3100' }),
      ask('GET', '/api/admin/settings'),
      ask('GET', '/api/org/users'),
      ask('POST', '/api/user/signup', { email: 'x@example.org' }),
      ask('POST', '/api/snapshots', { dashboard: {} }),
      ask('POST', '/api/dashboards/uid/service-overview/public-dashboards', {}),
      ask('GET', '/metrics'),
    ])
    expect(refused.filter((answer) => !answer.startsWith('4'))).toEqual([])

    const { headers } = await fetch(`${grafana}/login`)
    expect(headers.get('x-frame-options')?.toLowerCase()).toBe('deny')
    expect(headers.get('content-security-policy')).toMatch(/script-src [^;]*'nonce-[^;]+;.*frame-ancestors 'none'/)
  })
})

const browserPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
)
if (browserPath === undefined) console.log('skipped: HTML in pages: there is no Chromium on this machine')

describe('HTML that a client or a service sends', () => {
  const HTML = '<img src=x onerror=window.owned=1>'
  // A service's folder is the label `job`, its file the label `filename`.
  const folder = `/var/log/services/${HTML}`

  test.skipIf(skipped !== undefined || browserPath === undefined)(
    'stays text in a log line, in a label and in the pages that show them',
    async () => {
      const from = Date.now() - 1000
      const created = await fetch(`${app}/items`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'User-Agent': HTML, 'X-Request-Id': HTML },
        body: JSON.stringify({ name: HTML }),
      })
      expect(created.status).toBe(201)
      expect(created.headers.get('content-type')).toMatch(/^application\/json/)
      expect(created.headers.get('x-request-id')).not.toContain('<')
      const line = `${new Date().toISOString()} | ERROR | Module: m | Function: f | ${HTML}`
      const write = 'mkdir -p "$1" && printf "%s\\n" "$2" > "$1/1.log"'
      await compose('exec', '-T', 'app', 'sh', '-c', write, 'sh', folder, line)
      try {
        await eventually(60, async () => {
          const lines = await lokiLines(`{job="${HTML}"}`, from, Date.now() + 1000)
          expect(lines.map((one) => one.line)).toEqual([line])
          expect(await lokiLines(`{job="app"} |= "Created item" |= "onerror"`, from, Date.now() + 1000)).toHaveLength(1)
        })
        const browser = await chromium.launch({
          executablePath: browserPath ?? '',
          args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
        })
        try {
          const view = `from=now-5m&to=now&var-job=${encodeURIComponent(HTML)}`
          const pages: [url: string, shows: string][] = [
            [`${grafana}/d/logs/logs?${view}`, `Function: f | ${HTML}`],
            [`${grafana}/d/service-overview/service-overview?${view}`, HTML],
            [`${app}/items?limit=100`, HTML],
            [`${app}/items/${encodeURIComponent(HTML)}`, 'onerror'],
          ]
          for (const [url, shows] of pages) {
            const page = await browser.newPage({ viewport: { width: 1600, height: 1600 } })
            await page.goto(url, { waitUntil: 'networkidle' })
            await page.getByText(shows).first().waitFor({ state: 'attached', timeout: 60_000 })
            expect([url, await page.evaluate('window.owned')]).toEqual([url, undefined])
            expect([url, await page.locator('img[src="x"]').count()]).toEqual([url, 0])
            await page.close()
          }
        } finally {
          await browser.close()
        }
      } finally {
        await compose('exec', '-T', 'app', 'rm', '-r', folder)
      }
    },
    240_000,
  )
})
