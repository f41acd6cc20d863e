/**
 * The dashboards on the running stack: every panel has rows once what it shows has happened, nothing is NaN at idle, and
 * in a browser no panel is without data or with an error.
 */
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MAX_SERIES } from '../dashboard-checks.ts'
import { panelsOf, queriesOf, readDashboards, type Dashboard, type Query } from '../dashboards.ts'
import { analyseLogql, analysePromql } from '../query-languages.ts'
import { runbookPanels } from '../runbook-panel.ts'
import { browserPath, launch, panelsOnPage } from './browser.ts'
import { rowsOf } from './queries.ts'
import { compose, eventually, lokiLines, lokiQuery, promQuery, promQueryRange, promSeries, stack } from './stack.ts'

const { app, alertmanager, grafana, loki } = stack.urls
const dashboards = readDashboards().map(({ dashboard }) => dashboard)
const since = Date.now()

/** Why a query may have no rows here; all others must have some. */
const exceptions: Record<string, string> = {
  'host: When will the disk be full? (B)': 'a forecast needs an hour of data',
  'stack: Does Loki fail? (A)': 'Loki would have to break; tests/faults does that',
  ...(stack.grafanaSkipped === undefined
    ? {}
    : { 'stack: How does Grafana reach its datasources? (A)': stack.grafanaSkipped }),
}

const nameOf = ({ dashboard, panel, refId }: Query): string => `${dashboard}: ${panel?.title ?? ''} (${refId})`
const isException = (query: Query): boolean => exceptions[nameOf(query)] !== undefined

/** Sends JSON, and insists on the status of the answer. */
async function send(method: 'POST' | 'PUT', url: string, body: unknown, status: number): Promise<void> {
  const headers = { 'Content-Type': 'application/json' }
  const response = await fetch(url, { method, headers, body: JSON.stringify(body) })
  if (response.status !== status)
    throw new Error(`${method} ${url} was answered ${response.status}, not ${status}: ${await response.text()}`)
}

/** Alerts fire after minutes, and alerts.test.ts has them fire: here the Watchdog, which always does, stands in. */
const withWatchdog = (expr: string): string =>
  expr.includes('ALERTS')
    ? expr.replaceAll(',severity!="none"', '').replaceAll(/severity(!=|=)"(none|critical)"/g, 'severity=~".*"')
    : expr

// Ranges of queries reach back to before the service started, so that what is shown of a start is among the rows.
const sinceStart = () => Math.ceil((Date.now() - stack.healthyAt) / 1000) + 120

const queriesNow = (dashboard: Dashboard): Query[] => {
  const range = Math.min(sinceStart(), 1800)
  return queriesOf(dashboard, { range, builtIns: { __auto: `${range}s` } }).map((query) => ({
    ...query,
    expr: withWatchdog(query.expr),
  }))
}

const allQueries = (): Query[] => dashboards.flatMap(queriesNow)
const isOverTime = ({ type, source, isInstant }: Query) => type === 'prometheus' && source !== 'variable' && !isInstant

/** Rows of a query: series at any time of the range for what is drawn over time, else rows now. */
async function countOf(query: Query): Promise<number> {
  const range = Math.min(sinceStart(), 1800)
  if (!isOverTime(query)) return rowsOf(query, range)
  const now = Date.now() / 1000
  return (await promQueryRange(query.expr, now - range, now, 15)).length
}

async function inTurn<T>(items: T[], ask: (item: T) => Promise<string[]>): Promise<string[]> {
  const found: string[] = []
  for (const item of items) found.push(...(await ask(item)))
  return found
}

