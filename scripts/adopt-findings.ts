/** What adopt-check makes of what it is answered: a page of metrics, targets, lines, rows. Asks nobody itself. */
import type { ActiveTarget, Sample } from './stores.ts'

export interface Finding {
  /** A `note` costs a panel or an alert that one may do without. */
  verdict: 'ok' | 'note' | 'problem'
  text: string
  /** What to do about it. */
  next?: string
  /** May be gone by itself in a minute. */
  mayPass?: boolean
}

const ok = (text: string): Finding => ({ verdict: 'ok', text })
const note = (text: string, next: string): Finding => ({ verdict: 'note', text, next })
const problem = (text: string, next: string, mayPass = false): Finding => ({ verdict: 'problem', text, next, mayPass })

export interface Request {
  /** `host:port`, as Prometheus reaches it. */
  target: string
  job: string
  waitSeconds: number
}

/** What to check, of the variables TARGET, JOB and WAIT; undefined when they are not that. */
export function readRequest(environment: Record<string, string | undefined>): Request | undefined {
  const { TARGET = '', JOB = '', WAIT = '60' } = environment
  if (!/^[\w.-]+:\d{1,5}$/.test(TARGET) || !/^[\w-]+$/.test(JOB) || !/^\d{1,3}$/.test(WAIT)) return undefined
  return { target: TARGET, job: JOB, waitSeconds: Number(WAIT) }
}

// ── The page of metrics ──

export interface PageSample {
  name: string
  labels: Record<string, string>
}

export interface Page {
  samples: PageSample[]
  /** The first line that cannot be read, counted from 1. */
  broken?: { line: number; text: string }
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? +(?:[+-]?Inf|NaN|[+-]?\d+(?:\.\d*)?(?:e[+-]?\d+)?)(?: +\d+)?$/i
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)" *(?:,|$) */y

/** The pairs of `a="x",b="y"`; undefined when it is not that. */
function readLabels(text: string): Record<string, string> | undefined {
  const labels: Record<string, string> = {}
  LABEL.lastIndex = 0
  while (LABEL.lastIndex < text.length) {
    const [, name, value = ''] = LABEL.exec(text) ?? []
    if (name === undefined) return undefined
    labels[name] = value.replaceAll(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character))
  }
  return labels
}

/** Reads Prometheus' text format, https://prometheus.io/docs/instrumenting/exposition_formats/. */
export function readPage(text: string): Page {
  const samples: PageSample[] = []
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [, name, inner = ''] = SAMPLE.exec(line.trim()) ?? []
    const labels = readLabels(inner)
    if (name === undefined || labels === undefined)
      return { samples, broken: { line: index + 1, text: line.slice(0, 80) } }
    samples.push({ name, labels })
  }
  return { samples }
}

/** Why the page cannot be had. `code` is an error's or an HTTP status. */
export function judgeRefusal(target: string, code: string): Finding {
  const [host = target, port = ''] = target.split(':')
  const text = `http://${target}/metrics cannot be had from where Prometheus is: ${code}`
  if (/ENOTFOUND|EAI_AGAIN/.test(code)) {
    return problem(
      text,
      `no container is called ${host} there: join the network \`traffic\`, and name the compose service ${host}`,
    )
  }
  if (code.includes('ECONNREFUSED')) {
    return problem(text, `nothing listens on port ${port}: check the port, and listen on 0.0.0.0 instead of 127.0.0.1`)
  }
  if (/^\d{3}$/.test(code))
    return problem(text, 'serve the page at GET /metrics, without a login and without a redirect')
  return problem(text, `look at the service's own log; does it answer in time?`)
}

interface Expected {
  name: string
  labels: string[]
  /** What is not there without it. */
  loses: string
  /** Without it the overview is not complete. */
  needed: boolean
}

const EXPECTED: readonly Expected[] = [
  {
    name: 'http_request_duration_seconds_bucket',
    labels: ['method', 'route', 'status_code', 'le'],
    loses: 'traffic, failures, latency, the error budget and every alert on them',
    needed: true,
  },
  {
    name: 'process_start_time_seconds',
    labels: [],
    loses: '"Since when?", the marks of restarts, ProcessRestartLoop',
    needed: true,
  },
  {
    name: 'http_requests_in_flight',
    labels: [],
    loses: '"How many requests are in flight?", HttpRequestsStuck',
    needed: true,
  },
  { name: 'app_build_info', labels: ['version'], loses: 'the marks of deploys', needed: false },
  { name: 'log_lines_total', labels: ['level'], loses: 'what the service says it has logged', needed: false },
  { name: 'log_lines_dropped_total', labels: [], loses: 'LogLinesDropped', needed: false },
  { name: 'nodejs_eventloop_lag_p99_seconds', labels: [], loses: 'Node runtime, NodejsEventLoopLag', needed: false },
  { name: 'process_cpu_seconds_total', labels: [], loses: '"Who uses the CPU?"', needed: false },
]

