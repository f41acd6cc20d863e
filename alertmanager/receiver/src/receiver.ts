/** Takes Alertmanager's notifications: each alert becomes a log line, and the last ones are shown on a page. */
import express, { type ErrorRequestHandler, type Express } from 'express'
import { Counter, Gauge, Registry } from 'prom-client'
import type { Level } from '../../../app/src/log-line.ts'
import { lineOf, notification, type Alert } from './notification.ts'
import { POLICY, renderPage } from './page.ts'
import { createWatchdog } from './watchdog.ts'

export interface ReceiverOptions {
  write: (line: { level: Level; function: string; message: string }) => void
  watchdogTimeoutSeconds: number
  /** Milliseconds since the epoch. */
  now?: () => number
}

const SHOWN = 100

const HEADERS = {
  'Content-Security-Policy': POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
}

// Express knows an error handler by its four parameters.
const refuse: ErrorRequestHandler = (error: { status?: number; message?: string }, _request, response, _next) => {
  const status = error.status ?? 500
  response.status(status).json({ error: status < 500 ? error.message : 'internal error' })
}

/** `check` looks for a missing Watchdog and wants to be called every few seconds. */
export function createReceiver({ write, watchdogTimeoutSeconds, now = Date.now }: ReceiverOptions) {
  const registry = new Registry()
  const registers = [registry]
  const latest: Alert[] = []
  const watchdog = createWatchdog({
    timeoutSeconds: watchdogTimeoutSeconds,
    now,
    onMissing: (seconds) =>
      write({ level: 'ERROR', function: 'Watchdog', message: `missing for ${seconds} s: alerts may not arrive` }),
    onReturn: (seconds) =>
      write({ level: 'INFO', function: 'Watchdog', message: `returned after ${seconds} s: alerts arrive again` }),
  })

  const received = new Counter({
    name: 'alerts_received_total',
    help: 'Alerts in the notifications received, by status; the Watchdog is not counted',
    labelNames: ['status'],
    registers,
  })
  received.inc({ status: 'firing' }, 0)
  received.inc({ status: 'resolved' }, 0)
  new Gauge({
    name: 'watchdog_last_seen_timestamp_seconds',
    help: 'When the Watchdog was last heard, in seconds since 1970; 0 before the first time',
    registers,
    collect() {
      this.set(watchdog.state().lastSeen)
    },
  }).set(0)
  new Gauge({
    name: 'watchdog_missing',
    help: '1 while the Watchdog has not been heard for longer than WATCHDOG_TIMEOUT_SECONDS',
    registers,
    collect() {
      this.set(Number(watchdog.state().missing))
    },
  }).set(0)
  const linesDropped = new Counter({
    name: 'log_lines_dropped_total',
    help: 'Log lines that could not be written (disk full or failing)',
    registers,
  })

  const json = express.json({ limit: '1mb' })
  const app: Express = express()
    .disable('x-powered-by')
    .use((_request, response, next) => {
      response.set(HEADERS)
      next()
    })
    .get('/health', (_request, response) => void response.json({ status: 'ready' }))
    .get('/metrics', async (_request, response) => {
      response.set('Content-Type', registry.contentType).send(await registry.metrics())
    })
    .get('/', (_request, response) => void response.type('html').send(renderPage(latest, watchdog.state())))
    .post(['/notifications', '/heartbeat'], json, (request, response) => {
      const { success, data, error } = notification.safeParse(request.body)
      if (!success) {
        const { path, message } = error.issues[0] ?? { path: [], message: 'unknown' }
        response.status(400).json({ error: `not a webhook notification of version 4: ${path.join('.')}: ${message}` })
        return
      }
      if (request.path === '/heartbeat') {
        const alive = data.alerts.some(
          ({ status, labels }) => status === 'firing' && labels['alertname'] === 'Watchdog',
        )
        if (alive) watchdog.heartbeat()
        response.status(alive ? 204 : 400).end()
        return
      }
      for (const alert of data.alerts) {
        received.inc({ status: alert.status })
        write(lineOf(alert))
      }
      latest.unshift(...data.alerts)
      latest.splice(SHOWN)
      response.status(204).end()
    })
    .use(refuse)

  return { app, check: () => watchdog.check(), countDropped: (lines: number) => linesDropped.inc(lines) }
}
