/**
 * Command: what is missing before the dashboards are complete for a service. Run by scripts/adopt-check inside the stack,
 * from where Prometheus is. Reads TARGET, JOB and WAIT; exits with 1 when there is a problem, with 2 when it cannot ask.
 */
import { lookup } from 'node:dns/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { queriesOf, readDashboards, type Query } from '../tests/dashboards.ts'
import {
  judgeLines,
  judgeMetrics,
  judgeQueries,
  judgeRefusal,
  judgeTarget,
  judgeValues,
  readPage,
  readRequest,
  type Asked,
  type Finding,
} from './adopt-findings.ts'
import { askLines, askLogJobs, askLoki, askPrometheus, askSeries, askStreams, askTargets, reasonOf } from './stores.ts'
import { createPaint, harmless } from './terminal.ts'

const EVERY_MS = 5000
const TIMEOUT_MS = 10_000
const HOUR = 3600

// A name that is none of a container's is asked of the outside, where these networks do not lead: no answer is one, too.
const LOOKUP_MS = 4000

async function checkPage(target: string): Promise<Finding[]> {
  const [host = ''] = target.split(':')
  const unknown = await Promise.race([lookup(host).then(() => '', reasonOf), sleep(LOOKUP_MS, 'ENOTFOUND')])
  if (unknown !== '') return [judgeRefusal(target, unknown)]
  let text: string
  try {
    const response = await fetch(`http://${target}/metrics`, {
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    if (response.status !== 200) return [judgeRefusal(target, String(response.status))]
    text = await response.text()
  } catch (error) {
    return [judgeRefusal(target, reasonOf(error))]
  }
  const page = readPage(text)
  if (page.broken || page.samples.length === 0) {
    const { line, text: start } = page.broken ?? { line: 1, text: '' }
    return [
      {
        verdict: 'problem',
        text: `http://${target}/metrics is no page of metrics: line ${line}: ${JSON.stringify(start)}`,
        next: 'a client library of Prometheus writes it; `promtool check metrics` explains every line',
      },
    ]
  }
  return [
    { verdict: 'ok', text: `http://${target}/metrics can be had and read` },
    ...judgeMetrics(page),
    ...judgeValues(page),
  ]
}

async function checkLines(job: string): Promise<Finding[]> {
  const selector = `{job=${JSON.stringify(job)}}`
  const [byKind, malformed, streams, jobs] = await Promise.all([
    askLoki(`sum by (kind) (count_over_time(${selector}[5m]))`),
    askLines(`{job=${JSON.stringify(job)}, kind="malformed"}`, 300, 1),
    askStreams(selector),
    askLogJobs(),
  ])
  return judgeLines({ byKind, malformed: malformed[0]?.text, streams, jobs }, job)
}

async function rowsOf({ type, expr, source, label }: Query): Promise<number> {
  if (source === 'variable') return (await askSeries(expr)).filter((labels) => labels[label ?? '']).length
  if (type === 'prometheus') return (await askPrometheus(expr)).length
  return expr.trimStart().startsWith('{') ? (await askLines(expr, HOUR / 2, 1)).length : (await askLoki(expr)).length
}

async function checkOverview(job: string): Promise<Finding[]> {
  const overview = readDashboards().find(({ dashboard }) => dashboard.uid === 'service-overview')
  if (!overview) throw new Error('grafana/dashboards has no dashboard with the uid service-overview')
  const escaped = job.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  // Annotations mark what is rare.
  const queries = queriesOf(overview.dashboard, { variables: { job: escaped } }).filter(
    ({ source }) => source !== 'annotation',
  )
  const asked = await Promise.all(
    queries.map(async (query): Promise<Asked> => {
      const { where, expr, panel } = query
      const noValue = panel?.fieldConfig?.defaults.noValue
      const common = { where: where.replace('service-overview, ', ''), expr, noValue }
      try {
        return { ...common, rows: await rowsOf(query) }
      } catch (error) {
        return { ...common, rows: 0, error: reasonOf(error) }
      }
    }),
  )
  const [traffic] = await askPrometheus(
    `sum(rate(http_request_duration_seconds_count{job=${JSON.stringify(job)}}[1m]))`,
  )
  return judgeQueries(asked, traffic?.value ?? 0)
}

const checkAll = async (target: string, job: string): Promise<[part: string, findings: Finding[]][]> => [
  ['The page of metrics', await checkPage(target)],
  ['Prometheus', [judgeTarget(await askTargets(), target, job)]],
  ['Log lines', await checkLines(job)],
  ['Service overview', await checkOverview(job)],
]

async function main(): Promise<number> {
  const { COLOR } = process.env
  const request = readRequest(process.env)
  if (request === undefined) {
    process.stderr.write(
      'usage: make adopt-check TARGET=host:port JOB=name [WAIT=seconds]\n' +
        '  TARGET as in prometheus/targets/, such as shop:3000; JOB is its job and the name of its log folder\n',
    )
    return 2
  }
  const { target, job, waitSeconds } = request
  const paint = createPaint(COLOR === '1')
  const deadline = Date.now() + waitSeconds * 1000
  let parts = await checkAll(target, job)
  const passing = () => parts.flatMap(([, findings]) => findings).filter(({ mayPass }) => mayPass === true)
  let told = ''
  while (passing().length > 0 && Date.now() < deadline) {
    const [first] = passing()
    if (first && first.text !== told)
      process.stderr.write(`waiting, ${waitSeconds} s at most: ${harmless(first.text)}\n`)
    told = first?.text ?? ''
    await sleep(EVERY_MS)
    parts = await checkAll(target, job)
  }
  const marks = { ok: paint('green', 'ok     '), note: paint('yellow', 'note   '), problem: paint('red', 'problem') }
  for (const [part, findings] of parts) {
    process.stdout.write(`${paint('bold', part)}\n`)
    for (const { verdict, text, next } of findings) {
      process.stdout.write(`  ${marks[verdict]}  ${harmless(text)}\n`)
      if (next !== undefined) process.stdout.write(`           → ${harmless(next)}\n`)
    }
  }
  const problems = parts.flatMap(([, findings]) => findings).filter(({ verdict }) => verdict === 'problem').length
  process.stdout.write(
    problems === 0
      ? `\nThe overview is complete for ${job}.\n`
      : `\n${problems} ${problems === 1 ? 'problem' : 'problems'}: mend the first one first, the others may follow from it.\n`,
  )
  return problems === 0 ? 0 : 1
}

const code = await main().catch((error: unknown) => {
  process.stderr.write(`adopt-check: ${reasonOf(error)}\n`)
  return 2
})
// Not left to itself: a look-up without an answer would keep it a while.
process.exit(code)
