/** Composition root: reads the environment, listens, and drains on SIGTERM. */
import { join } from 'node:path'
import packageJson from '../package.json' with { type: 'json' }
import { ConfigError, readConfig } from './config.ts'
import { createLogWriter, LogFolderError } from './log-writer.ts'
import { createLog } from './logger.ts'
import { createMetrics } from './metrics.ts'
import { createServer } from './server.ts'

/** Ends the process for a reason the operator can mend: one line per reason, no stack. */
function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

function start(): void {
  const config = readConfig(process.env)
  const writer = createLogWriter({
    directory: join(config.LOG_ROOT, config.SERVICE_NAME),
    segmentBytes: config.LOG_SEGMENT_BYTES,
    budgetBytes: config.LOG_BUDGET_BYTES,
    onDropped: (lines) => metrics.linesDropped.inc(lines),
  })
  const log = createLog({ writer, level: config.LOG_LEVEL })
  const metrics = createMetrics({ version: packageJson.version, lineCounts: log.counts })
  const logger = log.logger.child({ module: 'main' })
  let ready = false
  const server = createServer({ config, log, metrics, isReady: () => ready })

  function leave(code: number): never {
    writer.close()
    process.exit(code)
  }

  function stop(signal: NodeJS.Signals): void {
    if (!ready) return
    ready = false
    logger.info(`Stopping on ${signal}`, { function: 'stop' })
    const deadline = setTimeout(() => server.closeAllConnections(), config.SHUTDOWN_TIMEOUT_MS)
    // A connection that has got its answer would stay open for the client's next request.
    const sweep = setInterval(() => server.closeIdleConnections(), 50)
    server.close(() => {
      clearTimeout(deadline)
      clearInterval(sweep)
      // Node closes sockets at the end of a turn of the event loop, after the server's `close` and this turn's
      // immediates: only then do the requests that were given up write their lines.
      setImmediate(() =>
        setImmediate(() => {
          logger.info('Stopped', { function: 'stop' })
          leave(0)
        }),
      )
    })
  }

  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  process.on('uncaughtException', (error, origin) => {
    logger.fatal(`${origin}: ${error instanceof Error ? error.stack : String(error)}`, {
      function: 'uncaughtException',
    })
    process.stderr.write(`${origin}: ${String(error)}\n`)
    leave(1)
  })

  server.on('error', (error: NodeJS.ErrnoException) => {
    const reasons: Record<string, string> = {
      EADDRINUSE: 'the port is in use; stop what listens there or set PORT to another',
      EACCES: 'this user may not listen there; set PORT to 1024 or more',
    }
    fail(`cannot listen on HOST=${config.HOST} PORT=${config.PORT}: ${reasons[error.code ?? ''] ?? error.message}`)
  })
  server.listen(config.PORT, config.HOST, () => {
    ready = true
    const address = server.address()
    const port = address !== null && typeof address === 'object' ? address.port : config.PORT
    logger.info(`Listening on ${config.HOST}:${port}`, { function: 'start' })
    process.stdout.write(`listening on ${config.HOST}:${port}, logging to ${config.LOG_ROOT}/${config.SERVICE_NAME}\n`)
  })
}

try {
  start()
} catch (error) {
  if (error instanceof ConfigError || error instanceof LogFolderError) fail(error.message)
  throw error
}
