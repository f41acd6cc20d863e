/**
 * What a dashboard must keep to, so that it tells the truth on any installation.
 *
 * Each check takes one dashboard and what is known of its surroundings, and returns one line per defect. What needs
 * data (does every query return rows, how many series, NaN at idle) is asked of the running stack in tests/e2e.
 */
import {
  initialValues,
  linksOf,
  nameOf,
  panelsOf,
  queriesOf,
  variablesIn,
  type Dashboard,
  type Panel,
  type Query,
} from './dashboards.ts'
import { analyseLogql, analysePromql, type Analysis, type Matcher, type Selector } from './query-languages.ts'

export interface Metric {
  type: string
  /** Every label and the values seen; undefined when the labels are not known here. */
  labels: Map<string, Set<string>> | undefined
}

export interface Surroundings {
  /** All dashboards, the checked one included. */
  dashboards: readonly Dashboard[]
  datasources: readonly { type: string; uid: string }[]
  /** Metrics whose labels are known, by name. */
  metrics: ReadonlyMap<string, Metric>
  /** Whether a metric belongs to a program whose metrics only a running stack can tell. */
  isForeign: (metric: string) => boolean
  /** Labels and structured metadata of log lines; values where they are a fixed set. */
  logLabels: ReadonlyMap<string, readonly string[] | undefined>
  /** Seconds. */
  scrapeInterval: number
}

export type Check = (dashboard: Dashboard, surroundings: Surroundings) => string[]

/** Grid units that fit a screen of 1920×1080 without scrolling. */
export const FIRST_SCREEN = 21

/** More lines than this in one panel cannot be told apart; counted on the running stack. */
export const MAX_SERIES = 20

// Grafana's own durations, as literals that nobody would write: so they are told from fixed ones after parsing.
const MARKERS: Record<string, string> = {
  __rate_interval: '61001ms',
  __range: '61002ms',
  __interval: '61003ms',
  __auto: '61004ms',
}
const writtenRange = (text: string): string => {
  const name = Object.keys(MARKERS).find((marker) => MARKERS[marker] === text)
  return name === undefined ? text : `$${name}`
}

interface AnalysedQuery extends Query {
  analysis: Analysis
}

const analysed = (dashboard: Dashboard): AnalysedQuery[] =>
  queriesOf(dashboard, { builtIns: MARKERS })
    // `label_values(label)` reads no series in particular.
    .filter(({ source, expr }) => source !== 'variable' || expr !== '')
    .map((query) => ({ ...query, analysis: (query.type === 'loki' ? analyseLogql : analysePromql)(query.expr) }))

const saidBy = (panel: Panel | undefined): string => `${panel?.title ?? ''} ${panel?.description ?? ''}`

const parses: Check = (dashboard) =>
  analysed(dashboard)
    .filter(({ analysis }) => analysis.error !== undefined)
    .map(({ where, analysis, expr }) => `${where}: cannot be parsed from "${analysis.error}" on: ${expr}`)

/** 2, as far as it shows in the text: nothing becomes NaN at idle, and each panel says what its silence means. */
const quietAtIdle: Check = (dashboard) => [
  ...analysed(dashboard).flatMap(({ where, analysis }) => analysis.maybeNaN.map((what) => `${where}: ${what}`)),
  ...panelsOf(dashboard)
    // A logs panel knows no noValue: use it for what is never empty, and a table for what may be.
    .filter(({ type, fieldConfig }) => type !== 'text' && type !== 'logs' && !fieldConfig?.defaults.noValue)
    .map((panel) => `${nameOf(panel)}: has no noValue to say what silence means`),
]

const RATES = ['rate', 'increase', 'irate', 'delta', 'idelta', 'deriv']

/** `5m` is named as `5 m` or `(5m)`. */
const namesDuration = (text: string, duration: string): boolean =>
  new RegExp(String.raw`\b${duration.replace(/(\d)(?=[a-z])/g, '$1 ?')}\b`).test(text)

/** 3. */
const windowsFollowTheScreen: Check = (dashboard) =>
  analysed(dashboard)
    .filter(({ source }) => source === 'panel')
    .flatMap(({ where, type, panel, isInstant, analysis }) =>
      analysis.ranges.flatMap(({ text, call }): string[] => {
        const range = writtenRange(text)
        if (range === '$__range')
          return isInstant ? [] : [`${where}: ${call} over [$__range] at each step; make the query instant`]
        const expected = type === 'loki' ? '$__auto' : '$__rate_interval'
        if (range === expected) return []
        if (range.startsWith('$')) return [`${where}: ${call} over [${range}]; use [${expected}]`]
        return namesDuration(saidBy(panel), range)
          ? []
          : [`${where}: ${call} over a fixed [${range}]; use [${expected}], or name ${range} in the title`]
      }),
    )

