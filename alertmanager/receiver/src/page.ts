/** The page that shows what came last. Every text is escaped, and the policy allows nothing but this one style. */
import { createHash } from 'node:crypto'
import { lastedSeconds, type Alert } from './notification.ts'
import type { Watchdog } from './watchdog.ts'

const STYLE = `:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.4rem .8rem .4rem 0;border-bottom:1px solid #8884}`

export const POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escape = (text: string): string => text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '')

const row = (alert: Alert): string => {
  const status = alert.status === 'firing' ? 'firing' : `resolved after ${lastedSeconds(alert)} s`
  const { alertname = '-', severity = '-', job = '-' } = alert.labels
  const { summary = '', description = '', runbook_url: runbook = '' } = alert.annotations
  const cells = [status, severity, alertname, job, alert.startsAt, `${summary}. ${description}`, runbook]
  return `<tr>${cells.map((cell) => `<td>${escape(cell)}</td>`).join('')}</tr>`
}

function watchdogText({ missing, heard, silentSeconds }: ReturnType<Watchdog['state']>): string {
  if (missing) return `Missing for ${silentSeconds} s: alerts may not arrive. See docs/runbook.md#watchdog.`
  return heard ? `Alive: heard ${silentSeconds} s ago.` : `Not heard yet, ${silentSeconds} s after the start.`
}

/** `alerts`: the latest first. */
export function renderPage(alerts: Alert[], watchdog: ReturnType<Watchdog['state']>): string {
  const heads = ['Status', 'Severity', 'Alert', 'Job', 'Since', 'What', 'Runbook']
  const table = `<table><thead><tr>${heads.map((head) => `<th>${head}</th>`).join('')}</tr></thead><tbody>${alerts.map(row).join('\n')}</tbody></table>`
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="15"><title>Alerts received</title><style>${STYLE}</style></head>
<body><h1>Alerts received</h1><p>Watchdog: ${escape(watchdogText(watchdog))}</p>
${alerts.length === 0 ? '<p>No notification since the start.</p>' : table}</body></html>`
}
