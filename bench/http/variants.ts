/**
 * The ways to observe a service that are measured side by side. Each serves the same route with the same answer; what
 * differs is who watches. Peers are set up as their own documentation does it, their logs go to a file.
 */
import { createWriteStream } from 'node:fs'
import { createServer as createHttpServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type createExpress from 'express'
import type { Express, RequestHandler } from 'express'
import { readConfig } from '../../app/src/config.ts'
import { expressPrototypes } from '../../app/src/express-prototypes.ts'
import { createHttpObserver } from '../../app/src/http-observer.ts'
import { createLogWriter } from '../../app/src/log-writer.ts'
import { createLog } from '../../app/src/logger.ts'
import { createMetrics, type Metrics } from '../../app/src/metrics.ts'
import { createServer } from '../../app/src/server.ts'

// CommonJS: that is what OpenTelemetry can instrument without a loader. Its types are `any`, so that checking the types
// needs none of the peers.
const require = createRequire(import.meta.url)

const ITEM = { id: '019a9f6e-8a4b-7c3d-9e2f-5b6c7d8e9f00', name: 'Sardines in oil', price: 2.5 }

export interface Subject {
  server: Server
  /** What is asked for; `/items/` and an id. */
  path: string
  /** How many requests it has counted, when it counts. */
  counted?: () => Promise<number>
  /** Ends the log's last lines. */
  flush?: () => void
}

export interface Variant {
  name: string
  /** Measured in every round: one of those that are near each other. */
  often?: boolean
  /** Writes one line per request. */
  logs: boolean
  /** Builds the service; `directory` is its own. */
  build: (directory: string) => Subject | Promise<Subject>
}

/** The limit of all: Express with one route, and nothing that watches. */
export function bareApp(before: RequestHandler[] = []): Express {
  const express = require('express') as typeof createExpress
  const app = express().disable('x-powered-by')
  for (const handler of before) app.use(handler)
  return app.get('/items/:id', (request, response) => {
    response.json({ ...ITEM, id: request.params.id })
  })
}

const PATH = `/items/${ITEM.id}`

/** The sum of a histogram's counts in Prometheus' text format. */
function countIn(text: string, histogram: string): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${histogram}_count`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

const bare = (): Subject => ({ server: createHttpServer(bareApp()), path: PATH })

/** As our observer has it, with nothing that watches. */
function bareWithPrototypes(): Subject {
  const app = bareApp()
  return { server: createHttpServer(expressPrototypes(app), app), path: PATH }
}

const ourWriter = (directory: string) =>
  createLogWriter({ directory, segmentBytes: 64 * 1024 ** 2, budgetBytes: 1024 ** 3 })

const countedBy = (metrics: Metrics) => async () =>
  countIn(await metrics.registry.metrics(), 'http_request_duration_seconds')

interface Ours {
  /** Writes request lines. */
  log: boolean
  /** Our histogram; false is prom-client's. */
  own?: boolean
  /** Express' prototypes from the start. */
  prototypes?: boolean
}

/** Our observer around the bare application. */
function observed(directory: string, { log: writesLog, own = true, prototypes = true }: Ours): Subject {
  const writer = ourWriter(directory)
  const log = createLog({ writer })
  const metrics = createMetrics({ version: '0', lineCounts: log.counts })
  if (!own) {
    const { Histogram } = createRequire(new URL('../../app/src/', import.meta.url))('prom-client')
    metrics.registry.removeSingleMetric('http_request_duration_seconds')
    metrics.requestDuration = new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time from the arrival of a request to the end of its answer, in seconds',
      labelNames: ['method', 'route', 'status_code'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.5, 5, 10],
      registers: [metrics.registry],
    }) as Metrics['requestDuration']
  }
  const app = bareApp()
  const observer = createHttpObserver({ app, metrics, ...(writesLog ? { log: log.request } : {}) })
  const server = createHttpServer(prototypes ? expressPrototypes(app) : {}, observer.handle)
  observer.attach(server)
  return { server, path: PATH, counted: countedBy(metrics), flush: writer.flush }
}

/** The sample service as main.ts starts it. */
async function shipped(directory: string): Promise<Subject> {
  const writer = ourWriter(directory)
  const log = createLog({ writer })
  const metrics = createMetrics({ version: '0', lineCounts: log.counts })
  const server = createServer({ config: readConfig({}), log, metrics, isReady: () => true })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const answer = await fetch(`http://127.0.0.1:${port}/items`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ name: ITEM.name, price: ITEM.price }),
  })
  const created = (await answer.json()) as { id: string }
  return { server, path: `/items/${created.id}`, counted: countedBy(metrics), flush: writer.flush }
}

type Log = (directory: string) => RequestHandler