const SUFFIXES = ['_bucket', '_count', '_sum']

function metricOf(name: string, { metrics }: Surroundings): Metric | undefined {
  const suffix = SUFFIXES.find((ending) => name.endsWith(ending))
  return metrics.get(name) ?? (suffix === undefined ? undefined : metrics.get(name.slice(0, -suffix.length)))
}

// Gauges in spite of their names.
const GAUGES_BY_NATURE = new Set(['promtail_file_bytes_total', 'promtail_read_bytes_total'])

function isCounter(name: string, surroundings: Surroundings): boolean {
  if (name.includes(':') || GAUGES_BY_NATURE.has(name)) return false
  const metric = metricOf(name, surroundings)
  if (metric?.type === 'counter' || metric?.type === 'histogram') return true
  return metric?.type !== 'gauge' && /_(total|bucket|count|sum)$/.test(name)
}

const takesCounters = ({ calls, isRange }: Selector): boolean =>
  isRange
    ? [...RATES, 'resets', 'changes', 'present_over_time', 'absent_over_time'].includes(calls[0] ?? '')
    : ['absent', 'count', 'group'].includes(calls[0] ?? '')

// `x unless x offset …`: a counter that came with its first event, which rate and increase cannot see.
const isNewborn = (expr: string, metric: string): boolean =>
  new RegExp(String.raw`\b${metric}(\{[^}]*\})? unless ${metric}(\{[^}]*\})? offset `).test(expr)

/** 4. */
const countersOnlyInRates: Check = (dashboard, surroundings) =>
  analysed(dashboard)
    .filter(({ type, source }) => type === 'prometheus' && source !== 'variable')
    .flatMap(({ where, expr, analysis }) =>
      analysis.selectors
        .filter((selector) => isCounter(selector.metric, surroundings) && !takesCounters(selector))
        .filter(({ metric }) => !isNewborn(expr, metric))
        .map(({ metric, calls }) =>
          calls[0]?.endsWith('_over_time')
            ? `${where}: ${calls[0]} of the counter ${metric}`
            : `${where}: the counter ${metric} outside of rate or increase`,
        ),
    )

// `5..` is one class, `[23]..` are two.
const classesOf = ({ label, operator, value }: Matcher): string[] => {
  if (label !== 'status_code' && label !== 'status') return []
  const [, one, several] = /^(?:([1-5])|\[([1-5]+)\])\.\.$/.exec(value) ?? []
  return operator === '=~' ? (one ?? several ?? '').split('') : []
}

const unique = (items: Iterable<string>): string[] => [...new Set(items)]

const sameSet = (a: Iterable<string>, b: Iterable<string>): boolean =>
  [...new Set(a)].toSorted().join() === [...new Set(b)].toSorted().join()

const list = (items: Iterable<string>): string => [...new Set(items)].toSorted().join(', ') || 'none'

const percentile = (quantile: number): string => `p${Math.round(quantile * 1000) / 10}`

/** As asked of histograms, or as metrics have it in their names (`nodejs_eventloop_lag_p99_seconds`). */
const quantilesOf = ({ quantiles, selectors }: Analysis): string[] => [
  ...quantiles.map(percentile),
  ...selectors.flatMap(({ metric }) => [...metric.matchAll(/_(p\d+)_/g)].map(([, name = '']) => name)),
]

