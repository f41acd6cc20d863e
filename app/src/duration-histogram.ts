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
  counts: Float64Array
  sum: number
  /** What stands before each value in the text format: the buckets, the sum, the count. */
  texts: string[]
}

const escape = (value: string): string => value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')

export type DurationHistogram = ReturnType<typeof createDurationHistogram>

/** Makes the histogram and registers it. */
export function createDurationHistogram({ name, help, buckets, registers }: DurationHistogramOptions) {
  const byRoute = new Map<string, Map<string, Map<string, Series>>>()
  const bounds = Float64Array.from(buckets)
  const bucketLabels = [...buckets.map(String), '+Inf']
  const all: Series[] = []

  function seriesOf({ method, route, status_code }: RequestLabels): Series {
    let byMethod = byRoute.get(route)
    if (byMethod === undefined) byRoute.set(route, (byMethod = new Map()))
    let byStatus = byMethod.get(method)
    if (byStatus === undefined) byMethod.set(method, (byStatus = new Map()))
    let series = byStatus.get(status_code)
    if (series === undefined) {
      const text = `method="${escape(method)}",route="${escape(route)}",status_code="${escape(status_code)}"`
      series = {
        labels: { method, route, status_code },
        counts: new Float64Array(bounds.length + 1),
        sum: 0,
        texts: [
          ...bucketLabels.map((le) => `${name}_bucket{le="${le}",${text}}`),
          `${name}_sum{${text}}`,
          `${name}_count{${text}}`,
        ],
      }
      byStatus.set(status_code, series)
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
      values: all.map(({ counts, sum, texts }) => {
        let text = ''
        let value = 0
        for (const [n, inBucket] of counts.entries()) text += `${texts[n]} ${(value += inBucket)}\n`
        return { metricName: `${text}${texts.at(-2)} ${sum}\n${texts.at(-1)}`, labels: {}, value }
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
      byRoute.clear()
      all.length = 0
    },
  }
  for (const registry of registers) registry.registerMetric(metric as unknown as Metric)
  return metric
}
