/**
 * Joins the copied files of app/src for one service, whatever its framework is:
 *
 *     const { server, logger } = observe(app, { service: 'shop', version: '1.4.0' })
 *     server.listen(3000)
 *
 * `server` measures and logs every request, and answers GET /metrics itself. docs/adopt.md tells how to go about it.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { express4Router, isExpress4 } from './express4.ts'
import { expressPrototypes } from './express-prototypes.ts'
import { createHttpObserver } from './http-observer.ts'
import { createLogWriter } from './log-writer.ts'
import { createLog, type Logger } from './logger.ts'
import { createMetrics, type Metrics } from './metrics.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** A route of a service without Express: the handler that takes a request puts this object into `request.route`. */
export interface Route {
  /** `/orders/:id` */
  path: string
  /** `{ get: true }`; lower case. */
  methods: Record<string, boolean>
}

export interface ObserveOptions {
  /** The name of the log folder, and of the job in prometheus/targets/. */
  service: string
  version?: string
  /** Without Express: every route there is. */
  routes?: readonly Route[]
  /** Requests that are no traffic. */
  ignoredPaths?: readonly string[]
  logRoot?: string
}

export interface Observed {
  /** Not listening yet. */
  server: Server
  logger: Logger
  metrics: Metrics
  /** Writes the last lines; call it before the process exits. */
  close: () => void
}

const MIB = 1024 ** 2

const isExpress = (app: object): app is { request: object; response: object } => 'request' in app && 'response' in app

/** Makes the server of a service out of its request handler: an Express application or a function. */
export function observe(app: Handler, options: ObserveOptions): Observed {
  const { service, version = 'unknown', routes, ignoredPaths = ['/health'], logRoot = '/var/log/services' } = options
  const writer = createLogWriter({
    directory: join(logRoot, service),
    segmentBytes: 64 * MIB,
    budgetBytes: 512 * MIB,
    onDropped: (lines) => metrics.linesDropped.inc(lines),
  })
  const log = createLog({ writer })
  const metrics = createMetrics({ version, lineCounts: log.counts })
  // Of the sample service.
  metrics.registry.removeSingleMetric('cat_facts_served_total')

  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      app(request, response)
      return
    }
    metrics.registry.metrics().then(
      (page) => response.setHeader('Content-Type', metrics.registry.contentType).end(page),
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  }
  const router = routes
    ? {
        get stack() {
          return routes.map((route) => ({ route }))
        },
      }
    : isExpress4(app)
      ? express4Router(app)
      : (app as { router?: object }).router
  const observer = createHttpObserver({
    app: Object.assign(handle, { router }),
    metrics,
    log: log.request,
    ignoredPaths: ['/metrics', ...ignoredPaths],
  })
  const server = createServer(
    {
      ...(isExpress(app) ? expressPrototypes(app) : {}),
      // Requests without a Host header are answered by the service, so that they are observed as any other.
      requireHostHeader: false,
    },
    observer.handle,
  )
  observer.attach(server)
  // By now every route is there.
  server.once('listening', () => observer.zero())
  process.once('exit', writer.close)
  return { server, logger: log.logger, metrics, close: writer.close }
}