const logs: Record<string, Log> = {
  winston: (directory) => {
    const { createLogger, format, transports } = require('winston')
    const logger = createLogger({
      format: format.combine(format.timestamp(), format.json()),
      transports: [new transports.File({ filename: join(directory, 'requests.log') })],
    })
    return (request, response, next) => {
      const start = performance.now()
      response.on('finish', () => {
        logger.info('request', {
          method: request.method,
          url: request.originalUrl,
          status: response.statusCode,
          ip: request.ip,
          ms: performance.now() - start,
        })
      })
      next()
    }
  },
  morgan: (directory) =>
    require('morgan')('combined', { stream: createWriteStream(join(directory, 'requests.log'), { flags: 'a' }) }),
  'pino-http': (directory) => require('pino-http')({}, require('pino').destination(join(directory, 'requests.log'))),
}

interface Peer {
  /** The middleware, where there is one; called before Express is loaded. */
  middleware: () => RequestHandler[]
  histogram: string
  text: () => Promise<string>
}

const promText = () => require('prom-client').register.metrics() as Promise<string>

const openTelemetry = (): Peer => {
  const { PrometheusExporter, PrometheusSerializer } = require('@opentelemetry/exporter-prometheus')
  const exporter = new PrometheusExporter({ preventServerStart: true })
  return {
    middleware: () => {
      const { context } = require('@opentelemetry/api')
      const { AsyncLocalStorageContextManager } = require('@opentelemetry/context-async-hooks')
      const { registerInstrumentations } = require('@opentelemetry/instrumentation')
      const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http')
      const { ExpressInstrumentation } = require('@opentelemetry/instrumentation-express')
      const { MeterProvider } = require('@opentelemetry/sdk-metrics')
      // Without it the route never reaches the metric.
      context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
      registerInstrumentations({
        meterProvider: new MeterProvider({ readers: [exporter] }),
        instrumentations: [new HttpInstrumentation(), new ExpressInstrumentation()],
      })
      return []
    },
    histogram: 'http_server_request_duration',
    text: async () => new PrometheusSerializer().serialize((await exporter.collect()).resourceMetrics) as string,
  }
}

const peers: Record<string, () => Peer> = {
  'express-prom-bundle': () => ({
    middleware: () => [require('express-prom-bundle')({ includeMethod: true, includePath: true })],
    histogram: 'http_request_duration_seconds',
    text: promText,
  }),
  'prometheus-api-metrics': () => ({
    middleware: () => [require('prometheus-api-metrics')()],
    histogram: 'http_request_duration_seconds',
    text: promText,
  }),
  'swagger-stats': () => ({
    middleware: () => [require('swagger-stats').getMiddleware({})],
    histogram: 'api_request_duration_milliseconds',
    text: () => require('swagger-stats').getPromStats() as Promise<string>,
  }),
  OpenTelemetry: openTelemetry,
}

function peer(directory: string, create: (() => Peer) | undefined, log: Log | undefined): Subject {
  const chosen = create?.()
  const before = [...(chosen?.middleware() ?? []), ...(log ? [log(directory)] : [])]
  const server = (require('http') as typeof import('node:http')).createServer(bareApp(before))
  if (!chosen) return { server, path: PATH }
  return { server, path: PATH, counted: async () => countIn(await chosen.text(), chosen.histogram) }
}

export const BARE = 'bare Express'
export const CONTROL = 'bare Express again (control)'
export const OURS = 'ours: metrics and request line'

export const variants: Variant[] = [
  { name: BARE, logs: false, often: true, build: bare },
  { name: CONTROL, logs: false, often: true, build: bare },
  { name: 'bare Express, prototypes from the start', logs: false, often: true, build: bareWithPrototypes },
  { name: 'ours: metrics', logs: false, often: true, build: (directory) => observed(directory, { log: false }) },
  { name: OURS, logs: true, often: true, build: (directory) => observed(directory, { log: true }) },
  {
    name: 'ours, prototypes left to Express: metrics',
    logs: false,
    often: true,
    build: (directory) => observed(directory, { log: false, prototypes: false }),
  },
  {
    name: 'ours, prototypes left to Express: metrics and request line',
    logs: true,
    often: true,
    build: (directory) => observed(directory, { log: true, prototypes: false }),
  },
  {
    name: 'ours, with the Histogram of prom-client: metrics',
    logs: false,
    build: (directory) => observed(directory, { log: false, own: false }),
  },
  {
    name: 'ours, with the Histogram of prom-client: metrics and request line',
    logs: true,
    build: (directory) => observed(directory, { log: true, own: false }),
  },
  { name: 'ours: the whole sample service', logs: true, build: shipped },
  ...Object.entries(logs).map(([name, log]) => ({
    name,
    logs: true,
    build: (directory: string) => peer(directory, undefined, log),
  })),
  ...Object.entries(peers).flatMap(([name, create]) => [
    { name, logs: false, build: (directory: string) => peer(directory, create, undefined) },
    ...Object.entries(logs).map(([logName, log]) => ({
      name: `${name} + ${logName}`,
      logs: true,
      build: (directory: string) => peer(directory, create, log),
    })),
  ]),
]