// Matched by name in rules and panels: satisfied and tolerable of Apdex, and the latency objective.
const BOUNDS = ['0.3', '1.2']

/** Which metrics and labels are there, and what is lost without those that are not. */
export function judgeMetrics({ samples }: Page): Finding[] {
  const byName = Map.groupBy(samples, ({ name }) => name)
  const findings = EXPECTED.map(({ name, labels, loses, needed }): Finding => {
    const found = byName.get(name)
    const missing = labels.filter((label) => !found?.some((sample) => label in sample.labels))
    if (found && missing.length === 0) return ok(`${name}${labels.length > 0 ? ` with ${labels.join(', ')}` : ''}`)
    const text = found
      ? `${name} lacks the label ${missing.join(', ')}; lost: ${loses}`
      : `${name} is not there; lost: ${loses}`
    return needed
      ? problem(text, 'see app/src/metrics.ts for its name, unit and labels')
      : note(text, 'take it from app/src/metrics.ts, or do without')
  })
  const bounds = new Set(byName.get('http_request_duration_seconds_bucket')?.map(({ labels }) => labels['le']))
  const lacking = BOUNDS.filter((bound) => !bounds.has(bound))
  if (bounds.size > 0 && lacking.length > 0) {
    findings.push(
      problem(
        `http_request_duration_seconds has no bucket le="${lacking.join('", le="')}"; lost: "Satisfied?", HttpLatencyHigh`,
        'add the bounds to the buckets of the histogram',
      ),
    )
  }
  return findings
}

// The scrape job's limit in prometheus/prometheus.yml.
const SAMPLE_LIMIT = 5000
const MAX_VALUES = 100
// An id in a path: a number, a UUID, a long hexadecimal.
const ID = /\/(?:\d+|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,})(?:\/|$)/i
const METHOD = /^(?:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH|OTHER)$/
const STATUS = /^[1-5](?:\d\d|xx)$/

function valuesOf(samples: readonly PageSample[]): Map<string, Set<string>> {
  const values = new Map<string, Set<string>>()
  for (const { labels } of samples) {
    for (const [label, value] of Object.entries(labels)) {
      let known = values.get(label)
      if (known === undefined) values.set(label, (known = new Set()))
      known.add(value)
    }
  }
  return values
}

/** Whether the labels can take any number of values: each value is a series, and series are what Prometheus' memory goes to. */
export function judgeValues({ samples }: Page): Finding[] {
  const values = valuesOf(samples)
  const ofRequests = valuesOf(samples.filter(({ name }) => name.startsWith('http_request_duration_seconds')))
  const findings: Finding[] = []
  const wrong = (label: string, is: (value: string) => boolean) =>
    [...(ofRequests.get(label) ?? [])].find((value) => is(value))

  const route = wrong('route', (value) => value.includes('?') || ID.test(value))
  if (route !== undefined) {
    findings.push(
      problem(
        `route="${route}" is a path, not a pattern: every id makes new series`,
        'label with the pattern, such as /items/:id',
      ),
    )
  }
  const method = wrong('method', (value) => !METHOD.test(value))
  if (method !== undefined) {
    findings.push(
      problem(`method="${method}": anybody can invent methods`, 'upper case, and OTHER for what HTTP does not know'),
    )
  }
  const status = wrong('status_code', (value) => !STATUS.test(value))
  if (status !== undefined) {
    findings.push(
      problem(`status_code="${status}" is no status: panels match 2.. to 5..`, 'label with the number that was sent'),
    )
  }
  for (const [label, { size }] of values) {
    if (label !== 'le' && size > MAX_VALUES) {
      findings.push(
        problem(
          `the label ${label} has ${size} values`,
          'what can take any value belongs into the log line, not into a label',
        ),
      )
    }
  }
  if (samples.length > SAMPLE_LIMIT) {
    findings.push(
      problem(
        `${samples.length} series; from ${SAMPLE_LIMIT} on Prometheus refuses the whole page`,
        'fewer routes × methods × statuses, or raise sample_limit in prometheus/prometheus.yml',
      ),
    )
  }
  return findings.length > 0
    ? findings
    : [ok(`label values stay bounded: ${samples.length} series of at most ${SAMPLE_LIMIT}`)]
}

// ── Prometheus ──

