import { array, assert, asyncProperty, constantFrom, oneof, record, string, tuple } from 'fast-check'
import { Histogram, Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { createDurationHistogram } from './duration-histogram.ts'

const options = { name: 'took_seconds', help: 'How long "it" took', buckets: [0.1, 0.3, 1.2] }

function both() {
  const [ours, theirs] = [new Registry(), new Registry()]
  return {
    ours,
    theirs,
    histograms: [
      createDurationHistogram({ ...options, registers: [ours] }),
      new Histogram({ ...options, labelNames: ['method', 'route', 'status_code'], registers: [theirs] }),
    ],
  }
}

// The order of the labels within a line is free; so is that of the lines within a metric.
const normal = (text: string): string[] =>
  text
    .split('\n')
    .map((line) =>
      line.replace(
        /\{(.*)\}/,
        (_, labels: string) =>
          `{${labels
            .match(/\w+="(?:[^"\\]|\\.)*"/g)
            ?.toSorted()
            .join()}}`,
      ),
    )
    .toSorted()

const labels = record({
  method: constantFrom('GET', 'OTHER'),
  route: oneof(constantFrom('/items/:id', 'unmatched'), string()),
  status_code: constantFrom('200', '5xx'),
})

// prom-client's bounds are numbers there, ours are what the text format shows.
const values = async (registry: Registry): Promise<unknown> =>
  JSON.parse(
    JSON.stringify((await registry.getMetricsAsJSON())[0]?.values, (key, value: unknown) =>
      key === 'exemplar' ? undefined : value,
    ).replaceAll(/"le":([\d.]+)/g, '"le":"$1"'),
  )

describe('the duration histogram', () => {
  test('is exposed as prom-client’s own would be, whatever was observed and whatever the labels hold', async () => {
    await assert(
      asyncProperty(array(tuple(labels, constantFrom(0, 0.1, 0.25, 0.3, 0.5, 1.2, 2, 4))), async (observations) => {
        const { ours, theirs, histograms } = both()
        for (const histogram of histograms)
          for (const [label, seconds] of observations) histogram.observe(label, seconds)
        expect(normal(await ours.metrics())).toEqual(normal(await theirs.metrics()))
      }),
      { numRuns: 50 },
    )
  })

  test('starts a series at zero, as prom-client’s own does', async () => {
    const { ours, theirs, histograms } = both()
    for (const histogram of histograms) histogram.zero({ method: 'GET', route: '/', status_code: '500' })
    expect(normal(await ours.metrics())).toEqual(normal(await theirs.metrics()))
  })

  test('keeps apart what a joined key would mix up', async () => {
    const { ours, histograms } = both()
    histograms[0]?.observe({ method: 'GET', route: 'a,status_code:b', status_code: 'c' }, 0)
    histograms[0]?.observe({ method: 'GET', route: 'a', status_code: 'b,status_code:c' }, 0)
    expect((await ours.metrics()).match(/^took_seconds_count/gm)).toHaveLength(2)
  })

  test('has the same values as JSON, and none after a reset', async () => {
    const { ours, theirs, histograms } = both()
    for (const histogram of histograms) histogram.observe({ method: 'GET', route: '/', status_code: '200' }, 0.2)
    expect(await values(ours)).toEqual(await values(theirs))
    histograms[0]?.reset()
    expect(await values(ours)).toEqual([])
  })
})
