/** Grafana dashboards as files, and the queries in them as the datasources will see them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export type DatasourceType = 'prometheus' | 'loki'

export interface DatasourceRef {
  type?: string
  uid?: string
}

export interface Target {
  refId: string
  expr: string
  datasource?: DatasourceRef
  legendFormat?: string
  /** Prometheus: one value for the end of the time range. */
  instant?: boolean
  /** Loki: `range` or `instant`. */
  queryType?: string
  hide?: boolean
  [key: string]: unknown
}

export interface Link {
  title?: string
  type?: string
  url?: string
  tags?: string[]
  [key: string]: unknown
}

export interface Thresholds {
  mode: string
  steps: { color: string; value: number | null }[]
}

export interface FieldDefaults {
  unit?: string
  noValue?: string
  min?: number
  max?: number
  thresholds?: Thresholds
  links?: Link[]
  custom?: Record<string, unknown>
  [key: string]: unknown
}

export interface Panel {
  id: number
  type: string
  title?: string
  description?: string
  gridPos: { x: number; y: number; w: number; h: number }
  datasource?: DatasourceRef
  targets?: Target[]
  links?: Link[]
  collapsed?: boolean
  /** What a collapsed row hides. */
  panels?: Panel[]
  options?: Record<string, unknown>
  fieldConfig?: {
    defaults: FieldDefaults
    overrides?: { matcher: { id: string; options: unknown }; properties: { id: string; value: unknown }[] }[]
  }
  transformations?: unknown[]
  [key: string]: unknown
}

export interface Variable {
  name: string
  type: string
  query?: unknown
  datasource?: DatasourceRef
  current?: { text?: unknown; value?: unknown }
  multi?: boolean
  includeAll?: boolean
  allValue?: string
  [key: string]: unknown
}

export interface Annotation {
  name: string
  datasource?: DatasourceRef
  builtIn?: number
  target?: { refId?: string; expr?: string; [key: string]: unknown }
  [key: string]: unknown
}

export interface Dashboard {
  uid: string
  title: string
  tags?: string[]
  refresh?: string
  links?: Link[]
  annotations: { list: Annotation[] }
  templating: { list: Variable[] }
  panels: Panel[]
  [key: string]: unknown
}

/** A dashboard and the file it is kept in, relative to the folder of all. */
export interface DashboardFile {
  path: string
  dashboard: Dashboard
}

export const DASHBOARDS_FOLDER = new URL('../grafana/dashboards', import.meta.url).pathname

export function readDashboards(folder = DASHBOARDS_FOLDER): DashboardFile[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.json'))
    .toSorted()
    .map((path) => ({ path, dashboard: JSON.parse(readFileSync(join(folder, path), 'utf8')) as Dashboard }))
}

/** All panels but rows, those in collapsed rows included. */
export function panelsOf(dashboard: Dashboard): Panel[] {
  return dashboard.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]).filter(({ type }) => type !== 'row')
}

export const nameOf = (panel: Panel): string => `panel ${panel.id} "${panel.title ?? ''}"`

const VARIABLE = /\$\{(\w+)(?:\.[^:}]*)?(?::[^}]*)?\}|\$(\w+)|\[\[(\w+)(?::[^\]]*)?\]\]/g

/** The names of all variables in a text, in any of Grafana's notations. `$1` of a regular expression is none. */
export const variablesIn = (text: string): string[] =>
  [...text.matchAll(VARIABLE)]
    .map(([, braced, plain, bracketed]) => braced ?? plain ?? bracketed ?? '')
    .filter((name) => !/^\d/.test(name))

/** Fills in variables; what has no value stays as it is. */
export const fillIn = (text: string, values: Readonly<Record<string, string>>): string =>
  text.replaceAll(
    VARIABLE,
    (whole, braced?: string, plain?: string, bracketed?: string) => values[braced ?? plain ?? bracketed ?? ''] ?? whole,
  )

/** What a variable is before anybody chooses: as a regular expression where it may be several. */
function initialValue({ current, includeAll, allValue, query }: Variable): string {
  const chosen = [current?.value ?? []].flat().map(String)
  if (includeAll && (chosen.length === 0 || chosen.includes('$__all'))) return allValue ?? '.*'
  if (chosen.length > 0) return chosen.join('|')
  return typeof query === 'string' ? query : ''
}

export const initialValues = (dashboard: Dashboard): Record<string, string> =>
  Object.fromEntries(dashboard.templating.list.map((variable) => [variable.name, initialValue(variable)]))

export interface QuerySettings {
  /** Values of the dashboard's variables, as regular expressions; the others keep their initial values. */
  variables?: Readonly<Record<string, string>>
  /** Length of the time range in seconds; half an hour unless told. */
  range?: number
  /** Time between two points in seconds; 15 unless told. */
  step?: number
  /** Of the datasource, in seconds; 15 unless told. */
  scrapeInterval?: number
  /** What Grafana's own variables (`__rate_interval`) become instead of what Grafana would make of them. */
  builtIns?: Readonly<Record<string, string>>
}

