/** Writes a measured table into docs/performance.md, between the markers of its bench. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { fileURLToPath } from 'node:url'

const DOCUMENT = fileURLToPath(new URL('../docs/performance.md', import.meta.url))

/** Sorts a copy; the middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const upper = sorted[Math.floor(middle)] ?? NaN
  return Number.isInteger(middle) ? ((sorted[middle - 1] ?? NaN) + upper) / 2 : upper
}

/** The value below which a share of the values lies. */
export const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? NaN

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`

/** A Markdown table; the first row is its head. All columns but the first are numbers. */
export function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows
  return [row(head), row(head.map((_, n) => (n === 0 ? '---' : '--:'))), ...body.map(row)].join('\n')
}

/** Where and when, for whoever compares: `2026-11-21, Linux 6.1 …`. */
export function circumstances(command: string): string {
  const [first] = cpus()
  const memory = Math.round(totalmem() / 1024 ** 3)
  const load = loadavg()[0]?.toFixed(1)
  return (
    `Measured on ${new Date().toISOString().slice(0, 10)} with \`${command}\`: ${first?.model.trim()}, ` +
    `${cpus().length} cores, ${memory} GiB, ${type()} ${release().split('-')[0]}, Node.js ${process.versions.node}; ` +
    `load average at the end ${load}.`
  )
}

/** Puts `text` between `<!-- bench:name -->` and `<!-- /bench:name -->`, and formats the document. */
export function publish(name: string, text: string): void {
  const [from, to] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`]
  const document = readFileSync(DOCUMENT, 'utf8')
  const [start, end] = [document.indexOf(from), document.indexOf(to)]
  if (start === -1 || end < start) throw new Error(`docs/performance.md has no ${from} … ${to}`)
  writeFileSync(DOCUMENT, `${document.slice(0, start + from.length)}\n\n${text}\n\n${document.slice(end)}`)
  execFileSync('prettier', ['--write', '--log-level', 'warn', DOCUMENT], { stdio: 'inherit' })
  process.stdout.write(`docs/performance.md has the new table\n`)
}