beforeAll(async () => {
  // Failures and slow answers.
  await send('PUT', `${app}/faults`, { errorRate: 0.3, latencyMs: 600, durationSeconds: 30 }, 200)
  // A line that is not in the format, in a folder of its own.
  const write = `const fs = require('node:fs'); const folder = '/var/log/services/dashboards-test'
    fs.mkdirSync(folder, { recursive: true }); fs.writeFileSync(folder + '/' + Date.now() + '-1.log', 'not in the format\\n')`
  await compose('exec', '-T', 'app', 'node', '-e', write)
  // An alert that fires and ends: told with the first group after 15 s, and its end a minute later.
  const alert = {
    labels: { alertname: 'DashboardsTest', severity: 'info', job: 'dashboards-test' },
    annotations: { summary: 'A test of the dashboards', description: 'Ends by itself.' },
    startsAt: new Date(since - 60_000).toISOString(),
    endsAt: new Date(since + 25_000).toISOString(),
  }
  await send('POST', `${alertmanager}/api/v2/alerts`, [alert], 200)
  // A line that Loki refuses, being too old; chunks that are stored.
  const old = { stream: { job: 'dashboards-test' }, values: [[`${since - 30 * 86_400_000}000000`, 'too old']] }
  await send('POST', `${loki}/loki/api/v1/push`, { streams: [old] }, 400)
  await send('POST', `${loki}/flush`, {}, 204)
})

/** What the gateway refuses, and what Grafana asks when somebody looks at it. */
async function visit(): Promise<void> {
  await fetch(`${stack.urls.prometheus}/-/healthy`, { headers: { Origin: 'http://elsewhere.example' } })
  if (stack.grafanaSkipped !== undefined) return
  for (const type of ['prometheus', 'loki']) {
    const expr = type === 'loki' ? '{job="app"}' : 'up'
    const queries = [
      { refId: 'A', datasource: { uid: type, type }, expr, queryType: 'range', range: true, maxLines: 1 },
    ]
    await send('POST', `${grafana}/api/ds/query`, { from: 'now-5m', to: 'now', queries }, 200)
  }
}

describe('after the load has run', () => {
  test('every query of every dashboard has rows, but for those that say why not', async () => {
    const known = new Set(allQueries().map(nameOf))
    expect(Object.keys(exceptions).filter((name) => !known.has(name))).toEqual([])
    for (const [name, reason] of Object.entries(exceptions)) console.log(`not asked for rows: ${name}: ${reason}`)

    let missing = allQueries().filter((query) => !isException(query))
    const asked = missing.length
    await eventually(150, async () => {
      await visit()
      const places = new Set(missing.map(({ where }) => where))
      const empty = await inTurn(
        allQueries().filter(({ where }) => places.has(where)),
        async (query) => ((await countOf(query)) === 0 ? [query.where] : []),
      )
      missing = missing.filter(({ where }) => empty.includes(where))
      expect(missing.map(({ where, expr }) => `${where}: no rows: ${expr}`)).toEqual([])
    })
    console.log(`${asked} queries have rows, ${Math.round((Date.now() - since) / 1000)} s after the first was asked`)
  })

  test('every label that a query matches or groups by is in the store', async () => {
    const cached = new Map<string, Promise<Record<string, string>[]>>()
    const seriesOf = (metric: string) => {
      const series = cached.get(metric) ?? promSeries(metric)
      cached.set(metric, series)
      return series
    }
    const lines = await lokiLines('{job=~".+"}', Date.now() - 120_000, Date.now())
    const ofLines = new Set(lines.flatMap(({ labels, metadata }) => [...Object.keys(labels), ...Object.keys(metadata)]))

    const unknown = await inTurn(
      allQueries().filter((query) => query.expr !== '' && !isException(query)),
      async ({ where, type, expr }) => {
        const { selectors, labels, madeLabels } = (type === 'loki' ? analyseLogql : analysePromql)(expr)
        const found: string[] = []
        const known = new Set(type === 'loki' ? [...ofLines, ...madeLabels] : madeLabels)
        for (const { metric, matchers } of selectors) {
          const own = new Set(type === 'loki' ? [] : (await seriesOf(metric)).flatMap((series) => Object.keys(series)))
          for (const name of own) known.add(name)
          for (const { label } of matchers)
            if (!(type === 'loki' ? known : own).has(label)) found.push(`${where}: no ${metric} has the label ${label}`)
        }
        return [...found, ...labels.filter((name) => !known.has(name)).map((name) => `${where}: nothing has ${name}`)]
      },
    )
    expect(unknown).toEqual([])
  })

  test(`no panel draws more than ${MAX_SERIES} lines`, async () => {
    const crowded = await inTurn(
      dashboards.flatMap((dashboard) => panelsOf(dashboard).map((panel) => ({ dashboard, panel }))),
      async ({ dashboard, panel }) => {
        // A heatmap's series are its rows.
        if (!['timeseries', 'state-timeline', 'bargauge'].includes(panel.type)) return []
        let lines = 0
        for (const query of queriesNow(dashboard).filter(({ where }) => where.includes(` panel ${panel.id} `)))
          lines += await countOf(query)
        return lines > MAX_SERIES ? [`${dashboard.uid}, panel ${panel.id} "${panel.title}": ${lines} lines`] : []
      },
    )
    expect(crowded).toEqual([])
  })
})

