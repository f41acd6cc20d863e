/** The rules by promtool, from the image that the stack runs; and that no alert is without its tests, texts and page. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'

const root = join(import.meta.dirname, '../..')
const folder = join(root, 'prometheus/rules')
const PROMETHEUS = 'prom/prometheus:v3.15.0'
const ALERTMANAGER = 'prom/alertmanager:v0.34.1'

interface AlertRule {
  alert: string
  expr: string
  for?: string
  labels: Record<string, string>
  annotations: Record<string, string>
}
interface RuleFile {
  groups: { name: string; rules: (AlertRule | { record: string; expr: string })[] }[]
}
interface Case {
  eval_time: string
  alertname: string
  exp_alerts?: { exp_labels: Record<string, string>; exp_annotations?: Record<string, string> }[]
}
interface TestFile {
  tests: { name: string; alert_rule_test?: Case[] }[]
}

const names = await readdir(folder)
const ruleFiles = names.filter((name) => name.endsWith('.rules.yml'))
const testFiles = names.filter((name) => name.endsWith('.test.yml'))
const read = async <T>(name: string) => parse(await readFile(join(folder, name), 'utf8')) as T
const contents = await Promise.all(ruleFiles.map((name) => read<RuleFile>(name)))
const alerts = contents
  .flatMap(({ groups }) => groups.flatMap(({ rules }) => rules))
  .filter((rule): rule is AlertRule => 'alert' in rule)
const groupsOf = new Map(
  await Promise.all(testFiles.map(async (name) => [name, (await read<TestFile>(name)).tests] as const)),
)
const groups = [...groupsOf.values()].flat()
const title = ({ alert, labels }: AlertRule) =>
  labels['window'] === undefined ? alert : `${alert} in ${labels['window']}`

interface Outcome {
  code: number
  output: string
}

const END = '--- ended with'
const quoted = (argument: string) => `'${argument.replaceAll("'", String.raw`'\''`)}'`

/** Runs a tool once per list of arguments, all in one container: starting one costs more than most of the runs. */
async function run(image: string, mount: string, commands: string[][]): Promise<Outcome[]> {
  const script = commands.map((command) => `${command.map(quoted).join(' ')} 2>&1; echo "${END} $?"`).join('\n')
  const options = ['--rm', '--network=none', '--entrypoint=sh', `--volume=${mount}:/mnt:ro`, '--workdir=/mnt']
  const { stdout } = await promisify(execFile)('docker', ['run', ...options, image, '-c', script])
  const ends = [...stdout.matchAll(new RegExp(`([^]*?)${END} (\\d+)\n`, 'g'))]
  return ends.map(([, output = '', code]) => ({ code: Number(code), output }))
}

const promtool = (mount: string, commands: string[][]) =>
  run(
    PROMETHEUS,
    mount,
    commands.map((command) => ['promtool', ...command]),
  )

/** Seconds of a Prometheus duration such as `1h30m`. */
function seconds(duration: string): number {
  const units: Record<string, number> = { d: 86_400, h: 3600, m: 60, s: 1 }
  return [...duration.matchAll(/(\d+)([dhms])/g)].reduce((sum, [, n, unit]) => sum + Number(n) * units[unit ?? '']!, 0)
}

/** The cases of one rule, in each group that has any: when, and the instance of it that is expected, if any. */
function timelines(rule: AlertRule) {
  return groups.flatMap(({ name, alert_rule_test: cases = [] }) => {
    const own = cases
      .filter(({ alertname }) => alertname === rule.alert)
      .map(({ eval_time, exp_alerts = [] }) => ({
        at: seconds(eval_time),
        expected: exp_alerts.find(({ exp_labels }) =>
          Object.entries(rule.labels).every(([label, value]) => exp_labels[label] === value),
        ),
      }))
    return own.length === 0 ? [] : [{ name, own, fires: own.find(({ expected }) => expected !== undefined) }]
  })
}

const firingOf = (all: ReturnType<typeof timelines>) =>
  all.flatMap(({ own, fires }) => (fires ? [{ own, ...fires }] : []))

const missing = (rules: AlertRule[], failed: Set<string>) =>
  rules.map(({ alert }) => alert).filter((name) => !failed.has(name))

const named = (rules: AlertRule[]) => rules.map((rule) => ({ name: title(rule), rule }))

// It fires from the first moment to the last.
const ALWAYS = 'Watchdog'
// Its series being absent is what it fires for.
const FIRES_ON_ABSENCE = 'AppMetricsAbsent'