export interface Query {
  /** The dashboard's uid. */
  dashboard: string
  source: 'panel' | 'annotation' | 'variable'
  /** For messages: `service-overview, panel 9 "How busy?", query A`. */
  where: string
  panel?: Panel
  refId: string
  type: DatasourceType
  /** As it is in the file. */
  template: string
  /** As the datasource gets it: no variable is left in it. */
  expr: string
  /** One evaluation at the end of the range, and not one at each step. */
  isInstant: boolean
  legend?: string
  /** Of a variable's query: the label whose values it lists; `expr` selects the series and may be empty. */
  label?: string
}

/** What Grafana makes of its own variables. */
function builtIns(settings: QuerySettings, isInstant: boolean): Record<string, string> {
  const { range = 1800, step = 15, scrapeInterval = 15 } = settings
  const to = Date.now()
  return {
    __interval: `${step}s`,
    __interval_ms: String(step * 1000),
    // https://grafana.com/docs/grafana/latest/datasources/prometheus/template-variables/
    __rate_interval: `${Math.max(step + scrapeInterval, 4 * scrapeInterval)}s`,
    __range: `${range}s`,
    __range_s: String(range),
    __range_ms: String(range * 1000),
    __auto: `${isInstant ? range : step}s`,
    __from: String(to - range * 1000),
    __to: String(to),
    ...settings.builtIns,
  }
}

const LABEL_VALUES = /^label_values\((?:(.*),)?\s*(\w+)\s*\)$/s

/** The query of a variable: Prometheus' `label_values(series, label)`, or Loki's object. */
function readVariableQuery(variable: Variable): { template: string; label: string } | undefined {
  const { query } = variable
  const text = typeof query === 'string' ? query : (query as { query?: string } | undefined)?.query
  const [, series = '', label] = LABEL_VALUES.exec(text ?? '') ?? []
  if (label !== undefined) return { template: series.trim(), label }
  const loki = query as { label?: string; stream?: string } | undefined
  return loki?.label === undefined ? undefined : { template: loki.stream ?? '', label: loki.label }
}

const typeOf = (datasource: DatasourceRef | undefined) => (datasource?.type ?? '') as DatasourceType

/** Every query of a dashboard, in the order of the file: panels, annotations, variables. */
export function queriesOf(dashboard: Dashboard, settings: QuerySettings = {}): Query[] {
  const values = { ...initialValues(dashboard), ...settings.variables }
  const resolve = (template: string, isInstant: boolean): string =>
    fillIn(template, { ...values, ...builtIns(settings, isInstant) })
  const common = { dashboard: dashboard.uid }

  const ofPanels = panelsOf(dashboard).flatMap((panel) =>
    (panel.targets ?? []).map((target): Query => {
      const isInstant = target.instant === true || target.queryType === 'instant'
      return {
        ...common,
        source: 'panel',
        where: `${dashboard.uid}, ${nameOf(panel)}, query ${target.refId}`,
        panel,
        refId: target.refId,
        type: typeOf(target.datasource ?? panel.datasource),
        template: target.expr,
        expr: resolve(target.expr, isInstant),
        isInstant,
        ...(target.legendFormat !== undefined && { legend: target.legendFormat }),
      }
    }),
  )
  const ofAnnotations = dashboard.annotations.list
    .filter(({ builtIn }) => builtIn !== 1)
    .map(({ name, datasource, target }): Query => ({
      ...common,
      source: 'annotation',
      where: `${dashboard.uid}, annotation "${name}"`,
      refId: target?.refId ?? '',
      type: typeOf(datasource),
      template: target?.expr ?? '',
      expr: resolve(target?.expr ?? '', false),
      isInstant: false,
    }))
  const ofVariables = dashboard.templating.list
    .filter(({ type }) => type === 'query')
    .map((variable): Query => {
      const { template = '', label } = readVariableQuery(variable) ?? {}
      return {
        ...common,
        source: 'variable',
        where: `${dashboard.uid}, variable "${variable.name}"`,
        refId: variable.name,
        type: typeOf(variable.datasource),
        template,
        expr: resolve(template, true),
        isInstant: true,
        ...(label !== undefined && { label }),
      }
    })
  return [...ofPanels, ...ofAnnotations, ...ofVariables]
}

/** Every link of a dashboard, with the place it stands at. */
export function linksOf(dashboard: Dashboard): { where: string; link: Link }[] {
  const ofPanel = (panel: Panel): Link[] => [
    ...(panel.links ?? []),
    ...(panel.fieldConfig?.defaults.links ?? []),
    ...(panel.fieldConfig?.overrides ?? [])
      .flatMap(({ properties }) => properties)
      .flatMap(({ id, value }) => (id === 'links' ? (value as Link[]) : [])),
  ]
  return [
    ...(dashboard.links ?? []).map((link) => ({ where: 'the dashboard', link })),
    ...panelsOf(dashboard).flatMap((panel) => ofPanel(panel).map((link) => ({ where: nameOf(panel), link }))),
  ]
}
