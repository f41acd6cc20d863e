/**
 * A long run: does memory stay flat, are answers as quick as without, and is everything counted once?
 *
 *     npm run soak        (make bench-soak; SOAK_REQUESTS makes it shorter)
 *
 * A bare server and ours are asked in turn, a slice each, so that both see the same machine.
 */
import { circumstances, publish, table } from '../report.ts'
import { pinSelf, startSubject, type SubjectProcess } from './bench-process.ts'
import { openLoad, type Load } from './load.ts'
import { BARE, OURS } from './variants.ts'

const REQUESTS = Number(process.env['SOAK_REQUESTS'] ?? 1_000_000)
const SLICES = 20
const SLICE = Math.ceil(REQUESTS / SLICES)
const MIB = 1024 ** 2

interface Subject {
  name: string
  process: SubjectProcess
  load: Load
  /** Milliseconds, one per request. */
  latencies: number[]
  /** MiB after each slice: of live objects, and of the process. */
  heap: number[]
  rss: number[]
}

const pinned = pinSelf()
const subjects: Subject[] = []
for (const name of [BARE, OURS]) {
  const process = await startSubject(name, pinned, ['--expose-gc'])
  subjects.push({ name, process, load: await openLoad(process), latencies: [], heap: [], rss: [] })
}

for (let slice = 1; slice <= SLICES; slice++) {
  for (const { process: subject, load, latencies, heap, rss } of subjects) {
    await load.send(SLICE, (milliseconds) => latencies.push(milliseconds))
    const state = await subject.state()
    heap.push(state.heap / MIB)
    rss.push(state.rss / MIB)
  }
  process.stdout.write(`${slice * SLICE} requests each\n`)
}

const rows = [
  [
    '',
    'p50, ms',
    'p99, ms',
    'p99.9, ms',
    'heap after 1/4, 1/2, all, MiB',
    'process after 1/4, 1/2, all, MiB',
    'answers',
    'counted',
    'lines',
  ],
]
const at = (values: number[]): string =>
  [0.25, 0.5, 1].map((share) => values[SLICES * share - 1]?.toFixed(1)).join(', ')
const p99s: number[] = []
let wrong = ''
for (const { name, process: subject, load, latencies, heap, rss } of subjects) {
  const { counted, lines } = await subject.totals()
  load.close()
  await subject.stop()
  const sorted = latencies.toSorted((a, b) => a - b)
  const p = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? NaN
  p99s.push(p(0.99))
  const counts = [sorted.length, counted, lines].map((count) => count?.toLocaleString('en') ?? '')
  rows.push([name, p(0.5).toFixed(2), p(0.99).toFixed(2), p(0.999).toFixed(2), at(heap), at(rss), ...counts])
  if (name === OURS && (counted !== sorted.length || lines !== sorted.length))
    wrong = `${name}: ${sorted.length} answers, ${counted} counted, ${lines} lines`
}
const ratio = (p99s[1] ?? NaN) / (p99s[0] ?? NaN)
const result =
  `${table(rows)}\n\nThe 99th percentile is ${ratio.toFixed(2)} of the bare server's. ${circumstances('make bench-soak')} ` +
  `16 connections that ask again as soon as they have their answer, a slice of ${SLICE.toLocaleString('en')} requests ` +
  `to each server in turn${pinned ? '; both on one core, the load on another' : ''}.`
process.stdout.write(`${result}\n`)
if (wrong) throw new Error(wrong)
// The page tells of whole runs.
if (process.env['SOAK_REQUESTS'] === undefined) publish('soak', result)