// The longest timelines by far: as long as those of all other files together.
const SLO = 'http-slo.test.yml'
const quick = testFiles.filter((name) => name !== SLO)

describe('the rules', () => {
  let checks: Outcome[]
  let outcomes: Map<string, Outcome | undefined>

  beforeAll(async () => {
    const [[slo], others] = await Promise.all([
      promtool(folder, [['test', 'rules', SLO]]),
      promtool(folder, [
        ...quick.map((name) => ['test', 'rules', name]),
        ...ruleFiles.map((name) => ['check', 'rules', '--lint=all', '--lint-fatal', name]),
      ]),
    ])
    outcomes = new Map([[SLO, slo], ...quick.map((name, i) => [name, others[i]] as const)])
    checks = others.slice(quick.length)
  })

  it.each(ruleFiles.map((name, i) => ({ name, i })))('promtool finds nothing wrong in $name', ({ i }) => {
    expect(checks[i]).toMatchObject({ code: 0 })
  })

  it.each(testFiles)('all cases of %s hold', (name) => {
    expect(outcomes.get(name)).toMatchObject({ code: 0 })
  })

  it('every rule file that alerts has its tests beside it', () => {
    const alerting = ruleFiles.filter((_, i) => contents[i]?.groups.some((g) => g.rules.some((r) => 'alert' in r)))
    expect(testFiles).toEqual(expect.arrayContaining(alerting.map((name) => name.replace('.rules.', '.test.'))))
  })

  it('every alert of a test is an alert of the rules', () => {
    const known = new Set(alerts.map(({ alert }) => alert))
    const tested = groups.flatMap(({ alert_rule_test: cases = [] }) => cases.map(({ alertname }) => alertname))
    expect(tested.filter((name) => !known.has(name))).toEqual([])
  })
})

