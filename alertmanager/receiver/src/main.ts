/** Composition root of the alert receiver: reads the environment, listens, leaves on SIGTERM. */
import { createServer } from 'node:http'
import { join } from 'node:path'
import { ConfigError, integer, logSpecs, readEnvironment, serviceName } from '../../../app/src/config.ts'
import { createClock, format } from '../../../app/src/log-line.ts'
import { createLogWriter, LogFolderError } from '../../../app/src/log-writer.ts'
import { createReceiver } from './receiver.ts'

const specs = {
  PORT: integer(0, 65535)({ default: 8080, desc: 'Port to listen on' }),
  SERVICE_NAME: serviceName({ default: 'alerts', desc: 'Name of the log folder' }),
  WATCHDOG_TIMEOUT_SECONDS: integer(
    1,
    86_400,
  )({ default: 300, desc: 'Silence of the Watchdog after which it is missed; longer than its repeat_interval' }),
  ...logSpecs,
}

function start(): void {
  const config = readEnvironment(process.env, specs)
  const clock = createClock()
  const writer = createLogWriter({
    directory: join(config.LOG_ROOT, config.SERVICE_NAME),
    segmentBytes: config.LOG_SEGMENT_BYTES,
    budgetBytes: config.LOG_BUDGET_BYTES,
    onDropped: (lines) => receiver.countDropped(lines),
  })
  const receiver = createReceiver({
    write: (line) => writer.write(format({ kind: 'general', time: clock(), module: 'alertmanager', ...line })),
    watchdogTimeoutSeconds: config.WATCHDOG_TIMEOUT_SECONDS,
  })
  const timer = setInterval(receiver.check, 1000)
  const server = createServer({ requestTimeout: 30_000 }, receiver.app)
  server.on('error', (error) => {
    process.stderr.write(`cannot listen on PORT=${config.PORT}: ${error.message}; set PORT to a free one\n`)
    process.exit(1)
  })
  const stop = () => {
    clearInterval(timer)
    server.close(() => {
      writer.close()
      process.exit(0)
    })
    // Alertmanager keeps its connection open.
    server.closeIdleConnections()
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  server.listen(config.PORT, () => process.stdout.write(`listening on ${config.PORT}\n`))
}

try {
  start()
} catch (error) {
  if (!(error instanceof ConfigError || error instanceof LogFolderError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
}
