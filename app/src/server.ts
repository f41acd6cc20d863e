/** Builds the service as an http server; never listens. */
import { createServer as createHttpServer, type Server } from 'node:http'
import express, { type RequestHandler } from 'express'
import type { Config } from './config.ts'
import { expressPrototypes } from './express-prototypes.ts'
import { createFaults } from './faults.ts'
import { createHttpObserver } from './http-observer.ts'
import type { Log } from './logger.ts'
import type { Metrics } from './metrics.ts'
import { notFound, Problem, problemHandler } from './problem.ts'
import { catFactRoutes } from './routes/cat-facts.ts'
import { docsRoutes } from './routes/docs.ts'
import { faultRoutes } from './routes/faults.ts'
import { itemRoutes } from './routes/items.ts'
import { operationRoutes } from './routes/operations.ts'

// Characters. Beyond 16 KiB for the whole head Node answers 431 by itself.
const MAX_URI_LENGTH = 8192

const guard: RequestHandler = (request, response, next) => {
  // An answer is what it says it is, whatever a browser makes of its first bytes.
  response.set('X-Content-Type-Options', 'nosniff')
  if (request.originalUrl.length > MAX_URI_LENGTH)
    throw new Problem(414, `The URI is longer than ${MAX_URI_LENGTH} characters`)
  next()
}

export interface ServerDependencies {
  config: Pick<Config, 'FAULTS_ENABLED' | 'ITEMS_MAX' | 'TRUST_PROXY'>
  log: Log
  metrics: Metrics
  isReady: () => boolean
}

export function createServer({ config, log, metrics, isReady }: ServerDependencies): Server {
  const { logger } = log
  const faults = createFaults()

  const app = express()
    .disable('x-powered-by')
    // One path, one route, one label.
    .enable('case sensitive routing')
    .enable('strict routing')
    .use(guard)
    .use(operationRoutes({ registry: metrics.registry, isReady }))
    .use(docsRoutes())
    .use(faultRoutes({ faults, enabled: config.FAULTS_ENABLED, logger }))
    .use(catFactRoutes({ served: metrics.catFactsServed, logger, before: [faults.middleware] }))
    .use(itemRoutes({ max: config.ITEMS_MAX, logger, before: [faults.middleware, express.json({ limit: '16kb' })] }))
    .use(notFound)
    .use(problemHandler(logger))

  const observer = createHttpObserver({
    app,
    metrics,
    log: log.request,
    ignoredPaths: ['/metrics', '/health'],
    trustProxy: config.TRUST_PROXY,
  })
  observer.zero()

  const server = createHttpServer(
    {
      ...expressPrototypes(app),
      // Express answers what has no Host header, so that it is observed as any other request.
      requireHostHeader: false,
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      connectionsCheckingInterval: 2_000,
    },
    observer.handle,
  )
  observer.attach(server)
  return server
}
