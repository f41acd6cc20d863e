/** The switch for faults on purpose. */
import { isIP } from 'node:net'
import { json, Router, type RequestHandler } from 'express'
import { z } from 'zod'
import type { FaultSwitch } from '../faults.ts'
import type { Logger } from '../logger.ts'
import { checked, Problem } from '../problem.ts'

const body = z.strictObject({
  errorRate: z.number().min(0).max(1).default(0),
  latencyMs: z.number().int().min(0).max(30_000).default(0),
  cpuMs: z.number().int().min(0).max(900).default(0),
  durationSeconds: z.number().min(1).max(3600).default(300),
})

// Browsers tell the origin of the page with every PUT; programs send none. Its host must be the one that is asked, and
// no name of the internet: whoever owns the name can have pointed it here after the page was loaded (DNS rebinding).
const ownPagesOnly: RequestHandler = (request, _response, next) => {
  const { origin, host } = request.headers
  if (origin !== undefined) {
    const url = URL.canParse(origin) ? new URL(origin) : undefined
    const name = url?.hostname.replace(/^\[(.*)\]$/, '$1') ?? ''
    const local = isIP(name) !== 0 || !name.includes('.')
    if (url?.host !== host || !local) throw new Problem(403, 'Faults are refused to pages of other origins')
  }
  next()
}

const jsonOnly: RequestHandler = (request, _response, next) => {
  if (!request.is('application/json')) throw new Problem(415, 'The body must be of the type application/json')
  next()
}

export interface FaultRoutesOptions {
  faults: FaultSwitch
  enabled: boolean
  logger: Logger
}

export function faultRoutes({ faults, enabled, logger }: FaultRoutesOptions): Router {
  const log = logger.child({ module: 'faults' })
  return Router({ caseSensitive: true, strict: true })
    .get('/faults', (_request, response) => {
      response.json({ enabled, ...faults.get() })
    })
    .put('/faults', ownPagesOnly, jsonOnly, json({ limit: '16kb' }), (request, response) => {
      if (!enabled) throw new Problem(403, 'Faults are switched off; start the service with FAULTS_ENABLED=true')
      const { durationSeconds, ...wanted } = checked(body, request.body)
      if (wanted.errorRate + wanted.latencyMs + wanted.cpuMs === 0) faults.clear()
      else faults.set(wanted, durationSeconds)
      log.warn(`Faults set: ${JSON.stringify(faults.get())}`, { function: 'putFaults' })
      response.json({ enabled, ...faults.get() })
    })
}
