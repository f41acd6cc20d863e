/**
 * Measures what each way of observing costs a request, as ratios to bare Express, in one interleaved run.
 *
 *     npm run http        (make bench; BENCH_ROUNDS, BENCH_REQUESTS and BENCH_ONLY make it shorter)
 *
 * Each round starts a fresh process of every variant, in an order of its own: how well one process does is a matter of
 * luck, so only the medians of many compare.
 */
import benchPackage from '../package.json' with { type: 'json' }
import { circumstances, median, publish, quantile, table } from '../report.ts'
import { pinSelf, startSubject } from './bench-process.ts'
import { load } from './load.ts'
import { BARE, CONTROL, variants } from './variants.ts'

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 12)
const REQUESTS = Number(process.env['BENCH_REQUESTS'] ?? 20_000)
// A part of the names, to try some: the document then stays as it is.
const ONLY = process.env['BENCH_ONLY']
const WARM_UP = Math.min(5000, REQUESTS)
/** How far a second bare server may be from the first for the run to tell anything. */
const NOISE = 0.02

interface Run {
  /** CPU time of the server's process, microseconds per request. */
  cpu: number
  /** Requests per second. */
  throughput: number
}

async function measure({ name, logs }: (typeof variants)[number], pinned: boolean): Promise<Run> {
  const subject = await startSubject(name, pinned)
  const { port, path } = subject
  await load({ port, path, requests: WARM_UP })
  const before = await subject.state()
  const seconds = await load({ port, path, requests: REQUESTS })
  const { cpu } = await subject.state()
  // A figure for something that did not do its work would be worth nothing.
  const { counted, lines } = await subject.totals()
  if (counted !== undefined && counted < WARM_UP + REQUESTS)
    throw new Error(`${name} counted ${counted} of ${WARM_UP + REQUESTS} requests`)
  if (logs && (lines ?? 0) < 1) throw new Error(`${name} has written no line`)
  await subject.stop()
  return { cpu: (cpu - before.cpu) / REQUESTS, throughput: REQUESTS / seconds }
}

function shuffled<T>(values: readonly T[]): T[] {
  const order = values.map((value) => ({ value, place: Math.random() }))
  return order.toSorted((a, b) => a.place - b.place).map(({ value }) => value)
}

const chosen = variants.filter(({ name }) => !ONLY || name === BARE || name === CONTROL || new RegExp(ONLY).test(name))
const pinned = pinSelf()
const runs = new Map<string, Run[]>(chosen.map(({ name }) => [name, []]))

for (let round = 1; round <= ROUNDS; round++) {
  const start = performance.now()
  for (const variant of shuffled(chosen)) runs.get(variant.name)?.push(await measure(variant, pinned))
  process.stdout.write(`round ${round} of ${ROUNDS}: ${((performance.now() - start) / 1000).toFixed(0)} s\n`)
}

const costs = (name: string): number[] => (runs.get(name) ?? []).map(({ cpu }) => cpu)
const rates = (name: string): number[] => (runs.get(name) ?? []).map(({ throughput }) => throughput)
const bareCost = median(costs(BARE))
const bareRate = median(rates(BARE))

const rows = chosen.map(({ name }) => {
  const cost = median(costs(name))
  return [
    name,
    (bareCost / cost).toFixed(2),
    (median(rates(name)) / bareRate).toFixed(2),
    cost.toFixed(1),
    `${quantile(costs(name), 0.25).toFixed(1)} to ${quantile(costs(name), 0.75).toFixed(1)}`,
    (cost - bareCost).toFixed(1),
  ]
})
const head = ['', 'per CPU-second', 'throughput', 'µs per request', 'middle half', 'µs more than bare']
const result = table([head, ...rows])
process.stdout.write(`${result}\n`)

const control = bareCost / median(costs(CONTROL))
if (Math.abs(control - 1) > NOISE) {
  process.stdout.write(
    `Too noisy to tell: the second bare server is at ${control.toFixed(3)} of the first, more than ${NOISE} away. ` +
      'Run it again on an idle machine, or with more rounds (BENCH_ROUNDS).\n',
  )
  process.exitCode = 1
} else if (!ONLY) {
  const versions = Object.entries(benchPackage.devDependencies).map(([name, version]) => `${name} ${version}`)
  publish(
    'http',
    [
      result,
      `${circumstances('make bench')} ${ROUNDS} processes of each, shuffled; ${REQUESTS.toLocaleString('en')} requests ` +
        `to each after ${WARM_UP.toLocaleString('en')} to warm up, over 16 connections; ` +
        `${pinned ? 'the server on one core, the load on another' : 'not pinned to cores'}. ` +
        `The second bare server is at ${control.toFixed(3)} of the first.`,
      `Versions: ${versions.join(', ')}.`,
    ].join('\n\n'),
  )
}
