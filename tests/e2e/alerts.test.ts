/**
 * The whole loop, live: what breaks is noticed, grouped, told and written down, and so is its end. Rules, scrapes and
 * notifications run 20 times faster than in the stack, from the same files (BREAK_FAST of scripts/break).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../docker.ts'
import { eventually, lokiLines, promQuery, stack } from './stack.ts'

const { alertmanager, receiver } = stack.urls

const files = stack.compose.flatMap((argument, i) => (stack.compose[i - 1] === '-f' ? [argument] : []))
const environment = {
  ...stack.environment,
  COMPOSE_PROJECT_NAME: stack.compose[2] ?? '',
  COMPOSE_FILE: files.join(':'),
}

/** What `make break-…` and `make repair` do, at high speed. */
const script = (verb: string) => run('scripts/break', [verb], { environment: { ...environment, BREAK_FAST: '1' } })

interface AlertGroup {
  labels: Record<string, string>
  alerts: { labels: Record<string, string>; status: { state: string; inhibitedBy: string[] } }[]
}

async function groupOf(labels: Record<string, string>): Promise<AlertGroup | undefined> {
  const groups = (await (await fetch(`${alertmanager}/api/v2/alerts/groups`)).json()) as AlertGroup[]
  return groups.find((group) => Object.entries(labels).every(([name, value]) => group.labels[name] === value))
}

interface Wanted {
  alertname: string
  job: string
}

const firing = async ({ alertname, job }: Wanted) =>
  promQuery(`ALERTS{alertname="${alertname}",job="${job}",alertstate="firing"}`)

/** The lines that the receiver wrote of notifications of a job, the oldest first. */
const told = (job: string, from: number) => lokiLines(`{job="alerts"} |= "job ${job}, since"`, from, Date.now() + 5000)

const toldOf = async ({ alertname, job }: Wanted, status: 'firing' | 'resolved', from: number) =>
  (await told(job, from)).filter(
    ({ line, metadata }) => metadata['function'] === alertname && line.includes(`| ${status}`),
  )

const breaks: { what: string; verbs: string[]; alerts: Wanted[]; isLogged?: false }[] = [
  { what: 'the service computes', verbs: ['cpu'], alerts: [{ alertname: 'NodejsEventLoopLag', job: 'app' }] },
  {
    what: 'Promtail is gone',
    verbs: ['logs'],
    alerts: [
      { alertname: 'TargetDown', job: 'promtail' },
      { alertname: 'LogPipelineStalled', job: 'app' },
    ],
    // Until the repair.
    isLogged: false,
  },
  {
    what: 'Loki is gone',
    verbs: ['loki'],
    alerts: [
      { alertname: 'TargetDown', job: 'loki' },
      { alertname: 'LogPipelineStalled', job: 'app' },
    ],
    isLogged: false,
  },
  {
    what: 'every second request fails, and answers take longer',
    verbs: ['errors', 'latency'],
    alerts: [
      { alertname: 'HttpErrorBudgetBurn', job: 'app' },
      { alertname: 'HttpLatencyHigh', job: 'app' },
    ],
  },
]

/** Waits until all of them fire, and until Alertmanager has each in the group of its job and name. */
async function noticed(alerts: Wanted[], since: number): Promise<void> {
  // An hour of the burn rate is 180 s here: where they held much traffic and there is little now, errors are a small share.
  await eventually(240, async () => {
    for (const wanted of alerts) expect([wanted, await firing(wanted)]).not.toEqual([wanted, []])
  })
  console.log(`${alerts.map(({ alertname }) => alertname).join(', ')}: firing after ${(Date.now() - since) / 1000} s`)
  await eventually(60, async () => {
    for (const wanted of alerts) expect(await groupOf({ ...wanted })).toMatchObject({ labels: wanted })
  })
}

const toldInLoki = (alerts: Wanted[], status: 'firing' | 'resolved', from: number) =>
  eventually(60, async () => {
    for (const wanted of alerts) expect([wanted, await toldOf(wanted, status, from)]).not.toEqual([wanted, []])
  })