describe.each(named(alerts))('$name', ({ rule }) => {
  const firing = firingOf(timelines(rule))

  it('is tested firing, with all its labels and annotations', () => {
    const texts = Object.keys(rule.annotations)
    const full = firing.filter(({ expected }) => texts.every((text) => expected?.exp_annotations?.[text]))
    expect(full).not.toEqual([])
    expect(full).toHaveLength(firing.length)
  })

  it('has a severity, a summary without label values, a description, a runbook and a dashboard', async () => {
    expect(rule.labels['severity']).toMatch(/^(critical|warning|info|none)$/)
    expect(rule.annotations['summary']).toMatch(/^[^{}]+[^{}.]$/)
    expect(rule.annotations['description']).toMatch(/\.$/)
    expect(rule.annotations['dashboard_url']).toMatch(
      /^http:\/\/localhost:3000\/d\/(service-overview|node-runtime|logs|host|stack|alerts)(\?|$)/,
    )
    expect(rule.annotations['runbook_url']).toBe(`docs/runbook.md#${rule.alert.toLowerCase()}`)
    expect(await readFile(join(root, 'docs/runbook.md'), 'utf8')).toMatch(new RegExp(`^## ${rule.alert}$`, 'm'))
  })

  it('leaves its threshold to thresholds.rules.yml, unless any event is one too many', () => {
    const bounds = [...rule.expr.matchAll(/[<>]=?\s*([\w(]+)/g)].map(([, bound]) => bound)
    expect(bounds.filter((bound) => bound !== '0' && !bound?.startsWith('scalar('))).toEqual([])
  })
})

describe.each(named(alerts.filter(({ alert }) => alert !== ALWAYS)))('$name', ({ rule }) => {
  const all = timelines(rule)

  it('is tested idle, not yet firing one minute before it fires, and cleared', () => {
    const complete = firingOf(all).filter(({ own, at: first }) => {
      const quiet = own.filter(({ expected }) => expected === undefined).map(({ at }) => at)
      return (
        quiet.some((at) => at < first - 60) &&
        quiet.some((at) => at >= first - 60 && at < first) &&
        quiet.some((at) => at > first)
      )
    })
    expect(complete).not.toEqual([])
  })

  it('is tested with its series absent', () => {
    const absent = all.filter(({ name }) => name.includes('series absent'))
    expect(absent).not.toEqual([])
    expect(absent.every(({ fires }) => (fires !== undefined) === (rule.alert === FIRES_ON_ABSENCE))).toBe(true)
  })
})

const atLeast = alerts.filter(({ expr }) => expr.includes('alert:threshold:min_events'))

describe.each(named(atLeast))('$name', ({ rule }) => {
  it('is tested quiet with too few events', () => {
    const few = timelines(rule).filter(({ name, fires }) => name.includes('too few events') && !fires)
    expect(few).not.toEqual([])
  })
})

describe('the cases of the rules', () => {
  let copies: string
  let withoutFor: Set<string>
  let withoutThreshold: Set<string>
  let withoutLeast: Set<string>

  /** A copy of the folder with changed rules, below one that promtool's user may read. */
  async function changed(name: string, change: (text: string) => string): Promise<void> {
    const copy = join(copies, name)
    await mkdir(copy)
    for (const file of names) {
      const text = await readFile(join(folder, file), 'utf8')
      await writeFile(join(copy, file), file.endsWith('.rules.yml') ? change(text) : text)
    }
  }

  /** The alerts whose cases fail in a copy, of the groups that match `only`. */
  async function failing(copy: string, only: string, files: string[]): Promise<Set<string>> {
    const paths = files.map((file) => `${copy}/${file}`)
    const [outcome] = await promtool(copies, [['test', 'rules', `--run=${only}`, ...paths]])
    return new Set([...(outcome?.output ?? '').matchAll(/alertname: (\w+)/g)].map(([, name = '']) => name))
  }

  beforeAll(async () => {
    copies = await mkdtemp(join(tmpdir(), 'rules-'))
    await changed('for', (text) => text.replaceAll(/^ +for: .*\n/gm, ''))
    await changed('threshold', (text) =>
      text
        .replaceAll(/(record: alert:threshold:max\n +expr:) .*/g, '$1 "-1"')
        .replaceAll(/(record: alert:threshold:min\n +expr:) .*/g, '$1 "2"'),
    )
    await changed('least', (text) => text.replaceAll(/(record: alert:threshold:min_events\n +expr:) .*/g, '$1 "0"'))
    // mkdtemp makes folders for this user alone, and promtool runs as another.
    await promisify(execFile)('chmod', ['-R', 'a+rX', copies])
    // http-slo has the longest timelines by far; its thresholds are covered by the exact times in its cases.
    ;[withoutFor, withoutThreshold, withoutLeast] = await Promise.all([
      failing('for', 'idle', quick),
      failing('threshold', 'idle', quick),
      failing('least', 'too few', testFiles),
    ])
  })
  afterAll(() => rm(copies, { recursive: true }))

  const slo = new Set(groupsOf.get(SLO)?.flatMap(({ alert_rule_test: all = [] }) => all.map((one) => one.alertname)))
  const others = alerts.filter(({ alert }) => !slo.has(alert))

  it('fail for every alert that loses its `for`', () => {
    const expected = others.filter((rule) => rule.for !== undefined)
    expect(expected.length).toBeGreaterThan(20)
    expect(missing(expected, withoutFor)).toEqual([])
  })

  it('fail for every alert that loses its threshold', () => {
    const expected = others.filter(({ expr }) => /alert:threshold:(max|min)\b/.test(expr))
    expect(expected.length).toBeGreaterThan(8)
    expect(missing(expected, withoutThreshold)).toEqual([])
  })

  it('fail for every alert that loses its least number of events', () => {
    expect(atLeast.length).toBeGreaterThan(5)
    expect(missing(atLeast, withoutLeast)).toEqual([])
  })
})

describe('alertmanager/alertmanager.yml', () => {
  const routes = [
    { labels: ['alertname=Watchdog', 'severity=none'], receiver: 'watchdog' },
    { labels: ['alertname=TargetDown', 'severity=critical', 'job=app'], receiver: 'alert-receiver' },
    { labels: ['alertname=HttpTrafficVanished', 'severity=info', 'job=app'], receiver: 'alert-receiver' },
  ]
  let check: Outcome | undefined
  let routed: Outcome[]

  beforeAll(async () => {
    const file = '--config.file=alertmanager.yml'
    ;[check, ...routed] = await run(ALERTMANAGER, join(root, 'alertmanager'), [
      ['amtool', 'check-config', 'alertmanager.yml'],
      ...routes.map(({ labels, receiver }) => {
        return ['amtool', 'config', 'routes', 'test', file, `--verify.receivers=${receiver}`, ...labels]
      }),
    ])
  })

  it('amtool finds nothing wrong', () => {
    expect(check).toMatchObject({ code: 0 })
  })

  it.each(routes.map((route, i) => ({ ...route, i })))('$labels goes to $receiver', ({ i }) => {
    expect(routed[i]).toMatchObject({ code: 0 })
  })
})
