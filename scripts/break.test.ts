/** What scripts/break says must be there: panels by their titles, alerts by their names, a target for each fault. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const text = (path: string) => readFile(join(root, path), 'utf8')

interface Panel {
  title?: string
  panels?: Panel[]
}
const titlesOf = (panels: Panel[]): string[] =>
  panels.flatMap(({ title = '', panels: inner = [] }) => [title, ...titlesOf(inner)])

const script = await text('scripts/break')
const told = [...script.matchAll(/cat <<TEXT\n([^]*?)\nTEXT/g)].map(([, part = '']) => part).join('\n')
const faults = [...script.matchAll(/^ {2}(\w+)\)$/gm)].map(([, name = '']) => name)

describe('scripts/break', () => {
  it('names panels that are on a dashboard', async () => {
    const names = (await readdir(join(root, 'grafana/dashboards'))).filter((name) => name.endsWith('.json'))
    const dashboards = await Promise.all(names.map((name) => text(`grafana/dashboards/${name}`)))
    const titles = new Set(dashboards.flatMap((json) => titlesOf((JSON.parse(json) as { panels: Panel[] }).panels)))
    const quoted = [...told.matchAll(/"([^"]+\?)"/g)].map(([, title = '']) => title)
    expect(quoted.length).toBeGreaterThan(8)
    expect(quoted.filter((title) => !titles.has(title))).toEqual([])
  })

  it('names alerts that are in the rules', async () => {
    const folder = join(root, 'prometheus/rules')
    const rules = (await readdir(folder)).filter((name) => name.endsWith('.rules.yml'))
    const known = (await Promise.all(rules.map((name) => text(`prometheus/rules/${name}`)))).join('\n')
    const named = [...told.matchAll(/\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b/g)].map(([name]) => name)
    expect(new Set(named)).toEqual(
      new Set(['HttpErrorBudgetBurn', 'HttpLatencyHigh', 'NodejsEventLoopLag', 'TargetDown', 'LogPipelineStalled']),
    )
    expect(named.filter((name) => !known.includes(`- alert: ${name}\n`))).toEqual([])
  })

  it('is called by a target of the Makefile for each fault and for the repair', async () => {
    const makefile = await text('Makefile')
    const called = [...makefile.matchAll(/^\t@scripts\/break (\w+)$/gm)].map(([, name = '']) => name)
    expect(called.toSorted()).toEqual([...faults].toSorted())
    expect(faults).toHaveLength(7)
    for (const name of called) expect(makefile).toMatch(new RegExp(`^(break-)?${name}: ## `, 'm'))
  })
})