/** Whether Prometheus has the target, under this job, and gets its page. */
export function judgeTarget(targets: readonly ActiveTarget[], target: string, job: string): Finding {
  const own = targets.find(({ scrapeUrl }) => new URL(scrapeUrl).host === target)
  if (!own) {
    return problem(
      `Prometheus has no target ${target}`,
      `put it into prometheus/targets/${job}.yml: - targets: ['${target}'], labels: { job: ${job} }`,
      true,
    )
  }
  const name = own.labels['job']
  if (name !== job) {
    return problem(
      `Prometheus scrapes ${target} as the job ${name}, not ${job}`,
      `set labels: { job: ${job} } in its file in prometheus/targets/`,
    )
  }
  if (own.health === 'up') return ok(`Prometheus scrapes ${target} as the job ${job}`)
  return own.health === 'unknown'
    ? problem(`Prometheus has not scraped ${target} yet`, 'wait for 15 seconds', true)
    : problem(
        `Prometheus fails to scrape ${target}: ${own.lastError}`,
        `http://localhost:9090/targets tells more`,
        true,
      )
}

// ── Loki ──

export interface Lines {
  /** In the last five minutes. */
  byKind: readonly Sample[]
  malformed?: string | undefined
  streams: readonly Record<string, string>[]
  /** All jobs there are lines of. */
  jobs: readonly string[]
}

const LOG_LABELS = new Set(['job', 'env', 'kind', 'level', 'filename', 'service_name'])
const MAX_STREAMS = 200

/** Whether lines arrive, whether they are read, and whether their labels stay few. */
export function judgeLines({ byKind, malformed, streams, jobs }: Lines, job: string): Finding[] {
  const counts = new Map(byKind.map(({ metric, value }) => [metric['kind'] ?? '', value]))
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
  if (total === 0) {
    return [
      problem(
        `Loki has no line of the job ${job} in the last 5 minutes; it has ${jobs.join(', ') || 'none at all'}`,
        `write *.log files into /var/log/services/${job} on the volume \`logs\``,
        true,
      ),
    ]
  }
  const findings = [
    ok(`${total} lines in 5 minutes: ${[...counts].map(([kind, count]) => `${count} ${kind}`).join(', ')}`),
  ]
  const bad = counts.get('malformed') ?? 0
  if (bad > 0) {
    findings.push(
      problem(
        `${bad} of them malformed, such as ${JSON.stringify((malformed ?? '').slice(0, 120))}`,
        'write the form of app/src/log-line.ts; a service that logs JSON has a pipeline of its own: docs/adopt.md',
      ),
    )
  }
  if (!counts.has('request')) {
    findings.push(
      problem(
        'no line of a request',
        'log each request, see format() in app/src/log-line.ts; or none came: send some',
        true,
      ),
    )
  }
  const foreign = new Set(streams.flatMap((labels) => Object.keys(labels)).filter((label) => !LOG_LABELS.has(label)))
  if (foreign.size > 0) {
    findings.push(
      problem(
        `Loki labels beyond the five: ${[...foreign].join(', ')}`,
        'make them structured metadata in the pipeline',
      ),
    )
  }
  if (streams.length > MAX_STREAMS) {
    findings.push(
      problem(
        `${streams.length} streams in an hour`,
        'fewer and larger files: a file of its own for each start, not for each request',
      ),
    )
  }
  return findings
}

// ── The overview ──

export interface Asked {
  /** `panel 9 "Satisfied?"` */
  where: string
  expr: string
  /** What the panel says when there is nothing. */
  noValue?: string | undefined
  rows: number
  error?: string | undefined
}

// Nothing to see is good news there.
const GOOD_NEWS = [/\bALERTS\{/, /^\{[^}]*level=~?"(error|fatal)/]
const SAMPLE_SERVICE = /\bcat_facts_served_total\b/

/** Whether every query of the overview has rows. Without requests few of them can have, so that is told once. */
export function judgeQueries(asked: readonly Asked[], requestsPerSecond: number): Finding[] {
  if (requestsPerSecond === 0) {
    return [
      problem('no request in the last minute, so most panels are empty', 'send some requests and run this again', true),
    ]
  }
  const findings: Finding[] = []
  let complete = 0
  for (const { where, expr, noValue, rows, error } of asked) {
    if (error !== undefined)
      findings.push(problem(`${where}: ${error}`, 'see the query in grafana/dashboards/service-overview.json'))
    else if (rows > 0) complete++
    else if (GOOD_NEWS.some((pattern) => pattern.test(expr.trim()))) complete++
    else if (SAMPLE_SERVICE.test(expr)) {
      findings.push(
        note(`${where} is about the sample service`, 'put a number of your own into it, or delete the panel'),
      )
    } else {
      findings.push(
        problem(`${where} says "${noValue ?? 'No data'}": ${expr}`, 'see above for the metric that it needs', true),
      )
    }
  }
  return [...findings, ok(`${complete} of ${asked.length} queries of the overview have something to show`)]
}