/** 5, of one panel. */
function disagreements(panel: Panel, queries: AnalysedQuery[]): string[] {
  const title = panel.title ?? ''
  const where = `${queries[0]?.dashboard}, ${nameOf(panel)}`
  const matchers = queries.flatMap(({ analysis }) => analysis.selectors.flatMap((selector) => selector.matchers))
  const found: string[] = []

  const saidClasses = [...title.matchAll(/\b([1-5])xx\b/g)].map(([, digit = '']) => digit)
  const askedClasses = matchers.flatMap(classesOf)
  if (saidClasses.length > 0 && !sameSet(saidClasses, askedClasses))
    found.push(`${where}: the title says ${list(saidClasses)}xx, the queries ask for ${list(askedClasses)}`)
  if (saidClasses.length === 0 && askedClasses.length > 0 && !/\dxx/.test(saidBy(panel)))
    found.push(`${where}: asks for status class ${list(askedClasses)}, and neither title nor description says so`)

  const saidQuantiles = [...title.matchAll(/\bp(\d+(?:\.\d+)?)\b/g)].map(([whole]) => whole)
  const askedQuantiles = queries.flatMap(({ analysis }) => quantilesOf(analysis))
  if (saidQuantiles.length > 0 && !sameSet(saidQuantiles, askedQuantiles))
    found.push(`${where}: the title says ${list(saidQuantiles)}, the queries ask for ${list(askedQuantiles)}`)
  for (const quantile of new Set(askedQuantiles))
    if (!saidBy(panel).includes(quantile)) found.push(`${where}: asks for ${quantile}, and does not say so`)
  for (const { legend, analysis, refId } of queries) {
    const [said] = /\bp\d+(?:\.\d+)?\b/.exec(legend ?? '') ?? []
    const asked = quantilesOf(analysis)
    if (said !== undefined && !asked.includes(said))
      found.push(`${where}, query ${refId}: the legend says ${said}, the query asks for ${list(asked)}`)
    const [, digit] = /\b([1-5])xx\b/.exec(legend ?? '') ?? []
    const classes = analysis.selectors.flatMap((selector) => selector.matchers.flatMap(classesOf))
    if (digit !== undefined && !sameSet([digit], classes))
      found.push(`${where}, query ${refId}: the legend says ${digit}xx, the query asks for ${list(classes)}`)
  }

  // An error panel that counts warnings, or the other way round.
  const levels = matchers
    .filter(({ label, operator }) => label === 'level' && operator.startsWith('='))
    .flatMap(({ value }) => value.split('|'))
    .filter((value) => /^[a-z]+$/.test(value))
  const saidLevels = [
    ...(/\berrors?\b/i.test(title) ? ['error', 'fatal'] : []),
    ...(/\bwarnings?\b/i.test(title) ? ['warn'] : []),
  ]
  if (saidLevels.length > 0 && levels.length > 0 && !levels.every((level) => saidLevels.includes(level)))
    found.push(`${where}: the title says ${list(saidLevels)}, the queries ask for the levels ${list(levels)}`)
  return found
}

/** Queries of shares now, one for each class, must be the same but for the class, and cover 2xx to 5xx. */
function classShares(dashboard: Dashboard, queries: AnalysedQuery[]): string[] {
  const shares = queries
    .filter(({ panel, isInstant }) => isInstant && /\bshare\b.*\b[1-5]xx\b/i.test(panel?.title ?? ''))
    .map(({ where, template, analysis }) => ({
      where,
      classes: unique(analysis.selectors.flatMap(({ matchers }) => matchers.flatMap(classesOf))),
      rest: template.replaceAll(/\[?[1-5]+\]?\.\./g, 'N..'),
    }))
  if (shares.length === 0) return []
  const covered = shares.flatMap(({ classes }) => classes).toSorted()
  return [
    ...(covered.join() === '2,3,4,5'
      ? []
      : [`${dashboard.uid}: shares of the classes ${covered.join()} cannot add up to 1; show 2, 3, 4, 5 once each`]),
    ...shares
      .filter(({ rest }) => rest !== shares[0]?.rest)
      .map(({ where }) => `${where}: is another query than the other shares, so that they cannot add up to 1`),
  ]
}

/** 5. */
const saysWhatItAsks: Check = (dashboard) => {
  const queries = analysed(dashboard).filter(({ source }) => source === 'panel')
  return [
    ...panelsOf(dashboard).flatMap((panel) =>
      disagreements(
        panel,
        queries.filter((query) => query.panel === panel),
      ),
    ),
    ...classShares(dashboard, queries),
  ]
}

// What Prometheus adds to each series of a target.
const TARGET_LABELS = ['job', 'instance']

const isLiteral = ({ operator, value }: Matcher): boolean =>
  operator === '=' || operator === '!=' || /^[\w/-]+(\|[\w/-]+)*$/.test(value)

