/**
 * Rules, scrapes and notifications at another speed: what takes hours takes minutes, from the same files.
 *
 *     node scripts/fast-rules.ts OUT [FACTOR] [SCRAPE_SECONDS]
 *
 * writes prometheus/prometheus.yml, its rules and targets, and alertmanager/alertmanager.yml into OUT with every duration
 * divided by FACTOR (20). Names stay, so that dashboards work: rate5m then stands for 15 seconds. Numbers of events
 * stay as well: they have to happen in the shorter time.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface Speed {
  factor: number
  /** Seconds between two scrapes, and between two evaluations of the rules. */
  scrapeSeconds: number
}

// rate() over fewer scrapes is empty as soon as one of them is late.
const SCRAPES_PER_WINDOW = 4

const UNITS: Record<string, number> = { w: 604_800, d: 86_400, h: 3600, m: 60, s: 1, ms: 0.001 }

/** Seconds of a Prometheus duration such as `1h30m`. */
export function seconds(duration: string): number {
  const parts = [...duration.matchAll(/(\d+)(ms|[wdhms])/g)]
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== duration) {
    throw new Error(`not a duration: ${JSON.stringify(duration)}`)
  }
  return parts.reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (UNITS[unit] ?? 0), 0)
}

const DURATION = String.raw`(?:\d+(?:ms|[wdhms]))+`
const WINDOW = new RegExp(String.raw`(\[|\boffset )(${DURATION})(?=\]|\s|\)|$)`, 'gm')
const WAIT = new RegExp(`^( *(?:for|group_wait|group_interval|repeat_interval): )(${DURATION})$`, 'gm')
const PACE = new RegExp(`^( *(?:scrape_interval|evaluation_interval|scrape_timeout|interval): )(${DURATION})$`, 'gm')

/** Divides the durations in the text of a rule file, prometheus.yml or alertmanager.yml. Comments are left alone. */
export function accelerate(text: string, { factor, scrapeSeconds }: Speed): string {
  const shorter = (duration: string, least: number) => `${Math.max(least, Math.round(seconds(duration) / factor))}s`
  const line = (code: string) =>
    code
      .replaceAll(WINDOW, (_, before: string, value: string) => {
        return before + shorter(value, SCRAPES_PER_WINDOW * scrapeSeconds)
      })
      .replaceAll(WAIT, (_, before: string, value: string) => before + shorter(value, seconds(value) > 0 ? 1 : 0))
      .replaceAll(PACE, (_, before: string) => `${before}${scrapeSeconds}s`)
  return text
    .split('\n')
    .map((code) => (/^\s*#/.test(code) ? code : line(code)))
    .join('\n')
}

/** Writes the accelerated files of the repository at `root` below `out`. */
export async function writeFast(root: string, out: string, speed: Speed): Promise<string[]> {
  const rules = (await readdir(join(root, 'prometheus/rules'))).filter((name) => name.endsWith('.rules.yml'))
  const targets = await readdir(join(root, 'prometheus/targets'))
  const files = [
    'prometheus/prometheus.yml',
    'alertmanager/alertmanager.yml',
    ...rules.map((name) => join('prometheus/rules', name)),
    ...targets.map((name) => join('prometheus/targets', name)),
  ]
  await mkdir(join(out, 'prometheus/rules'), { recursive: true })
  await mkdir(join(out, 'prometheus/targets'), { recursive: true })
  await mkdir(join(out, 'alertmanager'), { recursive: true })
  for (const file of files) {
    await writeFile(join(out, file), accelerate(await readFile(join(root, file), 'utf8'), speed))
  }
  return files
}

if (import.meta.main) {
  const [out, factor = '20', scrapeSeconds = '2'] = process.argv.slice(2)
  const speed = { factor: Number(factor), scrapeSeconds: Number(scrapeSeconds) }
  if (
    out === undefined ||
    !(speed.factor >= 1) ||
    !(Number.isInteger(speed.scrapeSeconds) && speed.scrapeSeconds > 0)
  ) {
    process.stderr.write('usage: fast-rules.ts OUT [FACTOR of 1 or more] [SCRAPE_SECONDS, a whole number]\n')
    process.exit(1)
  }
  await writeFast(join(import.meta.dirname, '..'), out, speed)
}
