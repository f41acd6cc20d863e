/** Reads log lines out of Loki. */

import { setTimeout as sleep } from 'node:timers/promises'

const ATTEMPTS = 5
const PAUSE_MS = 1000

export interface StoredLine {
  line: string
  malformed: boolean
}

export interface LokiOptions {
  /** `http://loki:3100` */
  url: string
  /** Lines per request; Loki's `max_entries_limit_per_query` allows 5,000. */
  pageLines?: number
}

/** A span of time, in whole milliseconds since the epoch: what is later than `from` and not later than `to`. */
export interface Span {
  from: number
  to: number
}

interface Stream {
  stream: Record<string, string>
  values: [time: string, line: string][]
}

interface Entry extends StoredLine {
  time: bigint
}

const nanoseconds = (milliseconds: number): bigint => BigInt(milliseconds) * 1_000_000n
const quote = (text: string): string => JSON.stringify(text)

export function createLoki({ url, pageLines = 5000 }: LokiOptions) {
  async function ask<T>(path: string, parameters: Record<string, string>): Promise<T> {
    const address = `${url}/loki/api/v1/${path}?${new URLSearchParams(parameters).toString()}`
    let failure = ''
    // A Loki that is starting, or busier than its own time limit allows, answers later.
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (attempt > 0) await sleep(PAUSE_MS * attempt)
      try {
        const response = await fetch(address, { signal: AbortSignal.timeout(60_000) })
        const text = await response.text()
        if (response.ok) return (JSON.parse(text) as { data: T }).data
        failure = `Loki answered ${response.status} to ${path}: ${text.trim()}`
        if (response.status < 500 && response.status !== 429) break
      } catch (error) {
        const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
        failure = `Loki does not answer at ${url}: ${cause}`
      }
    }
    throw new Error(failure)
  }

  async function page(selector: string, start: bigint, end: bigint): Promise<Entry[]> {
    const { result } = await ask<{ result: Stream[] }>('query_range', {
      // Without its fields every line is a tenth of the answer.
      query: `${selector} | keep kind`,
      start: String(start),
      end: String(end),
      limit: String(pageLines),
      direction: 'forward',
    })
    return result
      .flatMap(({ stream, values }) =>
        values.map(([time, line]) => ({ time: BigInt(time), line, malformed: stream['kind'] === 'malformed' })),
      )
      .toSorted((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
  }

  return {
    /** The lines of one file, the oldest first. */
    async *lines(job: string, filename: string, { from, to }: Span): AsyncGenerator<StoredLine> {
      const selector = `{job=${quote(job)}, filename=${quote(filename)}}`
      // For Loki the start belongs to the span and the end does not.
      let start = nanoseconds(from) + 1n
      const end = nanoseconds(to) + 1n
      for (;;) {
        const entries = await page(selector, start, end)
        const last = entries.at(-1)?.time
        if (entries.length < pageLines || last === undefined) {
          yield* entries
          return
        }
        if (last === start) {
          throw new Error(`more than ${pageLines} lines of ${filename} have the time ${last}: they cannot be paged`)
        }
        // A page can end between two lines of one time: that time is asked for again as a whole.
        for (const entry of entries) if (entry.time < last) yield entry
        start = last
      }
    },

    /** How many lines each file has as metric queries count them: a repeat that is still in another block counts twice. */
    async counts(job: string, { from, to }: Span): Promise<Map<string, number>> {
      const { result } = await ask<{ result: { metric: { filename?: string }; value: [number, string] }[] }>('query', {
        query: `sum by (filename) (count_over_time({job=${quote(job)}}[${to - from}ms]))`,
        time: String(nanoseconds(to)),
      })
      return new Map(result.map(({ metric, value }) => [metric.filename ?? '', Number(value[1])]))
    },
  }
}

export type Loki = ReturnType<typeof createLoki>