function unknownToPrometheus({ where, analysis, label }: AnalysedQuery, surroundings: Surroundings): string[] {
  const found: string[] = []
  const known = new Set([...TARGET_LABELS, ...analysis.madeLabels])
  let isAnythingPossible = false
  for (const { metric, matchers } of analysis.selectors) {
    const definition = metricOf(metric, surroundings)
    if (!definition?.labels) {
      isAnythingPossible = true
      if (!definition && !surroundings.isForeign(metric)) found.push(`${where}: no metric ${metric} is known`)
      continue
    }
    for (const name of definition.labels.keys()) known.add(name)
    for (const matcher of matchers) {
      const values = definition.labels.get(matcher.label)
      if (!values && !TARGET_LABELS.includes(matcher.label))
        found.push(`${where}: ${metric} has no label ${matcher.label}`)
      // Bounds of buckets are the one set of values that is complete without traffic.
      if (matcher.label === 'le' && values && isLiteral(matcher) && !values.has(matcher.value))
        found.push(`${where}: ${metric} has no bucket le="${matcher.value}"; there are ${[...values].join(' ')}`)
    }
  }
  if (!isAnythingPossible)
    for (const name of [...analysis.labels, ...(label === undefined ? [] : [label])])
      if (!known.has(name)) found.push(`${where}: no series in it has a label ${name}`)
  return found
}

function unknownToLoki({ where, analysis, label }: AnalysedQuery, { logLabels }: Surroundings): string[] {
  const isKnown = (name: string): boolean =>
    logLabels.has(name) || analysis.madeLabels.includes(name) || name === '__error__'
  const matchers = analysis.selectors.flatMap((selector) => selector.matchers)
  return [
    ...matchers
      .filter((matcher) => !isKnown(matcher.label))
      .map((matcher) => `${where}: log lines have no label ${matcher.label}`),
    ...matchers.flatMap((matcher) => {
      const values = logLabels.get(matcher.label)
      if (!values || !isLiteral(matcher)) return []
      return matcher.value
        .split('|')
        .filter((value) => !values.includes(value))
        .map((value) => `${where}: ${matcher.label} is never "${value}"; it is one of ${values.join(', ')}`)
    }),
    ...[...analysis.labels, ...(label === undefined ? [] : [label])]
      .filter((name) => !isKnown(name))
      .map((name) => `${where}: log lines have no label ${name}`),
  ]
}

/** 6, as far as it is known without a running stack. */
const asksForWhatExists: Check = (dashboard, surroundings) =>
  analysed(dashboard).flatMap((query) =>
    query.type === 'loki' ? unknownToLoki(query, surroundings) : unknownToPrometheus(query, surroundings),
  )

/** 7. */
const datasourcesAreVariables: Check = (dashboard, { datasources }) => {
  const variables = dashboard.templating.list
  const used = [
    ...panelsOf(dashboard).flatMap((panel) => [
      ...((panel.targets ?? []).length > 0 || panel.datasource
        ? [{ where: nameOf(panel), datasource: panel.datasource }]
        : []),
      ...(panel.targets ?? [])
        .filter((target) => target.datasource)
        .map((target) => ({ where: `${nameOf(panel)}, query ${target.refId}`, datasource: target.datasource })),
    ]),
    ...dashboard.annotations.list
      .filter(({ builtIn }) => builtIn !== 1)
      .map(({ name, datasource }) => ({ where: `annotation "${name}"`, datasource })),
    ...variables
      .filter(({ type }) => type === 'query')
      .map(({ name, datasource }) => ({ where: `variable "${name}"`, datasource })),
  ]
  return [
    ...used.flatMap(({ where, datasource }) => {
      const { type = '', uid = '' } = datasource ?? {}
      const [name] = variablesIn(uid)
      if (name === undefined) return [`${where}: datasource "${uid}" is not a variable`]
      const variable = variables.find((candidate) => candidate.name === name)
      if (variable?.type !== 'datasource') return [`${where}: no datasource variable ${name} is defined`]
      return variable.query === type
        ? []
        : [`${where}: is of type ${type}, its variable ${name} of ${String(variable.query)}`]
    }),
    ...variables
      .filter(({ type }) => type === 'datasource')
      .flatMap((variable) => {
        const uid = initialValues(dashboard)[variable.name]
        return datasources.some((candidate) => candidate.uid === uid && candidate.type === variable.query)
          ? []
          : [`variable "${variable.name}": there is no datasource of type ${String(variable.query)} with uid ${uid}`]
      }),
  ]
}

