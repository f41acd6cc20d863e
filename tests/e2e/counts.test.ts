import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, type RequestRecord } from '../../app/src/log-line.ts'
import { sendBurst, type Burst } from './burst.ts'
import { compose, eventually, lokiLines, lokiSeries, stack, type LokiLine } from './stack.ts'

const CONTRACT_LABELS = ['env', 'filename', 'job', 'kind', 'level']

/** Requests by status code, from the app's own /metrics. */
async function counted(): Promise<Map<string, number>> {
  const text = await (await fetch(`${stack.urls.app}/metrics`)).text()
  const counts = new Map<string, number>()
  for (const [, labels = '', value] of text.matchAll(/^http_request_duration_seconds_count\{(.*)\} (\d+)$/gm)) {
    const status = /status_code="([^"]*)"/.exec(labels)?.[1] ?? ''
    counts.set(status, (counts.get(status) ?? 0) + Number(value))
  }
  return counts
}

const seriesCount = async (): Promise<number> =>
  (await (await fetch(`${stack.urls.app}/metrics`)).text())
    .split('\n')
    .filter((line) => line.startsWith('http_request')).length

const sum = (counts: Iterable<number>): number => [...counts].reduce((total, count) => total + count, 0)

describe('a burst of 6,000 requests, hostile ones among them', () => {
  let burst: Burst
  let before: Map<string, number>
  let after: Map<string, number>
  let lines: LokiLine[]
  let from: number
  let seriesBefore: number

  beforeAll(async () => {
    await compose('stop', 'load-generator')
    // Every status and method once, so that what follows adds no series that the contract allows.
    await sendBurst(stack.urls.app, 200, 15)
    before = await counted()
    seriesBefore = await seriesCount()
    from = Date.now()
    burst = await sendBurst(stack.urls.app, 5700, 300)
    after = await counted()
    lines = await eventually(60, async () => {
      const found = await lokiLines('{job="app", kind="request"}', from, Date.now() + 60_000)
      if (found.length < burst.answered) throw new Error(`${found.length} of ${burst.answered} lines are in Loki`)
      return found
    })
  })

  afterAll(async () => {
    await compose('start', 'load-generator')
  })

  test('is answered as a whole', () => {
    expect(burst.answered).toBe(6000)
    expect([...burst.statuses.keys()].filter((status) => status >= 500)).toEqual([])
  })

  test('is counted by the metric exactly, status by status', () => {
    const increase = [...after].map(([status, count]) => [Number(status), count - (before.get(status) ?? 0)] as const)
    expect(new Map(increase.filter(([, count]) => count > 0))).toEqual(burst.statuses)
  })

  test('is in Loki exactly, status by status, each line once', () => {
    const statuses = new Map<number, number>()
    for (const { line } of lines) {
      const { status } = parse(line) as RequestRecord
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
    expect(statuses).toEqual(burst.statuses)
    expect(new Set(lines.map(({ line }) => line)).size).toBe(sum(burst.statuses.values()))
  })

  test('has its fields in the structured metadata as they stand in the line', () => {
    for (const { line, metadata, labels, time } of lines) {
      const record = parse(line) as RequestRecord
      expect(record.kind).toBe('request')
      expect(Number(time / 1000n)).toBe(record.time)
      expect(labels['level']).toBe(record.level.toLowerCase())
      expect(metadata).toEqual({
        method: record.method,
        uri: / \| \w+ (\S+) \| Requested by: /.exec(line)?.[1] ?? '-',
        requested_by: record.requestedBy,
        status: String(record.status),
        duration_ms: record.durationMs.toFixed(3),
        route: record.route,
        ...(record.requestId === undefined ? {} : { request_id: record.requestId }),
      })
    }
  })

  test('forges nothing: no address but the client’s, no route but the service’s', () => {
    const records = lines.map(({ line }) => parse(line) as RequestRecord)
    expect([...new Set(records.map(({ requestedBy }) => requestedBy))]).toHaveLength(1)
    expect(records.filter(({ route }) => route?.includes('forged'))).toEqual([])
    expect(records.filter(({ requestId }) => requestId?.includes('|'))).toEqual([])
  })

  test('is stored in the order in which it was written', async () => {
    const files = new Set(lines.map(({ labels }) => labels['filename'] ?? ''))
    expect(files.size).toBe(1)
    const { stdout } = await compose('exec', '-T', 'app', 'cat', [...files][0] ?? '')
    const written = stdout
      .split('\n')
      .filter((line) => (parse(line)?.time ?? 0) >= from * 1000 && / Status: \d{3} /.test(line))
    expect(lines.map(({ line }) => line)).toEqual(written)
  })

  test('leaves the contract’s labels, at most 24 streams, and nothing malformed', async () => {
    const series = await lokiSeries('{job=~".+"}', from - 3_600_000, Date.now())
    for (const labels of series) expect(Object.keys(labels).toSorted()).toEqual(CONTRACT_LABELS)
    expect(series.length).toBeLessThanOrEqual(24)
    expect(series.filter(({ kind }) => kind === 'malformed')).toEqual([])
  })

  test('5,000 more unknown paths and methods add no series', async () => {
    await sendBurst(stack.urls.app, 5000, 0)
    expect(await seriesCount()).toBe(seriesBefore)
  })
})
