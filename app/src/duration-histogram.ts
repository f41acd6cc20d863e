/**
 * A histogram that costs a request next to nothing, exposed through prom-client's registry like any other metric.
 *
 * prom-client's own hashes its labels anew on each observation and joins every label of every bucket anew on each
 * scrape. Here a set of labels is found by three look-ups, and its text is made once. `observe` and `zero` are called as
 * prom-client's are: to have the idiomatic one, make a `Histogram` in metrics.ts instead.
 */
import type { Metric, Registry } from 'prom-client'

export type RequestLabels = { method: string; route: string; status_code: string }

export interface DurationHistogramOptions {
  name: string
  help: string
  /** Upper bounds in seconds, ascending. */
  buckets: readonly number[]
  registers: Registry[]
}

interface Series {
  labels: RequestLabels
  /** How many observations each bucket took, not cumulated; the last one is +Inf's. */
  counts: number[]
  sum: number
  /** The labels in the text format, up to the value; `le` goes before them. */
  text: string
}

const escape = (value: string): string => value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')

/** The same text in one piece; what a template made is put together anew each time it is read. */
const flat = (text: string): string => Buffer.from(text).toString()

export type DurationHistogram = ReturnType<typeof createDurationHistogram>

/** Makes the histogram and registers it. */
export function createDurationHistogram({ name, help, buckets, registers }: DurationHistogramOptions) {
  const bounds = Float64Array.from(buckets)
  // By method, status and route: of the three look-ups only the last one is into something that grows.
  const byMethod = new Map<string, Map<string, Map<string, Series>>>()
  const bucketLabels = [...buckets.map(String), '+Inf']
  // What the lines of all series begin with, the line end before it included. A scrape is as slow as the memory it
  // reads: these stay in the processor's cache.
  const heads = bucketLabels.map((le, n) => flat(`${n === 0 ? '' : '\n'}${name}_bucket{le="${le}",`))
  const all: Series[] = []

  function seriesOf({ method, route, status_code }: RequestLabels): Series {
    let byStatus = byMethod.get(method)
    if (byStatus === undefined) byMethod.set(method, (byStatus = new Map()))
    let byRoute = byStatus.get(status_code)
    if (byRoute === undefined) byStatus.set(status_code, (byRoute = new Map()))
    let series = byRoute.get(route)
    if (series === undefined) {
      series = {
        labels: { method, route, status_code },
        counts: bucketLabels.map(() => 0),
        sum: 0,
        text: flat(`method="${escape(method)}",route="${escape(route)}",status_code="${escape(status_code)}"} `),
      }
      byRoute.set(route, series)
      all.push(series)
    }
    return series
  }

  const metric = {
    name,
    help,
    type: 'histogram' as const,
    aggregator: 'sum' as const,

    /** Counts one request that took `seconds`. */
    observe(labels: RequestLabels, seconds: number): void {
      const series = seriesOf(labels)
      let bucket = 0
      while (bucket < bounds.length && seconds > (bounds[bucket] ?? 0)) bucket++
      series.counts[bucket] = (series.counts[bucket] ?? 0) + 1
      series.sum += seconds
    },

    /** Starts a series at zero: increase() does not see a counter's first value. */
    zero: (labels: RequestLabels): void => void seriesOf(labels),

    /** For the text format. The last line's value is the registry's to write; the lines before it come as a name. */
    getForPromString: () => ({
      name,
      help,
      type: 'histogram',
      values: all.map(({ counts, sum, text: labels }) => {
        let text = ''
        let value = 0
        for (let n = 0; n < counts.length; n++) {
          // One by one: in a template they would be joined to each other first.
          text += heads[n]
          text += labels
          text += value += counts[n] ?? 0
        }
        return {
          metricName: `${text}\n${name}_sum{${labels}${sum}\n${name}_count{${labels.trimEnd()}`,
          labels: {},
          value,
        }
      }),
    }),

    /** For everything else that reads a registry. */
    get: () => ({
      name,
      help,
      type: 'histogram',
      aggregator: 'sum',
      values: all.flatMap(({ labels, counts, sum }) => {
        let value = 0
        return [
          ...bucketLabels.map((le, n) => ({
            metricName: `${name}_bucket`,
            labels: { le, ...labels },
            value: (value += counts[n] ?? 0),
          })),
          { metricName: `${name}_sum`, labels, value: sum },
          { metricName: `${name}_count`, labels, value },
        ]
      }),
    }),

    reset(): void {
      byMethod.clear()
      all.length = 0
    },
  }
  for (const registry of registers) registry.registerMetric(metric as unknown as Metric)
  return metric
}