describe('at 20 times the speed', { timeout: 600_000 }, () => {
  const QUIET_SECONDS = 60

  beforeAll(() => script('repair'))

  // Back to the rules, the storage and the notifications of the stack.
  afterAll(() => run('scripts/break', ['repair'], { environment }))

  test('nothing but the Watchdog fires under normal load', async () => {
    await sleep(QUIET_SECONDS * 1000)
    // The host's alerts tell of this machine, whatever else it does: not of the stack. So does the event loop's where
    // processes wait for a CPU most of the time.
    const [waiting] = await promQuery(`rate(node_pressure_cpu_waiting_seconds_total[${QUIET_SECONDS}s])`)
    const share = Number(waiting?.value[1] ?? 0)
    if (share > 0.5)
      console.log(
        `NodejsEventLoopLag is not judged: processes waited for a CPU ${Math.round(share * 100)} % of the time`,
      )
    const excepted = share > 0.5 ? 'Watchdog|NodejsEventLoopLag' : 'Watchdog'
    if (stack.grafanaSkipped !== undefined) console.log(`the target Grafana is not judged: ${stack.grafanaSkipped}`)
    const jobs = stack.grafanaSkipped === undefined ? 'node' : 'node|grafana'
    const fired = `ALERTS{alertname!~"${excepted}",job!~"${jobs}",alertstate="firing"}`
    const alerts = await promQuery(`count_over_time(${fired}[${QUIET_SECONDS}s])`)
    expect(alerts.map(({ metric }) => JSON.stringify(metric))).toEqual([])
    const evaluations = `count_over_time(ALERTS{alertname="Watchdog",alertstate="firing"}[${QUIET_SECONDS}s])`
    expect(Number((await promQuery(evaluations))[0]?.value[1])).toBeGreaterThan(QUIET_SECONDS / 4)
    expect(await (await fetch(receiver)).text()).toContain('Watchdog: Alive')
  })

  describe('when the service is gone', () => {
    const down: Wanted = { alertname: 'TargetDown', job: 'app' }
    const others = [
      'HttpErrorBudgetBurn',
      'HttpLatencyHigh',
      'HttpRequestsStuck',
      'HttpTrafficVanished',
      'LogLinesDropped',
      'LogPipelineStalled',
      'NodejsEventLoopLag',
      'NodejsGcBusy',
      'ProcessRestartLoop',
    ]
    /** Has Alertmanager know nine more alerts of the service, as ten rules would that see the same fault. */
    const post = async (seconds: number) => {
      const endsAt = new Date(Date.now() + seconds * 1000).toISOString()
      const alerts = others.map((alertname) => ({ labels: { alertname, job: 'app', severity: 'warning' }, endsAt }))
      const response = await fetch(`${alertmanager}/api/v2/alerts`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(alerts),
      })
      expect(response.status).toBe(200)
    }

    test('one notification is sent, not ten, and one of its end', async () => {
      const from = Date.now()
      const { stdout } = await script('app')
      expect(stdout).toContain('TargetDown')
      await noticed([down], from)
      await post(300)
      await toldInLoki([down], 'firing', from)
      await eventually(30, async () => {
        for (const alertname of others) {
          const group = await groupOf({ alertname, job: 'app' })
          const states = new Set(group?.alerts.map(({ status }) => status.state))
          expect([alertname, ...states]).toEqual([alertname, 'suppressed'])
        }
      })
      // Five times as long as Alertmanager collects a group, and longer than it waits before it adds to one.
      await sleep(5000)
      const until = BigInt(Date.now()) * 1_000_000n
      await post(-1)
      await script('repair')
      await toldInLoki([down], 'resolved', from)
      const lines = await told('app', from)
      const first = lines.find(({ metadata }) => metadata['function'] === down.alertname)?.time ?? until
      const whileDown = lines.filter(({ time }) => time >= first && time < until)
      expect(whileDown.map(({ metadata }) => metadata['function'])).toEqual([down.alertname])
      expect(await toldOf(down, 'firing', from)).toHaveLength(1)
      expect(await toldOf(down, 'resolved', from)).toHaveLength(1)
    })
  })

  test.each(breaks)('when $what, it is noticed, grouped, told and written down, and so is its end', async (fault) => {
    const { verbs, alerts, isLogged = true } = fault
    // What the fault before has left.
    await eventually(60, async () => {
      for (const wanted of alerts) expect([wanted, await firing(wanted)]).toEqual([wanted, []])
    })
    const from = Date.now()
    let said = ''
    for (const verb of verbs) said += (await script(verb)).stdout
    for (const { alertname } of alerts) expect(said).toContain(alertname)
    await noticed(alerts, from)
    if (isLogged) await toldInLoki(alerts, 'firing', from)
    await script('repair')
    await toldInLoki(alerts, 'firing', from)
    await toldInLoki(alerts, 'resolved', from)
  })
})
