/**
 * What single steps cost: one observation, one log line, one scrape, and how they grow with the number of routes.
 *
 *     npm run micro        (part of make bench)
 */
import { IncomingMessage, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { Socket } from 'node:net'
import type createExpress from 'express'
import {
  createDurationHistogram,
  type DurationHistogramOptions,
  type RequestLabels,
} from '../app/src/duration-histogram.ts'
import { createHttpObserver } from '../app/src/http-observer.ts'
import { format } from '../app/src/log-line.ts'
import { textOf } from '../app/src/log-writer.ts'
import { createLog } from '../app/src/logger.ts'
import { createMetrics } from '../app/src/metrics.ts'
import { circumstances, median, publish, table } from './report.ts'

// The application's: both histograms are measured in one version of it.
const require = createRequire(new URL('../app/src/', import.meta.url))
const express = require('express') as typeof createExpress
const { Histogram, Registry } = require('prom-client') as PromClient

type PromRegistry = DurationHistogramOptions['registers'][number]

interface Observer {
  observe: (labels: RequestLabels, seconds: number) => void
}

interface PromClient {
  Histogram: new (
    options: DurationHistogramOptions & { labelNames: string[] },
  ) => Observer & { labels: (labels: RequestLabels) => { observe: (seconds: number) => void } }
  Registry: new () => PromRegistry
}

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.5, 5, 10]
const NAME = 'http_request_duration_seconds'
const SLICES = 41

/** Keeps results in use, so that the compiler cannot leave the work out. */
let sink = 0

interface Case<T> {
  name: string
  /** How many calls one slice times. */
  calls: number
  /** Not timed; what it returns is given to each call. */
  prepare?: () => T[]
  call: (n: number, prepared: T) => number | Promise<number>
}

async function slice<T>({ calls, prepare, call }: Case<T>): Promise<number> {
  const prepared = prepare?.() ?? []
  const start = performance.now()
  for (let n = 0; n < calls; n++) {
    const result = call(n, prepared[n] as T)
    sink += typeof result === 'number' ? result : await result
  }
  return ((performance.now() - start) * 1e6) / calls
}

/** Nanoseconds per call of each case: the median of many slices, the cases in turn. */
async function measure(cases: Case<never>[]): Promise<number[]> {
  const slices = cases.map((): number[] => [])
  for (let n = 0; n < SLICES; n++) {
    // The first tenth warms up.
    for (const [at, each] of cases.entries()) {
      const nanoseconds = await slice(each)
      if (n >= SLICES / 10) slices[at]?.push(nanoseconds)
    }
  }
  return slices.map(median)
}

const options = { name: NAME, help: 'Time from the arrival of a request to the end of its answer, in seconds' }
const ours = (registers: PromRegistry[]) => createDurationHistogram({ ...options, buckets: BUCKETS, registers })
const theirs = (registers: PromRegistry[]) =>
  new Histogram({ ...options, buckets: BUCKETS, registers, labelNames: ['method', 'route', 'status_code'] })

const labels = { method: 'GET', route: '/items/:id', status_code: '200' }
const LINE = {
  kind: 'request',
  level: 'INFO',
  method: 'GET',
  uri: '/items/019a9f6e-8a4b-7c3d-9e2f-5b6c7d8e9f00?full=1',
  requestedBy: '172.18.0.5',
  status: 200,
  route: '/items/:id',
  requestId: '019a9f6e-8a4b-7c3d-9e2f-5b6c7d8e9f01',
} as const
const NOW = Date.now() * 1000

// Its bytes, not its length: a text that is joined but not written yet has cost only half.
const formatted = (uri: string) => (n: number) =>
  Buffer.byteLength(format({ ...LINE, uri, time: NOW + n, durationMs: n * 0.0137 }))

async function steps(): Promise<string> {
  const [histogram, prom] = [ours([]), theirs([])]
  const kept = prom.labels(labels)
  const cases = [
    ['observe({ labels }) of prom-client', (n: number) => (prom.observe(labels, n / 1e4), 1)],
    ['observe() of its child, kept from labels()', (n: number) => (kept.observe(n / 1e4), 1)],
    ['observe(labels) of duration-histogram.ts', (n: number) => (histogram.observe(labels, n / 1e4), 1)],
    ['a request line, formatted and checked for what must be escaped', formatted(LINE.uri)],
    ['a request line with four characters to escape', formatted('/items?a|b"c\\d\n')],
  ] as const
  const costs = await measure(cases.map(([name, call]) => ({ name, calls: 20_000, call })))
  return table([['', 'ns'], ...cases.map(([name], n) => [name, (costs[n] ?? NaN).toFixed(0)])])
}

