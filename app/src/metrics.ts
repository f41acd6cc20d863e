/** Every metric of the service, with its unit and its buckets. */
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'
import { createDurationHistogram } from './duration-histogram.ts'
import { LEVELS, type Level } from './log-line.ts'

// Seconds. 0.3 and 1.2 are Apdex' T and 4T, and 0.3 is the latency objective too.
const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.5, 5, 10]

export interface MetricsOptions {
  version: string
  /** How many lines of each level were logged so far; read at each scrape. */
  lineCounts: Readonly<Record<Level, number>>
}

export type Metrics = ReturnType<typeof createMetrics>

/** Makes the service's metrics in a registry of their own. */
export function createMetrics({ version, lineCounts }: MetricsOptions) {
  const registry = new Registry()
  const registers = [registry]
  // Without prom-client's sampling of the event loop's utilization ten times a second: the counter below tells it at
  // no cost. Its names, and those of three gauges that end in _total, are refused by `promtool check metrics`.
  collectDefaultMetrics({ register: registry, eventLoopUtilizationTimeout: 2 ** 31 - 1 })
  for (const name of [
    'nodejs_eventloop_utilization_summary',
    'nodejs_eventloop_utilization_histogram',
    'nodejs_active_handles_total',
    'nodejs_active_requests_total',
    'nodejs_active_resources_total',
  ]) {
    registry.removeSingleMetric(name)
  }

  registry.registerMetric(
    new Counter({
      name: 'nodejs_eventloop_active_seconds_total',
      help: 'Time the event loop was not idle, in seconds; its rate is the utilization, 0 to 1',
      registers: [],
      collect() {
        this.reset()
        this.inc(performance.eventLoopUtilization().active / 1000)
      },
    }),
  )

  new Gauge({
    name: 'app_build_info',
    help: 'Always 1; which version runs, and on which Node.js',
    labelNames: ['version', 'node_version'],
    registers,
  }).set({ version, node_version: process.version }, 1)

  registry.registerMetric(
    new Counter({
      name: 'log_lines_total',
      help: 'Lines logged, by level',
      labelNames: ['level'],
      registers: [],
      collect() {
        this.reset()
        for (const level of LEVELS) this.inc({ level: level.toLowerCase() }, lineCounts[level])
      },
    }),
  )

  // A plain number, read at each scrape.
  const requests = { inFlight: 0 }
  registry.registerMetric(
    new Gauge({
      name: 'http_requests_in_flight',
      help: 'Requests that have arrived and are not answered yet',
      registers: [],
      collect() {
        this.set(requests.inFlight)
      },
    }),
  )

  return {
    registry,
    // prom-client's own would do, and costs a request more (docs/performance.md): new Histogram({ …, labelNames: ['method', 'route', 'status_code'] })
    requestDuration: createDurationHistogram({
      name: 'http_request_duration_seconds',
      help: 'Time from the arrival of a request to the end of its answer, in seconds',
      buckets: DURATION_BUCKETS,
      registers,
    }),
    requests,
    catFactsServed: new Counter({ name: 'cat_facts_served_total', help: 'Cat facts served', registers }),
    linesDropped: new Counter({
      name: 'log_lines_dropped_total',
      help: 'Log lines that could not be written (disk full or failing)',
      registers,
    }),
  }
}
