/**
 * Command: one table of the services. Reads what `docker compose ps --all --format json` prints; run by scripts/status
 * inside the stack.
 */
import { text } from 'node:stream/consumers'
import { askLoki, askPrometheus, reasonOf, type Sample } from './stores.ts'
import { columns, createPaint, type Paint } from './terminal.ts'

interface Publisher {
  TargetPort: number
  PublishedPort: number
}

export interface Container {
  Service: string
  State: string
  Health: string
  Publishers: Publisher[] | null
}

/** Compose prints an array, or since 2.21 an object a line. */
export const readContainers = (json: string): Container[] =>
  json.startsWith('[')
    ? (JSON.parse(json) as Container[])
    : json
        .split('\n')
        .filter((line) => line.trim() !== '')
        .map((line) => JSON.parse(line) as Container)

export interface Row {
  service: string
  /** `healthy`, or what it is instead. */
  health: string
  address: string
  /** Per second; undefined where there is no such number. */
  requests?: number | undefined
  lines?: number | undefined
}

// What the gateway publishes for the others (gateway/Caddyfile).
const BEHIND_GATEWAY: Record<number, string> = {
  3000: 'grafana',
  19_090: 'prometheus',
  19_093: 'alertmanager',
  19_094: 'alert-receiver',
}

// The folder of a service's log files where it is not the service's name.
const LOG_FOLDERS: Record<string, string> = { 'alert-receiver': 'alerts' }

const ORDER = [
  'app',
  'load-generator',
  'log-generator',
  'promtail',
  'loki',
  'prometheus',
  'node-exporter',
  'alertmanager',
  'alert-receiver',
  'gateway',
  'grafana',
]

const place = (service: string): number => (ORDER.includes(service) ? ORDER.indexOf(service) : ORDER.length)

const byJob = (samples: readonly Sample[]): Map<string, number> =>
  new Map(samples.map(({ metric, value }) => [metric['job'] ?? '', value]))

/** The rows, in the order of the data; a service that joined from elsewhere stands behind them, under the name of its job. */
export function rowsOf(
  containers: readonly Container[],
  requests: readonly Sample[],
  lines: readonly Sample[],
  ups: readonly Sample[],
): Row[] {
  const addresses = new Map<string, string>()
  for (const { Service, Publishers } of containers) {
    for (const { TargetPort, PublishedPort } of Publishers ?? []) {
      const service = Service === 'gateway' ? BEHIND_GATEWAY[TargetPort] : Service
      if (service !== undefined && PublishedPort > 0) addresses.set(service, `http://127.0.0.1:${PublishedPort}`)
    }
  }
  const perSecond = { requests: byJob(requests), lines: byJob(lines) }
  const up = byJob(ups)
  const own = containers
    .toSorted((a, b) => place(a.Service) - place(b.Service))
    .map(({ Service: service, State, Health }) => ({
      service,
      health: State === 'running' && Health !== '' ? Health : State,
      address: addresses.get(service) ?? '',
      requests: perSecond.requests.get(service),
      lines: perSecond.lines.get(LOG_FOLDERS[service] ?? service),
    }))
  const known = new Set([...own.map(({ service }) => service), ...Object.values(LOG_FOLDERS), 'node'])
  const joined = [...new Set([...perSecond.requests.keys(), ...perSecond.lines.keys(), ...up.keys()])].filter(
    (job) => !known.has(job),
  )
  return [
    ...own,
    ...joined.map((job) => ({
      service: job,
      health: up.has(job) ? (up.get(job) === 1 ? 'scraped' : 'not scraped') : 'logs only',
      address: '',
      requests: perSecond.requests.get(job),
      lines: perSecond.lines.get(job),
    })),
  ]
}

const GOOD = new Set(['healthy', 'running', 'scraped', 'logs only'])

const number = (value: number | undefined): string => (value === undefined ? '' : value.toFixed(1))

export function table(rows: readonly Row[], paint: Paint): string {
  const head = ['SERVICE', 'HEALTH', 'ADDRESS', 'REQUESTS/S', 'LINES/S']
  const cells = rows.map((row) => [row.service, row.health, row.address, number(row.requests), number(row.lines)])
  return columns([head, ...cells], (cell, row, column) => {
    if (row === 0) return paint('grey', cell)
    if (column === 0) return paint('bold', cell)
    return column === 1 ? paint(GOOD.has(cell) ? 'green' : cell === 'starting' ? 'yellow' : 'red', cell) : cell
  })
}

export function firingText(alerts: readonly Sample[], paint: Paint): string {
  if (alerts.length === 0) return 'No alert fires.'
  const names = alerts.map(
    ({ metric: { alertname = '', severity = '', job } }) =>
      `  ${severity}  ${alertname}${job === undefined ? '' : ` of ${job}`}`,
  )
  return [paint('red', `Firing: ${alerts.length}`), ...names.toSorted()].join('\n')
}

async function main(): Promise<void> {
  const paint = createPaint(process.env['COLOR'] === '1')
  const containers = readContainers((await text(process.stdin)).trim())
  const asked = await Promise.allSettled([
    askPrometheus('sum by (job) (rate(http_request_duration_seconds_count[1m]))'),
    askLoki('sum by (job) (rate({job=~".+"}[1m]))'),
    askPrometheus('min by (job) (up)'),
    askPrometheus('max by (alertname, severity, job) (ALERTS{alertstate="firing", severity!="none"})'),
  ])
  const [requests = [], lines = [], ups = [], alerts] = asked.map((answer) =>
    answer.status === 'fulfilled' ? answer.value : undefined,
  )
  process.stdout.write(`${table(rowsOf(containers, requests, lines, ups), paint)}\n\n`)
  if (alerts) process.stdout.write(`${firingText(alerts, paint)}\n`)
  const silent = ['Prometheus', 'Loki'].flatMap((name, i) => {
    const answer = asked[i]
    return answer?.status === 'rejected' ? [`${name} does not answer (${reasonOf(answer.reason)})`] : []
  })
  if (silent.length > 0) process.stdout.write(`${silent.join('; ')}: the numbers that it has are left out.\n`)
}

if (import.meta.main) await main()
