/**
 * The runbook as the text panel of the Alerts dashboard: each alert folds open. Run this file to write it there after a
 * change of docs/runbook.md: `npx node tests/runbook-panel.ts`, then `npm run fmt`.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import type { Dashboard, Panel } from './dashboards.ts'

const file = (path: string): string => new URL(`../${path}`, import.meta.url).pathname

/** The panel's text; what stands above the runbook's first part is left out, and links within it are names. */
export function runbookText(markdown: string): string {
  const [, ...parts] = markdown.split(/^# (?=.+$)/m).slice(1)
  return parts
    .flatMap((part) => {
      const [heading = '', ...alerts] = part.split(/^## /m)
      return [
        `### ${heading.trim()}`,
        ...alerts.map((alert) => {
          const [name = '', ...body] = alert.split('\n')
          return `<details><summary><b>${name}</b></summary>\n\n${body.join('\n').trim()}\n\n</details>`
        }),
      ]
    })
    .join('\n\n')
    .replaceAll(/\[([^\]]+)\]\(#[^)]*\)/g, '$1')
}

export const readRunbook = (): string => readFileSync(file('docs/runbook.md'), 'utf8')

/** The text panels of a dashboard that hold the runbook. */
export const runbookPanels = ({ panels }: Dashboard): (Panel & { options: { content: string } })[] =>
  panels.filter(({ type, title }) => type === 'text' && title === 'What do I do about it?') as never

if (import.meta.main) {
  const path = file('grafana/dashboards/alerts.json')
  const dashboard = JSON.parse(readFileSync(path, 'utf8')) as Dashboard
  for (const { options } of runbookPanels(dashboard)) options.content = runbookText(readRunbook())
  writeFileSync(path, JSON.stringify(dashboard, null, 2))
}
