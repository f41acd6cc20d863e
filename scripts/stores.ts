/** Prometheus and Loki, asked from inside the stack. */

const PROMETHEUS_URL = 'http://prometheus:9090'
const LOKI_URL = 'http://loki:3100'
const TIMEOUT_MS = 10_000

export interface Sample {
  metric: Record<string, string>
  /** The value of a number, of now. */
  value: number
}

interface Answer {
  data: { resultType: string; result: { metric: Record<string, string>; value: [number, string] }[] }
}

/** Says in words why a request did not get its answer. */
export function reasonOf(error: unknown): string {
  const { cause, message } = error as { cause?: { code?: string; message?: string }; message?: string }
  return cause?.code ?? cause?.message ?? message ?? String(error)
}

async function ask<T>(base: string, path: string, parameters: Record<string, string>): Promise<T> {
  const url = new URL(path, base)
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })
  const text = await response.text()
  if (!response.ok) throw new Error(`${url.host} answers ${response.status}: ${text.trim()}`)
  return JSON.parse(text) as T
}

const samplesOf = ({ data }: Answer): Sample[] =>
  data.result.map(({ metric, value: [, value] }) => ({ metric, value: Number(value) }))

/** An instant query of Prometheus. */
export const askPrometheus = async (query: string): Promise<Sample[]> =>
  samplesOf(await ask<Answer>(PROMETHEUS_URL, '/api/v1/query', { query }))

export interface ActiveTarget {
  labels: Record<string, string>
  scrapeUrl: string
  health: string
  lastError: string
}

export async function askTargets(): Promise<ActiveTarget[]> {
  const { data } = await ask<{ data: { activeTargets: ActiveTarget[] } }>(PROMETHEUS_URL, '/api/v1/targets', {
    state: 'active',
  })
  return data.activeTargets
}

/** How many series a selector has whose label is there. */
export async function askSeries(selector: string): Promise<Record<string, string>[]> {
  const parameters = { 'match[]': selector === '' ? '{__name__=~".+"}' : selector }
  return (await ask<{ data: Record<string, string>[] }>(PROMETHEUS_URL, '/api/v1/series', parameters)).data
}

/** An instant query of Loki that yields numbers. */
export const askLoki = async (query: string): Promise<Sample[]> =>
  samplesOf(await ask<Answer>(LOKI_URL, '/loki/api/v1/query', { query }))

export interface Line {
  /** Nanoseconds since the epoch. */
  time: bigint
  labels: Record<string, string>
  text: string
}

/** The newest lines of a LogQL selector, the oldest of them first. */
export async function askLines(query: string, sinceSeconds: number, limit: number): Promise<Line[]> {
  const { data } = await ask<{ data: { result: { stream: Record<string, string>; values: [string, string][] }[] } }>(
    LOKI_URL,
    '/loki/api/v1/query_range',
    { query, limit: String(limit), since: `${Math.round(sinceSeconds)}s`, direction: 'backward' },
  )
  return data.result
    .flatMap(({ stream, values }) => values.map(([time, text]) => ({ time: BigInt(time), labels: stream, text })))
    .toSorted((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
}

/** The streams of a selector in the last hour. */
export async function askStreams(selector: string): Promise<Record<string, string>[]> {
  return (
    (
      await ask<{ data?: Record<string, string>[] }>(LOKI_URL, '/loki/api/v1/series', {
        'match[]': selector,
        since: '1h',
      })
    ).data ?? []
  )
}

/** The jobs that Loki has lines of. */
export async function askLogJobs(): Promise<string[]> {
  return (await ask<{ data?: string[] }>(LOKI_URL, '/loki/api/v1/label/job/values', { since: '1h' })).data ?? []
}
