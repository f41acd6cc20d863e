/** What the end-to-end tests ask of the booted stack. */
import { setTimeout as sleep } from 'node:timers/promises'
import { inject } from 'vitest'
import { run, type Outcome } from '../docker.ts'

export const stack = inject('stack')

/** `docker compose …` on the stack under test. */
export const compose = (...args: string[]): Promise<Outcome> =>
  run('docker', [...stack.compose, ...args], { environment: stack.environment })

/** Has some requests fail for five seconds: the service has no failures of its own, and a panel shows them. */
export async function failForAWhile(): Promise<void> {
  await fetch(`${stack.urls.app}/faults`, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ errorRate: 0.2, durationSeconds: 5 }),
  })
}

/** Asks again every half second until `ask` returns without throwing; its last error after `seconds`. */
export async function eventually<T>(seconds: number, ask: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + seconds * 1000
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (Date.now() > deadline) throw error
      await sleep(500)
    }
  }
}

async function getJson<T>(url: URL, headers: Record<string, string> = {}): Promise<T> {
  const response = await fetch(url, { headers })
  const text = await response.text()
  if (!response.ok) throw new Error(`GET ${url.href} was answered ${response.status}: ${text}`)
  return JSON.parse(text) as T
}

const withParameters = (base: string, path: string, parameters: Record<string, string | number>): URL => {
  const url = new URL(path, base)
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, String(value))
  return url
}

export interface Sample {
  metric: Record<string, string>
  value: [number, string]
}

/** An instant query; `time` in seconds since the epoch. */
export async function promQuery(query: string, time = Date.now() / 1000): Promise<Sample[]> {
  const url = withParameters(stack.urls.prometheus, '/api/v1/query', { query, time })
  return (await getJson<{ data: { result: Sample[] } }>(url)).data.result
}

/** A range query's series; times in seconds since the epoch. */
export async function promQueryRange(query: string, start: number, end: number, step: number) {
  const url = withParameters(stack.urls.prometheus, '/api/v1/query_range', { query, start, end, step })
  return (await getJson<{ data: { result: { metric: Record<string, string>; values: [number, string][] }[] } }>(url))
    .data.result
}

export interface LokiLine {
  /** Nanoseconds since the epoch. */
  time: bigint
  line: string
  labels: Record<string, string>
  metadata: Record<string, string>
}

interface LokiStreams {
  data: {
    result: {
      stream: Record<string, string>
      values: [string, string, { structuredMetadata?: Record<string, string> }][]
    }[]
  }
}

const PAGE = 5000

/** All lines of a selector between two times (milliseconds since the epoch), the oldest first, page by page. */
export async function lokiLines(selector: string, from: number, to: number): Promise<LokiLine[]> {
  const lines: LokiLine[] = []
  let start = BigInt(from) * 1_000_000n
  const end = BigInt(to) * 1_000_000n
  for (;;) {
    const url = withParameters(stack.urls.loki, '/loki/api/v1/query_range', {
      query: selector,
      start: String(start),
      end: String(end),
      limit: PAGE,
      direction: 'forward',
    })
    const { data } = await getJson<LokiStreams>(url, { 'X-Loki-Response-Encoding-Flags': 'categorize-labels' })
    const page = data.result
      .flatMap(({ stream, values }) =>
        values.map(([time, line, { structuredMetadata = {} }]) => ({
          time: BigInt(time),
          line,
          labels: stream,
          metadata: structuredMetadata,
        })),
      )
      .toSorted((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
    const last = page.at(-1)?.time
    if (page.length < PAGE || last === undefined) return [...lines, ...page]
    // A page can end between two lines of one time: that time is asked for again as a whole.
    lines.push(...page.filter(({ time }) => time < last))
    start = last
  }
}

/** An instant LogQL query that yields numbers; `time` in milliseconds since the epoch. */
export async function lokiQuery(query: string, time = Date.now()): Promise<Sample[]> {
  const url = withParameters(stack.urls.loki, '/loki/api/v1/query', { query, time: `${time}000000` })
  return (await getJson<{ data: { result: Sample[] } }>(url)).data.result
}

/** The streams of a selector between two times, in milliseconds since the epoch. */
export async function lokiSeries(selector: string, from: number, to: number): Promise<Record<string, string>[]> {
  const url = withParameters(stack.urls.loki, '/loki/api/v1/series', {
    'match[]': selector,
    start: `${from}000000`,
    end: `${to}000000`,
  })
  return (await getJson<{ data: Record<string, string>[] }>(url)).data
}

/** The values of a label, among the streams of a selector (all streams when it is empty). */
export async function lokiLabelValues(label: string, selector: string, from: number, to: number): Promise<string[]> {
  const url = withParameters(stack.urls.loki, `/loki/api/v1/label/${label}/values`, {
    start: `${from}000000`,
    end: `${to}000000`,
    ...(selector === '' ? {} : { query: selector }),
  })
  return (await getJson<{ data?: string[] }>(url)).data ?? []
}

/** The series of a Prometheus selector. */
export async function promSeries(selector: string): Promise<Record<string, string>[]> {
  const url = withParameters(stack.urls.prometheus, '/api/v1/series', {
    'match[]': selector === '' ? '{__name__=~".+"}' : selector,
  })
  return (await getJson<{ data: Record<string, string>[] }>(url)).data
}
