/**
 * Measures what each way of observing costs a request, as ratios to bare Express, in one interleaved run.
 *
 *     npm run http        (make bench; BENCH_ROUNDS, BENCH_REQUESTS and BENCH_ONLY make it shorter)
 *
 * How well one process does is a matter of luck, so each round has fresh processes: of those whose figures are near each
 * other, and of every third of the others. And how fast a machine is changes within seconds, so within a round they take
 * turns of a thousand requests, in an order that changes with each turn: what is compared has seen the same machine.
 */
import benchPackage from '../package.json' with { type: 'json' }
import { circumstances, median, publish, quantile, table } from '../report.ts'
import { pinSelf, startSubject } from './bench-process.ts'
import { openLoad, stayAwake } from './load.ts'
import { BARE, CONTROL, variants } from './variants.ts'

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 30)
// All but those that are measured in every round are in every third one.
const SELDOM = 3
const TURNS = 12
// Long enough for some collections of garbage: with 250 requests a turn had one or none, and a median of turns left out
// what that costs.
const TURN = Math.ceil(Number(process.env['BENCH_REQUESTS'] ?? 12_000) / TURNS)
const REQUESTS = TURN * TURNS
// A part of the names, to try some.
const ONLY = process.env['BENCH_ONLY']
/** The page tells of whole runs. */
const isWhole = ['BENCH_ROUNDS', 'BENCH_REQUESTS', 'BENCH_ONLY'].every((name) => process.env[name] === undefined)
// A service runs for days. V8 is done with compiling after about this many turns; the first thousands of requests cost
// twice as much in every variant. They are taken in turns, too: of 26 processes that were warmed up one after the other,
// those that then waited longest were a quarter dearer than the last.
const WARM_UP_TURNS = 24
// One more, at the start of each process.
const WARM_UP = (1 + WARM_UP_TURNS) * TURN
/** How far a second bare server may be from the first for the run to tell anything. */
const NOISE = 0.02

/** What a request cost one process, over all its turns. */
interface Cost {
  /** CPU time of the server's process, microseconds. */
  cpu: number
  seconds: number
}

function shuffled<T>(values: readonly T[]): T[] {
  const order = values.map((value) => ({ value, place: Math.random() }))
  return order.toSorted((a, b) => a.place - b.place).map(({ value }) => value)
}

const chosen = variants.filter(({ name }) => !ONLY || name === BARE || name === CONTROL || new RegExp(ONLY).test(name))
const pinned = pinSelf()
// Only where it has a core of its own.
const sleep = pinned ? stayAwake() : () => {}

async function start({ name, logs }: (typeof variants)[number]) {
  const subject = await startSubject(name, pinned)
  const load = await openLoad(subject)
  const cost: Cost = { cpu: 0, seconds: 0 }
  // A connection that never asks is closed after a minute, and starting the others takes longer.
  await load.send(TURN)
  return {
    name,
    cost,
    warmUp: () => load.send(TURN),
    async turn(): Promise<void> {
      const before = await subject.state()
      cost.seconds += (await load.send(TURN)) / REQUESTS
      cost.cpu += ((await subject.state()).cpu - before.cpu) / REQUESTS
    },
    async end(): Promise<void> {
      // A figure for something that did not do its work would be worth nothing.
      const { counted, lines } = await subject.totals()
      const sent = WARM_UP + REQUESTS
      if (counted !== undefined && counted < sent) throw new Error(`${name} counted ${counted} of ${sent} requests`)
      if (logs && (lines ?? 0) < 1) throw new Error(`${name} has written no line`)
      load.close()
      await subject.stop()
    },
  }
}

/** What one process of each of these variants cost, by name. */
async function measureRound(those: typeof variants): Promise<Map<string, Cost>> {
  const subjects = []
  for (const variant of shuffled(those)) subjects.push(await start(variant))
  for (let turn = 0; turn < WARM_UP_TURNS; turn++) for (const subject of shuffled(subjects)) await subject.warmUp()
  for (let turn = 0; turn < TURNS; turn++) for (const subject of shuffled(subjects)) await subject.turn()
  for (const subject of subjects) await subject.end()
  return new Map(subjects.map(({ name, cost }) => [name, cost]))
}

const rounds: Map<string, Cost>[] = []
for (let round = 1; round <= ROUNDS; round++) {
  const begun = performance.now()
  rounds.push(await measureRound(chosen.filter(({ often }, n) => often || n % SELDOM === round % SELDOM)))
  process.stdout.write(`round ${round} of ${ROUNDS}: ${((performance.now() - begun) / 1000).toFixed(0)} s\n`)
}

sleep()

/** A variant's costs, each with that of bare Express in the same round: the pace of a machine drifts. */
const pairsOf = (name: string): [cost: Cost, bare: Cost][] =>
  rounds.flatMap((round) => {
    const [cost, bare] = [round.get(name), round.get(BARE)]
    return cost && bare ? [[cost, bare]] : []
  })
/** Bare Express' figure over the variant's, of each of its rounds. */
const ratios = (name: string, figure: keyof Cost): number[] =>
  pairsOf(name).map(([cost, bare]) => bare[figure] / cost[figure])

// In a run of one or two rounds some had no turn.
const measured = chosen.filter(({ name }) => pairsOf(name).length > 0)
const rows = measured.map(({ name }) => {
  const pairs = pairsOf(name)
  const each = ratios(name, 'cpu')
  return [
    name,
    median(each).toFixed(2),
    `${quantile(each, 0.25).toFixed(2)} to ${quantile(each, 0.75).toFixed(2)}`,
    median(ratios(name, 'seconds')).toFixed(2),
    median(pairs.map(([cost]) => cost.cpu)).toFixed(1),
    median(pairs.map(([cost, bare]) => cost.cpu - bare.cpu)).toFixed(1),
  ]
})
const head = ['', 'per CPU-second', 'middle half of the processes', 'throughput', 'µs per request', 'µs more than bare']
const result = table([head, ...rows])
process.stdout.write(`${result}\n`)

const control = median(ratios(CONTROL, 'cpu'))
if (Math.abs(control - 1) > NOISE) {
  process.stdout.write(
    `Too noisy to tell: the second bare server is at ${control.toFixed(3)} of the first, more than ${NOISE} away. ` +
      'Run it again on an idle machine, or with more rounds (BENCH_ROUNDS).\n',
  )
  process.exitCode = 1
} else if (isWhole) {
  const versions = Object.entries(benchPackage.devDependencies).map(([name, version]) => `${name} ${version}`)
  publish(
    'http',
    [
      result,
      `${circumstances('make bench')} ${ROUNDS} fresh processes of each of the first ${chosen.filter(({ often }) => often).length}, ${Math.floor(ROUNDS / SELDOM)} of each other; ${REQUESTS.toLocaleString('en')} requests to ` +
        `each in ${TURNS} turns, shuffled, after ${WARM_UP.toLocaleString('en')} to warm up, over 16 connections; ` +
        `${pinned ? 'the server on one core, the load, which never sleeps, on another' : 'not pinned to cores'}. ` +
        `The second bare server is at ${control.toFixed(3)} of the first.`,
      `Versions: ${versions.join(', ')}.`,
    ].join('\n\n'),
  )
}