const skipped = stack.grafanaSkipped ?? (browserPath === undefined ? 'there is no Chromium on this machine' : undefined)
if (skipped !== undefined) console.log(`skipped: the dashboards in a browser: ${skipped}`)

let browser: BrowserContext | undefined
beforeAll(async () => {
  if (skipped === undefined) browser = await launch()
})
afterAll(() => browser?.browser()?.close())

// Of one test: it opens all dashboards, and a busy machine takes ten times as long as an idle one.
const PATIENCE = 400_000
const SIZES = { '1920×1080': { width: 1920, height: 1080 }, '1366×768': { width: 1366, height: 768 } }

async function open(path: string, size: keyof typeof SIZES): Promise<Page> {
  const page = await browser!.newPage()
  // Pages of Grafana are heavy, and machines that build are busy.
  page.setDefaultTimeout(90_000)
  await page.setViewportSize(SIZES[size])
  await page.goto(`${grafana}${path}`)
  return page
}

/** Opens each dashboard and says what a reader would stumble over. */
async function stumblingBlocks(size: keyof typeof SIZES): Promise<string[]> {
  return inTurn(dashboards, async (dashboard) => {
    const page = await open(`/d/${dashboard.uid}/${dashboard.uid}`, size)
    await page.locator('section[data-testid^="data-testid Panel header"]').first().waitFor()
    const seen = await panelsOnPage(page)
    await page.close()
    const missing = panelsOf(dashboard).filter(({ title }) => !seen.has(title ?? ''))
    return [
      ...missing.map(({ title }) => `${dashboard.uid}: the panel "${title}" is not shown`),
      ...[...seen.values()].flatMap(({ title, text, hasError }) => [
        ...(hasError ? [`${dashboard.uid}: "${title}" has an error badge`] : []),
        ...(/No data|NaN|Infinity/.test(text) ? [`${dashboard.uid}: "${title}" says: ${text}`] : []),
      ]),
    ]
  })
}

/** The parameters of the address that the page is at. */
const asked = (page: Page) => Object.fromEntries(new URL(page.url()).searchParams)