/** `sets` label sets, each with one observation in a bucket of its own choice. */
function fill(histogram: Observer, sets: number): void {
  for (let n = 0; n < sets; n++) {
    const status_code = ['200', '400', '404', '500'][n % 4] ?? ''
    histogram.observe({ method: 'GET', route: `/resource-${Math.floor(n / 4)}/:id`, status_code }, n / sets)
  }
}

async function scrapes(): Promise<string> {
  const rows = [['label sets', 'lines', 'prom-client, ms', 'duration-histogram.ts, ms']]
  for (const sets of [200, 2000, 20_000]) {
    const registries = [theirs, ours].map((create) => {
      const registry = new Registry()
      fill(create([registry]), sets)
      return registry
    })
    const texts = await Promise.all(registries.map((registry) => registry.metrics()))
    const [expected, text] = texts.map((each) => each.split('\n').toSorted().join('\n'))
    if (text?.length !== expected?.length) throw new Error(`the two histograms do not say the same of ${sets} sets`)
    const costs = await measure(
      registries.map((registry) => ({
        name: '',
        calls: sets > 2000 ? 1 : 5,
        call: async () => (await registry.metrics()).length,
      })),
    )
    const lines = texts[1]?.split('\n').filter((each) => each !== '' && !each.startsWith('#')).length ?? 0
    rows.push([sets, lines].map((n) => n.toLocaleString('en')).concat(costs.map((ns) => (ns / 1e6).toFixed(2))))
  }
  return table(rows)
}

type Pair = [IncomingMessage & { route?: object }, ServerResponse]

const socket = Object.defineProperty(new Socket(), 'remoteAddress', { value: LINE.requestedBy })

function pairs(count: number): Pair[] {
  return Array.from({ length: count }, () => {
    const request = new IncomingMessage(socket)
    Object.assign(request, { method: 'GET', url: LINE.uri, complete: true })
    // Answered: what it would be once its last byte is with the kernel.
    return [request, Object.assign(new ServerResponse(request), { finished: true })]
  })
}

/** The hook of a service with `count` routes. */
function observed(count: number) {
  const router = express()
  for (let n = 0; n < count; n++) router.get(`/resource-${n}/:id`, () => {})
  const routes = (router.router as unknown as { stack: { route: object }[] }).stack.map(({ route }) => route)
  const log = createLog({ writer: { write: (line) => (sink += textOf(line).length) } })
  const metrics = createMetrics({ version: '0', lineCounts: log.counts })
  let asked = 0
  // In place of Express, whose own search for a route grows with their number: each request takes the next one.
  const app = Object.assign(
    (request: Pair[0], response: ServerResponse): void => {
      request.route = routes[asked++ % count] ?? {}
      response.emit('close')
    },
    { router: router.router },
  )
  const observer = createHttpObserver({ app, metrics, log: log.request })
  observer.zero()
  return { handle: observer.handle, metrics }
}

async function growth(): Promise<string> {
  const counts = [10, 100, 1000]
  const services = counts.map(observed)
  const costs = await measure([
    ...services.map(({ handle }) => ({
      name: 'request',
      calls: 2000,
      prepare: () => pairs(2000) as never[],
      call: (_n: number, [request, response]: Pair) => (handle(request, response), 1),
    })),
    ...services.map(({ metrics }) => ({
      name: 'scrape',
      calls: 5,
      call: async () => (await metrics.registry.metrics()).length,
    })),
  ] as Case<never>[])
  const [perRequest, perScrape] = [costs.slice(0, counts.length), costs.slice(counts.length)]
  return table([
    ['routes', 'ns per request', 'ms per scrape', 'label sets'],
    ...services.map(({ metrics }, n) =>
      [
        counts[n],
        perRequest[n]?.toFixed(0),
        ((perScrape[n] ?? NaN) / 1e6).toFixed(2),
        metrics.requestDuration.get().values.length / (BUCKETS.length + 3),
      ].map(String),
    ),
  ])
}

const [step, scrape, grown] = [await steps(), await scrapes(), await growth()]
const result = [
  step,
  'Text of one scrape, during which nothing else runs:',
  scrape,
  'The whole hook with its line, without Express and sockets, and the scrape of all metrics, by the number of routes:',
  grown,
  `${circumstances('make bench')} Medians of ${SLICES} slices.`,
].join('\n\n')
process.stdout.write(`${result}\n(${sink % 10})\n`)
publish('micro', result)
process.exit()
