/** What operators ask: what is here, is it ready, how is it doing. */
import { Router } from 'express'
import type { Registry } from 'prom-client'

export interface OperationRoutesOptions {
  registry: Registry
  /** False once the service is stopping. */
  isReady: () => boolean
}

export function operationRoutes({ registry, isReady }: OperationRoutesOptions): Router {
  return Router({ caseSensitive: true, strict: true })
    .get('/', (_request, response) => {
      response.json({
        service: 'A small service to be observed',
        links: {
          health: '/health',
          metrics: '/metrics',
          docs: '/docs',
          openapi: '/openapi.json',
          catFacts: '/cat_facts?count=3',
          items: '/items',
          faults: '/faults',
        },
      })
    })
    .get('/health', (_request, response) => {
      const ready = isReady()
      response.status(ready ? 200 : 503).json({ status: ready ? 'ready' : 'stopping' })
    })
    .get('/metrics', async (_request, response) => {
      response.set('Content-Type', registry.contentType).send(await registry.metrics())
    })
}