describe.skipIf(skipped !== undefined)('in a browser, under load', () => {
  test(
    'every dashboard shows all of its panels at 1920×1080, none without data or with an error',
    async () => {
      expect(await stumblingBlocks('1920×1080')).toEqual([])
    },
    PATIENCE,
  )

  test('the buttons lead to the other dashboards, and keep variables and time', async () => {
    const page = await open('/d/service-overview/service-overview?var-route=/items&from=now-1h&to=now', '1920×1080')
    for (const title of ['Host', 'Logs']) {
      await page.getByRole('link', { name: title, exact: true }).first().click()
      await page.waitForURL(new RegExp(`/d/${title.toLowerCase()}/`))
      expect(asked(page)).toMatchObject({ 'var-job': 'app', 'var-route': '/items', from: 'now-1h', to: 'now' })
    }
    await page.close()
  })

  test('a number leads to what explains it, and a row of a table to the log of its route', async () => {
    const page = await open('/d/service-overview/service-overview', '1920×1080')
    const panel = (title: string) => page.getByTestId(`data-testid Panel header ${title}`)
    await panel('What fires?').getByRole('link').first().click()
    await page.waitForURL(/\/d\/alerts\//)
    await page.goBack()
    await panel('Which routes hurt?').getByRole('link', { name: '/cat_facts', exact: true }).click()
    await page.waitForURL(/\/d\/logs\//)
    expect(asked(page)).toMatchObject({ 'var-job': 'app', 'var-route': '/cat_facts' })
    await page.close()
  })

  test('a point of a curve leads to the log around it', async () => {
    const page = await open('/d/service-overview/service-overview?from=now-5m&to=now', '1920×1080')
    const plot = page.getByTestId('data-testid Panel header How much traffic, by status?').locator('.u-over')
    await plot.waitFor()
    // A click pins the tooltip, and with it the link; one that comes before the curve is drawn, or between two of its
    // points, does nothing.
    const link = page.getByRole('link', { name: /Logs around this point/ }).first()
    let share = 0.5
    await eventually(120, async () => {
      const { width, height } = (await plot.boundingBox())!
      share = share > 0.9 ? 0.5 : share + 0.07
      const position = { x: width * share, y: height * 0.6 }
      await page.keyboard.press('Escape')
      await plot.hover({ position })
      await plot.click({ position })
      await link.click({ timeout: 8000 })
    })
    await page.waitForURL(/\/d\/logs\//)
    await eventually(30, async () => {
      const { from, to } = asked(page)
      expect(Date.parse(to ?? '') - Date.parse(from ?? '')).toBe(120_000)
    })
    await page.close()
  })

  test('a log line leads to all lines of its request', async () => {
    const page = await open('/d/logs/logs?var-job=app&var-level=error&from=now-15m&to=now', '1920×1080')
    const lines = page.getByTestId('data-testid Panel header Which lines match?')
    await lines
      .getByText(/Requested by/)
      .first()
      .click()
    // A link of the datasource opens a page of its own.
    const [request] = await Promise.all([page.waitForEvent('popup'), page.getByText('Show them').first().click()])
    await request.waitForURL(/var-request_id=\w/)
    expect(asked(request)['var-request_id']).toMatch(/^[0-9a-zA-Z-]{8,}$/)
    await request.close()
    await page.close()
  })

  test('an alert leads to its page of the runbook', async () => {
    const alerts = dashboards.find(({ uid }) => uid === 'alerts')
    const [panel] = alerts ? runbookPanels(alerts) : []
    const page = await open(`/d/alerts/alerts?viewPanel=panel-${panel?.id}`, '1920×1080')
    await page.getByText('TargetDown', { exact: true }).click()
    const meaning = page.getByText('Prometheus has not been able to scrape a target')
    await meaning.waitFor()
    expect(await meaning.isVisible()).toBe(true)
    await page.close()
  })
})

/** Numbers of a query's answer that are none. */
async function oddNumbers(query: Query): Promise<string[]> {
  const now = Date.now() / 1000
  const values =
    query.type === 'loki'
      ? (await lokiQuery(query.expr)).map(({ value }) => value[1])
      : isOverTime(query)
        ? (await promQueryRange(query.expr, now - 30, now, 15)).flatMap((series) => series.values.map(([, v]) => v))
        : (await promQuery(query.expr)).map(({ value }) => value[1])
  return values.filter((value) => !Number.isFinite(Number(value)))
}

describe('at idle', () => {
  beforeAll(async () => {
    await compose('stop', 'load-generator')
    // Until no request lies within the shortest window that a panel looks at.
    await eventually(120, async () => {
      const [rate] = await promQuery('sum(rate(http_request_duration_seconds_count[60s]))')
      if (rate?.value[1] !== '0') throw new Error(`there are still ${rate?.value[1]} requests per second`)
    })
  })
  afterAll(async () => void (await compose('start', 'load-generator')))

  test('no query answers NaN or Inf', async () => {
    const range = 60
    const idle = dashboards
      .flatMap((dashboard) => queriesOf(dashboard, { range, builtIns: { __auto: `${range}s` } }))
      .filter(
        ({ source, type, expr }) => source !== 'variable' && !(type === 'loki' && expr.trimStart().startsWith('{')),
      )
    expect(idle.length).toBeGreaterThan(100)
    expect(
      await inTurn(idle, async (query) => {
        const odd = await oddNumbers(query)
        return odd.length === 0 ? [] : [`${query.where}: ${odd.slice(0, 3).join(' ')}: ${query.expr}`]
      }),
    ).toEqual([])
  })

  test.skipIf(skipped !== undefined)(
    'every dashboard shows all of its panels at 1366×768, and none says “No data”',
    async () => {
      expect(await stumblingBlocks('1366×768')).toEqual([])
    },
    PATIENCE,
  )
})
