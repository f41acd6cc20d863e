import { once } from 'node:events'
import { existsSync, globSync, readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { parse as parseYaml } from 'yaml'
import { describe, expect, it } from 'vitest'
import { createReceiver } from '../../alertmanager/receiver/src/receiver.ts'
import { createLog } from '../../app/src/logger.ts'
import { LEVELS } from '../../app/src/log-line.ts'
import { createMetrics } from '../../app/src/metrics.ts'
import { createServer } from '../../app/src/server.ts'
import { CHECKS, linkProblems, readExposition, type Metric, type Surroundings } from '../dashboard-checks.ts'
import { readRunbook, runbookPanels, runbookText } from '../runbook-panel.ts'
import { fillIn, initialValues, linksOf, panelsOf, queriesOf, readDashboards, variablesIn } from '../dashboards.ts'
import type { Dashboard, Panel, Target } from '../dashboards.ts'

const file = (path: string): string => new URL(`../../${path}`, import.meta.url).pathname
const readYaml = (path: string): unknown => parseYaml(readFileSync(file(path), 'utf8'))

interface Datasource {
  uid: string
  type: string
  url: string
  jsonData: { timeInterval?: string; derivedFields?: { matcherType: string; matcherRegex: string; url: string }[] }
}

const { datasources } = readYaml('grafana/provisioning/datasources/datasources.yml') as { datasources: Datasource[] }
const dashboards = readDashboards()

/** The page that the sample service shows to Prometheus before its first request. */
async function metricsOfTheService(): Promise<Map<string, Metric>> {
  const log = createLog({ writer: { write() {} } })
  const metrics = createMetrics({ version: '0.0.0', lineCounts: log.counts })
  createServer({
    config: { FAULTS_ENABLED: true, ITEMS_MAX: 1, TRUST_PROXY: false },
    log,
    metrics,
    isReady: () => true,
  })
  const known = readExposition(await metrics.registry.metrics())
  // Labels of what has not happened yet, as a first garbage collection.
  for (const metric of metrics.registry.getMetricsAsArray())
    for (const label of (metric as { labelNames?: string[] }).labelNames ?? []) {
      const labels = known.get(metric.name)?.labels
      if (labels && !labels.has(label)) labels.set(label, new Set())
    }
  return known
}

/** The page of the receiver of alerts, before its first. */
async function metricsOfTheReceiver(): Promise<Map<string, Metric>> {
  const server = createReceiver({ write() {}, watchdogTimeoutSeconds: 1 }).app.listen(0, '127.0.0.1')
  try {
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    return readExposition(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text())
  } finally {
    server.close()
  }
}

const anyLabels = (type: string): Metric => ({ type, labels: undefined })

const withLabels = (type: string, ...names: string[]): Metric => ({
  type,
  labels: new Map(names.map((name) => [name, new Set<string>()])),
})

interface RuleFile {
  groups?: { rules?: { record?: string }[] }[]
}

const recordedMetrics = (): [string, Metric][] =>
  globSync(file('prometheus/rules/*.rules.yml'))
    .flatMap((path) => (parseYaml(readFileSync(path, 'utf8')) as RuleFile).groups ?? [])
    .flatMap(({ rules }) => rules ?? [])
    .flatMap(({ record }) => (record === undefined ? [] : [[record, anyLabels('gauge')] as [string, Metric]]))

const surroundings: Surroundings = {
  dashboards: dashboards.map(({ dashboard }) => dashboard),
  datasources,
  metrics: new Map([
    ...(await metricsOfTheReceiver()),
    ...(await metricsOfTheService()),
    ...recordedMetrics(),
    ['up', withLabels('gauge')],
    ['ALERTS', withLabels('gauge', 'alertname', 'alertstate', 'severity')],
    ['ALERTS_FOR_STATE', withLabels('gauge', 'alertname', 'severity')],
  ]),
  isForeign: (metric) => /^(alertmanager|caddy|go|grafana|loki|node|prometheus|promtail|scrape)_/.test(metric),
  logLabels: new Map([
    ['job', undefined],
    ['env', undefined],
    ['filename', undefined],
    ['kind', ['request', 'general', 'malformed']],
    ['level', LEVELS.map((level) => level.toLowerCase())],
    ...['module', 'function', 'method', 'uri', 'route', 'status', 'duration_ms', 'requested_by', 'request_id'].map(
      (name): [string, undefined] => [name, undefined],
    ),
  ]),
  scrapeInterval: 15,
}

describe.each(dashboards)('the dashboard $path', ({ path, dashboard }) => {
  it.each(Object.entries(CHECKS))('keeps to: %s', (_, check) => {
    expect(check(dashboard, surroundings)).toEqual([])
  })

  it('leaves no variable in any query', () => {
    const queries = queriesOf(dashboard)
    expect(queries.length).toBeGreaterThan(0)
    for (const { expr } of queries) expect(variablesIn(expr)).toEqual([])
  })

  it('has the name of its file, and Grafana’s classic schema', () => {
    expect(path.split('/').at(-1)).toBe(`${dashboard.uid}.json`)
    expect(dashboard).toMatchObject({ schemaVersion: 42, graphTooltip: 1, timezone: 'browser', refresh: '30s' })
    expect(dashboard).not.toHaveProperty('id')
  })
})

describe('the dashboards together', () => {
  it('are the six, each of which leads to the others with their variables and the time', () => {
    expect(dashboards.map(({ dashboard }) => dashboard.uid)).toEqual(
      expect.arrayContaining(['alerts', 'host', 'logs', 'node-runtime', 'service-overview', 'stack']),
    )
    for (const { dashboard } of dashboards)
      expect(dashboard.links).toContainEqual(
        expect.objectContaining({
          type: 'dashboards',
          tags: ['observability-stack'],
          includeVars: true,
          keepTime: true,
        }),
      )
  })

  // What one of them lacks is lost on the way through it.
  it.each(['job', 'instance', 'route', 'prometheus_datasource'])('all have the variable %s to carry on', (name) => {
    for (const { dashboard } of dashboards)
      expect([dashboard.uid, ...dashboard.templating.list.map((variable) => variable.name)]).toContain(name)
  })

  it('hold the runbook as it is in docs/runbook.md', () => {
    const panels = dashboards.flatMap(({ dashboard }) => runbookPanels(dashboard))
    expect(panels).toHaveLength(1)
    // When this fails: npx node tests/runbook-panel.ts && npm run fmt
    expect(panels[0]?.options.content).toBe(runbookText(readRunbook()))
  })

  it('lead from an alert to the panel of the runbook', () => {
    const links = dashboards
      .flatMap(({ dashboard }) => linksOf(dashboard))
      .filter(({ link }) => /runbook/.test(link.title ?? ''))
    const alerts = dashboards.find(({ dashboard }) => dashboard.uid === 'alerts')?.dashboard
    const [panel] = alerts ? runbookPanels(alerts) : []
    expect(links.length).toBeGreaterThan(1)
    for (const { link } of links)
      expect(link.url).toMatch(new RegExp(`^/d/alerts/alerts\\?viewPanel=panel-${panel?.id}&`))
  })
})

/** A dashboard with one panel that keeps to every rule. */
const sound = (): Dashboard => ({
  uid: 'sound',
  title: 'Sound',
  tags: ['sound'],
  refresh: '30s',
  links: [{ type: 'dashboards', tags: ['sound'] }],
  annotations: { list: [] },
  templating: {
    list: [
      { name: 'prometheus_datasource', type: 'datasource', query: 'prometheus', current: { value: 'prometheus' } },
      { name: 'loki_datasource', type: 'datasource', query: 'loki', current: { value: 'loki' } },
      {
        name: 'job',
        type: 'query',
        datasource: { type: 'prometheus', uid: '${prometheus_datasource}' },
        query: { query: 'label_values(http_request_duration_seconds_count, job)' },
        multi: true,
        includeAll: true,
        allValue: '.+',
        current: { value: ['$__all'] },
      },
    ],
  },
  panels: [
    {
      id: 1,
      type: 'timeseries',
      title: 'What share fails (5xx)?',
      description: 'Share of the requests with a 5xx status.',
      gridPos: { x: 0, y: 0, w: 12, h: 8 },
      datasource: { type: 'prometheus', uid: '${prometheus_datasource}' },
      targets: [
        {
          refId: 'A',
          expr: 'sum by (route) (rate(http_request_duration_seconds_count{job=~"$job",status_code=~"5.."}[$__rate_interval])) / (sum by (route) (rate(http_request_duration_seconds_count{job=~"$job"}[$__rate_interval])) > 0)',
          legendFormat: '{{route}}',
        },
      ],
      fieldConfig: {
        defaults: {
          unit: 'percentunit',
          noValue: 'No requests',
          min: 0,
          max: 1,
          thresholds: {
            mode: 'absolute',
            steps: [
              { color: 'green', value: null },
              { color: 'red', value: 0.005 },
            ],
          },
          links: [{ title: 'Itself', url: '/d/sound/sound?${job:queryparam}&var-job=app' }],
        },
      },
    },
    {
      id: 2,
      type: 'timeseries',
      title: 'How many errors?',
      description: 'Lines of level error.',
      gridPos: { x: 12, y: 0, w: 12, h: 8 },
      datasource: { type: 'loki', uid: '${loki_datasource}' },
      targets: [
        {
          refId: 'A',
          expr: 'sum by (level) (count_over_time({job=~"$job",level="error"} | route=~".+" [$__auto]))',
          legendFormat: '{{level}}',
          queryType: 'range',
        },
      ],
      fieldConfig: { defaults: { unit: 'short', noValue: 'No errors' } },
    },
  ],
})

const first = (dashboard: Dashboard): Panel & { targets: [Target]; fieldConfig: NonNullable<Panel['fieldConfig']> } =>
  dashboard.panels[0] as never
const second = (dashboard: Dashboard): ReturnType<typeof first> => dashboard.panels[1] as never

const ask = (expr: string) => (dashboard: Dashboard) => void (first(dashboard).targets[0].expr = expr)
const askLoki = (expr: string) => (dashboard: Dashboard) => void (second(dashboard).targets[0].expr = expr)
const set = (defaults: object) => (dashboard: Dashboard) =>
  void Object.assign(first(dashboard).fieldConfig.defaults, defaults)
const change = (panel: object) => (dashboard: Dashboard) => void Object.assign(first(dashboard), panel)
const link = (url: string) => set({ links: [{ url }] })

const RATE = 'rate(http_request_duration_seconds_count{job=~"$job"}[$__rate_interval])'

const defects: [check: keyof typeof CHECKS, what: string, spoil: (dashboard: Dashboard) => unknown, says: string][] = [
  ['every query can be parsed', 'a query without its last bracket', ask(`sum(${RATE}`), 'cannot be parsed'],
  ['every query can be parsed', 'a log query without its brace', askLoki('{job="app"'), 'cannot be parsed'],
  [
    'nothing is NaN at idle, and silence is explained',
    'a bare divisor',
    ask(`sum(${RATE}) / sum(${RATE})`),
    'divides by',
  ],
  [
    'nothing is NaN at idle, and silence is explained',
    'a divisor of zero and more',
    ask(`sum(${RATE}) / (sum(${RATE}) >= 0)`),
    'divides by',
  ],
  [
    'nothing is NaN at idle, and silence is explained',
    'a quantile of nothing',
    ask('histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[$__rate_interval])))'),
    'without >= 0',
  ],
  ['nothing is NaN at idle, and silence is explained', 'a panel without noValue', set({ noValue: '' }), 'noValue'],
  ['windows follow the screen', 'a fixed window', ask('sum(rate(log_lines_total[5m]))'), 'fixed [5m]'],
  [
    'windows follow the screen',
    '$__interval',
    ask('sum(rate(log_lines_total[$__interval]))'),
    'use [$__rate_interval]',
  ],
  [
    'windows follow the screen',
    '$__range at each step',
    ask('sum(increase(log_lines_total[$__range]))'),
    'make the query instant',
  ],
  [
    'windows follow the screen',
    '$__interval for Loki',
    askLoki('sum by (level) (count_over_time({level="error"}[$__interval]))'),
    'use [$__auto]',
  ],
  [
    'windows follow the screen',
    'a fixed window for Loki',
    askLoki('sum by (level) (count_over_time({level="error"}[1m]))'),
    'fixed [1m]',
  ],
  [
    'counters stand in rate or increase only',
    'a bare counter',
    ask('sum(http_request_duration_seconds_count)'),
    'outside of rate',
  ],
  [
    'counters stand in rate or increase only',
    'a counter that another one stands in for',
    ask('sum(log_lines_total unless log_lines_dropped_total offset 1m)'),
    'outside of rate',
  ],
  [
    'counters stand in rate or increase only',
    'a sum over a counter',
    ask('sum(sum_over_time(log_lines_total[$__rate_interval]))'),
    'sum_over_time of the counter',
  ],
  [
    'counters stand in rate or increase only',
    'a rate of a sum',
    ask('rate(sum(node_cpu_seconds_total)[5m:])'),
    'outside of rate',
  ],
  [
    'titles and legends say what is asked',
    'another class than in the title',
    change({ title: 'What share fails (4xx)?' }),
    'says 4xx, the queries ask for 5',
  ],
  [
    'titles and legends say what is asked',
    'a class that nothing tells',
    change({ title: 'Fine?', description: 'All.' }),
    'neither title nor description',
  ],
  [
    'titles and legends say what is asked',
    'another quantile than in the title',
    (dashboard) => {
      change({ title: 'How slow (p95)?' })(dashboard)
      ask('histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket[$__rate_interval]))) >= 0')(
        dashboard,
      )
    },
    'says p95, the queries ask for p99',
  ],
  [
    'titles and legends say what is asked',
    'a legend of another class',
    (dashboard) => void (first(dashboard).targets[0].legendFormat = '4xx'),
    'legend says 4xx',
  ],
  [
    'titles and legends say what is asked',
    'warnings counted as errors',
    askLoki('sum by (level) (count_over_time({level="warn"}[$__auto]))'),
    'the levels warn',
  ],
  [
    'titles and legends say what is asked',
    'shares that leave out a class',
    (dashboard) => {
      change({ title: 'What share is 5xx?' })(dashboard)
      first(dashboard).targets[0].instant = true
    },
    'cannot add up to 1',
  ],
  [
    'every metric, label and value exists',
    'a metric that nobody has',
    ask('sum(http_requests_served)'),
    'no metric http_requests_served',
  ],
  [
    'every metric, label and value exists',
    'a label that the metric lacks',
    ask('sum(http_requests_in_flight{pod="x"})'),
    'has no label pod',
  ],
  [
    'every metric, label and value exists',
    'a grouping by no label',
    ask('sum by (handler) (http_requests_in_flight)'),
    'has a label handler',
  ],
  [
    'every metric, label and value exists',
    'a bucket that is none',
    ask('sum(rate(http_request_duration_seconds_bucket{le="0.33"}[$__rate_interval]))'),
    'no bucket le="0.33"',
  ],
  [
    'every metric, label and value exists',
    'a log label that is none',
    askLoki('{job=~"$job",severity="error"}'),
    'no label severity',
  ],
  [
    'every metric, label and value exists',
    'a log field that is none',
    askLoki('{job=~"$job"} | path="/"'),
    'no label path',
  ],
  [
    'every metric, label and value exists',
    'a level that is none',
    askLoki('{job=~"$job",level=~"error|critical"}'),
    'level is never "critical"',
  ],
  [
    'every metric, label and value exists',
    'a variable of a label that is none',
    (dashboard) =>
      Object.assign(dashboard.templating.list[2] ?? {}, { query: 'label_values(http_requests_in_flight, pod)' }),
    'has a label pod',
  ],
  [
    'every datasource is a variable that resolves',
    'a datasource by its uid',
    change({ datasource: { type: 'prometheus', uid: 'prometheus' } }),
    'is not a variable',
  ],
  [
    'every datasource is a variable that resolves',
    'an undefined variable',
    change({ datasource: { type: 'prometheus', uid: '${ds}' } }),
    'no datasource variable ds',
  ],
  [
    'every datasource is a variable that resolves',
    'a variable of another type',
    change({ datasource: { type: 'prometheus', uid: '${loki_datasource}' } }),
    'is of type prometheus',
  ],
  [
    'every datasource is a variable that resolves',
    'a panel without datasource',
    (dashboard) => delete first(dashboard).datasource,
    'is not a variable',
  ],
  [
    'every datasource is a variable that resolves',
    'a datasource that is not provisioned',
    (dashboard) => Object.assign(dashboard.templating.list[0] ?? {}, { current: { value: 'elsewhere' } }),
    'no datasource of type prometheus with uid elsewhere',
  ],
  ['panels have ids of their own and fit the screen', 'an id twice', change({ id: 2 }), 'id 2 is there twice'],
  [
    'panels have ids of their own and fit the screen',
    'an overlap',
    change({ gridPos: { x: 0, y: 0, w: 13, h: 8 } }),
    'overlaps panel 2',
  ],
  [
    'panels have ids of their own and fit the screen',
    'a panel beyond the right edge',
    change({ gridPos: { x: 18, y: 8, w: 8, h: 8 } }),
    'outside of the 24 columns',
  ],
  [
    'panels have ids of their own and fit the screen',
    'a panel across the fold',
    change({ gridPos: { x: 0, y: 16, w: 12, h: 8 } }),
    'cut by the end of the first screen',
  ],
  ['panels have unit, title, description and sane limits', 'a panel without unit', set({ unit: '' }), 'no unit'],
  ['panels have unit, title, description and sane limits', 'a panel without title', change({ title: '' }), 'no title'],
  [
    'panels have unit, title, description and sane limits',
    'a panel without description',
    change({ description: '' }),
    'no description',
  ],
  [
    'panels have unit, title, description and sane limits',
    'a ratio without end',
    set({ max: undefined }),
    'without max',
  ],
  [
    'panels have unit, title, description and sane limits',
    'thresholds in percent on a ratio',
    set({
      thresholds: {
        mode: 'absolute',
        steps: [
          { color: 'green', value: null },
          { color: 'red', value: 5 },
        ],
      },
    }),
    'outside of 0 to 1',
  ],
  [
    'panels have unit, title, description and sane limits',
    'thresholds out of order',
    set({
      thresholds: {
        mode: 'absolute',
        steps: [
          { color: 'green', value: null },
          { color: 'red', value: 0.5 },
          { color: 'red', value: 0.1 },
        ],
      },
    }),
    'out of order',
  ],
  ['variables are used and defined', 'an undefined variable', ask('up{pod=~"$pod"}'), '$pod is used and not defined'],
  [
    'variables are used and defined',
    'an unused variable',
    (dashboard) => dashboard.templating.list.push({ name: 'idle', type: 'textbox' }),
    'idle is defined and not used',
  ],
  [
    'legends are words',
    'a panel without legend',
    (dashboard) => delete first(dashboard).targets[0].legendFormat,
    'no legend',
  ],
  [
    'legends are words',
    'a legend of a label that the result lacks',
    (dashboard) => void (first(dashboard).targets[0].legendFormat = '{{method}}'),
    'shows method, the result has route',
  ],
  [
    'legends are words',
    'one legend for several series',
    (dashboard) => void (first(dashboard).targets[0].legendFormat = 'share'),
    'one and the same legend',
  ],
  [
    'legends are words',
    'a log legend of a missing label',
    (dashboard) => void (second(dashboard).targets[0].legendFormat = '{{kind}}'),
    'shows kind, the result has level',
  ],
  [
    'legends are words',
    'a legend that Grafana does not show',
    (dashboard) => void (second(dashboard).targets[0].queryType = 'instant'),
    'is not shown',
  ],
  [
    'refresh is no faster than the data, and links resolve',
    'a refresh faster than the scrapes',
    (dashboard) => void (dashboard.refresh = '5s'),
    'refresh is 5s',
  ],
  [
    'refresh is no faster than the data, and links resolve',
    'a link to no dashboard',
    link('/d/gone/gone'),
    'leads to no dashboard',
  ],
  [
    'refresh is no faster than the data, and links resolve',
    'a link that sets no variable of its target',
    link('/d/sound/sound?var-pod=x'),
    'sets pod',
  ],
  [
    'refresh is no faster than the data, and links resolve',
    'tags that nobody has',
    (dashboard) => void (dashboard.links = [{ type: 'dashboards', tags: ['none'] }]),
    'no dashboard has the tags none',
  ],
]

const checked = (name: string, dashboard: Dashboard): string[] =>
  CHECKS[name]?.(dashboard, { ...surroundings, dashboards: [dashboard] }) ?? []

describe('the checks', () => {
  it('find nothing in a sound dashboard', () => {
    expect(Object.keys(CHECKS).flatMap((name) => checked(name, sound()))).toEqual([])
  })

  it.each(defects)('"%s" finds %s', (name, _, spoil, says) => {
    const dashboard = sound()
    spoil(dashboard)
    expect(checked(name, dashboard).join('\n')).toContain(says)
  })

  it('are all tried on a broken dashboard', () => {
    expect(new Set(defects.map(([name]) => name))).toEqual(new Set(Object.keys(CHECKS)))
  })
})

describe('the queries of a dashboard', () => {
  it('are listed with the values that the reader chose', () => {
    const [query] = queriesOf(sound(), { variables: { job: 'app' }, step: 60 })
    expect(query).toMatchObject({
      dashboard: 'sound',
      source: 'panel',
      refId: 'A',
      type: 'prometheus',
      isInstant: false,
    })
    expect(query?.expr).toContain('{job=~"app",status_code=~"5.."}[75s]')
  })

  it('take the first choice of each variable otherwise, and Grafana’s least window', () => {
    const [query, logs, variable] = queriesOf(sound())
    expect(query?.expr).toContain('{job=~".+",status_code=~"5.."}[60s]')
    expect(logs?.expr).toContain('[15s]')
    expect(variable).toMatchObject({ source: 'variable', label: 'job', expr: 'http_request_duration_seconds_count' })
    expect(initialValues(sound())).toEqual({ prometheus_datasource: 'prometheus', loki_datasource: 'loki', job: '.+' })
  })

  it('read the whole range at once when they are instant', () => {
    const dashboard = sound()
    second(dashboard).targets[0].queryType = 'instant'
    expect(queriesOf(dashboard, { range: 600 })[1]?.expr).toContain('[600s]')
  })

  it('are filled in in every notation, and regular expressions keep their groups', () => {
    expect(fillIn('$a ${a} ${a:regex} [[a]] ${a.b:raw} $1 ${1}xx $other', { a: 'x' })).toBe(
      'x x x x x $1 ${1}xx $other',
    )
    expect(variablesIn('$a ${b:regex} [[c]] $1 ${2}')).toEqual(['a', 'b', 'c'])
  })

  it('are found in collapsed rows, too', () => {
    const dashboard = sound()
    const panels = dashboard.panels
    dashboard.panels = [{ id: 9, type: 'row', collapsed: true, gridPos: { x: 0, y: 0, w: 24, h: 1 }, panels }]
    expect(panelsOf(dashboard)).toEqual(panels)
  })
})

describe('the provisioning', () => {
  it('gives each datasource its type as a fixed uid and an address from the environment', () => {
    expect(datasources.map(({ type, uid, url }) => ({ type, uid, url }))).toEqual([
      { type: 'prometheus', uid: 'prometheus', url: '$PROMETHEUS_URL' },
      { type: 'loki', uid: 'loki', url: '$LOKI_URL' },
    ])
  })

  it('knows the interval at which Prometheus scrapes', () => {
    const { global } = readYaml('prometheus/prometheus.yml') as { global: { scrape_interval: string } }
    expect(datasources[0]?.jsonData.timeInterval).toBe(global.scrape_interval)
    expect(global.scrape_interval).toBe(`${surroundings.scrapeInterval}s`)
  })

  it('leads from a log line to all lines of its request', () => {
    const [field] = datasources[1]?.jsonData.derivedFields ?? []
    expect(field?.matcherType).toBe('label')
    expect('request_id').toMatch(new RegExp(field?.matcherRegex ?? '$^'))
    // Grafana reads `$$` as a dollar sign and everything else after a dollar sign as an environment variable.
    const url = (field?.url ?? '').replaceAll('$$', '\u0000')
    expect(url).not.toContain('$')
    const address = url.replaceAll('\u0000', '$')
    expect(linkProblems(address, surroundings.dashboards)).toEqual([])
    // Grafana leaves out a link with any other variable (getVariableUsageInfo in its explore/utils/links.ts).
    expect(variablesIn(address).toSorted()).toEqual(['__from', '__to', '__value'])
  })

  it('shows the files of the dashboards’ folder in folders of the same names, and keeps the browser from changing them', () => {
    const { providers } = readYaml('grafana/provisioning/dashboards/dashboards.yml') as { providers: object[] }
    expect(providers).toHaveLength(1)
    expect(providers[0]).toMatchObject({
      type: 'file',
      allowUiUpdates: false,
      options: { path: '/etc/grafana/dashboards', foldersFromFilesStructure: true },
    })
    expect(providers[0]).not.toHaveProperty('folder')
    expect(existsSync(file('grafana/dashboards/service-overview.json'))).toBe(true)
  })
})
