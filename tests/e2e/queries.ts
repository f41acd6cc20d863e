/** Runs a dashboard's queries as Grafana would, against the booted stack. */
import type { Query } from '../dashboards.ts'
import { lokiLabelValues, lokiLines, lokiQuery, promQuery, promSeries } from './stack.ts'

// A log panel's query has no aggregation around its selector.
const isLogQuery = ({ type, expr }: Query): boolean => type === 'loki' && expr.trimStart().startsWith('{')

/** How many rows, series or values a query has at its newest moment; `range` in seconds. Throws what the store says. */
export async function rowsOf(query: Query, range = 1800): Promise<number> {
  const now = Date.now()
  if (query.source === 'variable') {
    if (query.type === 'loki')
      return (await lokiLabelValues(query.label ?? '', query.expr, now - range * 1000, now)).length
    return (await promSeries(query.expr)).filter((labels) => labels[query.label ?? '']).length
  }
  if (isLogQuery(query)) return (await lokiLines(query.expr, now - range * 1000, now)).length
  return query.type === 'loki' ? (await lokiQuery(query.expr)).length : (await promQuery(query.expr)).length
}

/** The queries that have no rows, each with its place and text. */
export async function emptyOf(queries: Query[], range?: number): Promise<string[]> {
  const empty: string[] = []
  for (const query of queries) {
    try {
      if ((await rowsOf(query, range)) === 0) empty.push(`${query.where}: no rows: ${query.expr}`)
    } catch (error) {
      empty.push(`${query.where}: ${String(error)}`)
    }
  }
  return empty
}