const repeated = <T>(items: readonly T[]): T[] => [...new Set(items.filter((item, i) => items.indexOf(item) !== i))]

/** 8. */
const fitsTheScreen: Check = (dashboard, { dashboards }) => {
  const all = dashboard.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])])
  const shown = dashboard.panels
  return [
    ...repeated(all.map(({ id }) => id)).map((id) => `the panel id ${id} is there twice`),
    ...(dashboards.filter(({ uid }) => uid === dashboard.uid).length > 1
      ? [`another dashboard has the uid ${dashboard.uid}, too`]
      : []),
    ...shown.flatMap((panel, i) => {
      const { x, y, w, h } = panel.gridPos
      const overlapped = shown
        .slice(i + 1)
        .filter(
          ({ gridPos: other }) => x < other.x + other.w && other.x < x + w && y < other.y + other.h && other.y < y + h,
        )
      return [
        ...(x < 0 || y < 0 || w < 1 || h < 1 || x + w > 24 ? [`${nameOf(panel)}: lies outside of the 24 columns`] : []),
        ...overlapped.map((other) => `${nameOf(panel)}: overlaps ${nameOf(other)}`),
        ...(y < FIRST_SCREEN && y + h > FIRST_SCREEN
          ? [`${nameOf(panel)}: is cut by the end of the first screen (${FIRST_SCREEN} units)`]
          : []),
      ]
    }),
  ]
}

const isRatio = (unit: string | undefined): boolean => unit === 'percentunit' || unit === 'percent'

/** 9. */
const saysWhatItShows: Check = (dashboard) =>
  panelsOf(dashboard).flatMap((panel) => {
    const { title, description, type } = panel
    const { unit, min, max, thresholds, custom } = panel.fieldConfig?.defaults ?? {}
    const found: string[] = []
    if (!title) found.push('has no title')
    if (!description) found.push('has no description')
    if (!unit && type !== 'logs' && type !== 'text') found.push('has no unit')
    if (isRatio(unit)) {
      if (min === undefined) found.push('is a ratio without min')
      // A share of errors would be a flat line at the bottom of 0 to 1: there a soft end will do.
      if (max === undefined && custom?.['axisSoftMax'] === undefined) found.push('is a ratio without max')
    }
    const values = (thresholds?.steps ?? []).map(({ value }) => value)
    if (thresholds && (values[0] !== null || values.slice(1).some((value) => value === null)))
      found.push('has thresholds whose first step is not the base')
    const limits = values.filter((value) => value !== null)
    if (limits.some((value, i) => i > 0 && value <= (limits[i - 1] ?? value))) found.push('has thresholds out of order')
    if (unit === 'percentunit' && limits.some((value) => value < (min ?? 0) || value > (max ?? 1)))
      found.push(`has thresholds outside of ${min ?? 0} to ${max ?? 1}`)
    return found.map((what) => `${nameOf(panel)}: ${what}`)
  })

/** Grafana's own, in the names without their leading underscores. */
const isBuiltIn = (name: string): boolean => name.startsWith('__')

/** 10. */
const variablesAreUsedAndDefined: Check = (dashboard) => {
  const { templating, ...rest } = dashboard
  const defined = templating.list.map(({ name }) => name)
  // A variable does not use itself: its own name stands in its definition.
  const used = [
    ...variablesIn(JSON.stringify(rest)),
    ...templating.list.flatMap(({ query, datasource, regex }) =>
      variablesIn(JSON.stringify({ query, datasource, regex })),
    ),
  ].filter((name) => !isBuiltIn(name))
  return [
    ...[...new Set(used)].filter((name) => !defined.includes(name)).map((name) => `$${name} is used and not defined`),
    ...defined.filter((name) => !used.includes(name)).map((name) => `the variable ${name} is defined and not used`),
    ...repeated(defined).map((name) => `the variable ${name} is defined twice`),
  ]
}

const DRAWS_SERIES = new Set(['timeseries', 'bargauge', 'heatmap'])

/** 11, but for the number of series. */
const legendsAreWords: Check = (dashboard) => [
  ...analysed(dashboard)
    .filter(({ type, isInstant, legend }) => type === 'loki' && isInstant && legend !== undefined)
    .map(
      ({ where }) => `${where}: the legend of an instant Loki query is not shown; rename the field by a transformation`,
    ),
  ...analysed(dashboard)
    .filter(({ panel }) => panel && DRAWS_SERIES.has(panel.type))
    .flatMap(({ where, legend, analysis }) => {
      if (!legend || legend === '__auto') return [`${where}: has no legend, so raw labels would be shown`]
      const { result } = analysis
      if (!result) return []
      const placeholders = [...legend.matchAll(/\{\{\s*(\w+)\s*\}\}/g)].map(([, name = '']) => name)
      const missing = placeholders.filter((name) => !result.includes(name))
      if (missing.length > 0) return [`${where}: the legend shows ${list(missing)}, the result has ${list(result)}`]
      return result.length > 0 && placeholders.length === 0
        ? [`${where}: several series by ${list(result)} have one and the same legend`]
        : []
    }),
]

const seconds = (duration: string): number => {
  const [, count = '', unit = ''] = /^(\d+)(ms|s|m|h|d)$/.exec(duration) ?? []
  return Number(count) * ({ ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 }[unit] ?? Number.NaN)
}

/** What is wrong with a link into Grafana itself; links elsewhere are not followed. */
export function linkProblems(url: string, dashboards: readonly Dashboard[]): string[] {
  const [, uid, slug] = /^\/d\/([^/?]+)(?:\/([^?]*))?/.exec(url) ?? []
  if (uid === undefined) return url.startsWith('https://') ? [] : [`${url} leads neither to a dashboard nor to https`]
  const target = dashboards.find((dashboard) => dashboard.uid === uid)
  if (!target) return [`${url} leads to no dashboard`]
  const known = new Set(target.templating.list.map(({ name }) => name))
  const asked = [...url.matchAll(/[?&]var-(\w+)=|\$\{(\w+):queryparam\}/g)].map(([, set, kept]) => set ?? kept ?? '')
  return [
    ...(slug === undefined ? [`${url} lacks the name after the uid, without which Grafana loads the page twice`] : []),
    ...asked.filter((name) => !known.has(name)).map((name) => `${url} sets ${name}, which ${uid} does not have`),
  ]
}

/** 12. */
const linksResolve: Check = (dashboard, { dashboards, scrapeInterval }) => [
  ...(dashboard.refresh === undefined || !(seconds(dashboard.refresh) >= scrapeInterval)
    ? [`refresh is ${dashboard.refresh ?? 'off'}; new data comes every ${scrapeInterval}s`]
    : []),
  ...linksOf(dashboard).flatMap(({ where, link }) => {
    if (link.type !== 'dashboards') return linkProblems(link.url ?? '', dashboards).map((what) => `${where}: ${what}`)
    const tags = link.tags ?? []
    return dashboards.some((other) => tags.every((tag) => other.tags?.includes(tag)))
      ? []
      : [`${where}: no dashboard has the tags ${list(tags)}`]
  }),
]

export const CHECKS: Readonly<Record<string, Check>> = {
  'every query can be parsed': parses,
  'nothing is NaN at idle, and silence is explained': quietAtIdle,
  'windows follow the screen': windowsFollowTheScreen,
  'counters stand in rate or increase only': countersOnlyInRates,
  'titles and legends say what is asked': saysWhatItAsks,
  'every metric, label and value exists': asksForWhatExists,
  'every datasource is a variable that resolves': datasourcesAreVariables,
  'panels have ids of their own and fit the screen': fitsTheScreen,
  'panels have unit, title, description and sane limits': saysWhatItShows,
  'variables are used and defined': variablesAreUsedAndDefined,
  'legends are words': legendsAreWords,
  'refresh is no faster than the data, and links resolve': linksResolve,
}

/** The metrics in a page of the Prometheus text format. */
export function readExposition(page: string): Map<string, Metric> {
  const metrics = new Map<string, Metric>()
  for (const [, name = '', type = ''] of page.matchAll(/^# TYPE (\S+) (\S+)$/gm))
    metrics.set(name, { type, labels: new Map() })
  for (const [, name = '', labels = ''] of page.matchAll(/^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+/gm)) {
    const suffix = SUFFIXES.find((ending) => name.endsWith(ending) && metrics.has(name.slice(0, -ending.length)))
    const metric = metrics.get(suffix === undefined ? name : name.slice(0, -suffix.length))
    for (const [, label = '', value = ''] of labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      const values = metric?.labels?.get(label) ?? new Set()
      metric?.labels?.set(label, values.add(value))
    }
  }
  return metrics
}
