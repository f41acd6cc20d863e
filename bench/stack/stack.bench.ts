/**
 * How long from `up` until the overview has no empty panel, and what memory the containers settle at.
 *
 *     make bench-stack
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { queriesOf, readDashboards } from '../../tests/dashboards.ts'
import { run } from '../../tests/docker.ts'
import { emptyOf } from '../../tests/e2e/queries.ts'
import { compose, eventually, failForAWhile, stack } from '../../tests/e2e/stack.ts'
import { circumstances, publish, table } from '../report.ts'

// Seconds after the panels are full: the first blocks, caches and connections are there.
const SETTLE = Number(process.env['BENCH_SETTLE'] ?? 300)
const OVERVIEW = 'service-overview'
const MIB = 1024 ** 2

const mib = (bytes: number): string => (bytes / MIB).toFixed(0)

const UNITS: Record<string, number> = { B: 1, KiB: 1024, MiB: MIB, GiB: 1024 ** 3 }

/** `12.5MiB` in bytes. */
function bytesOf(text: string): number {
  const [, number, unit = ''] = /^([\d.]+)(\w+)$/.exec(text) ?? []
  return Number(number) * (UNITS[unit] ?? NaN)
}

/** Bytes of each container as Docker counts them, and their limits. */
async function memory(): Promise<{ service: string; used: number; limit: number }[]> {
  const { stdout } = await compose('ps', '--format', '{{.Service}} {{.Name}}')
  const services = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
  const names = services.map(([, name = '']) => name)
  const stats = await run('docker', ['stats', '--no-stream', '--format', '{{.Name}} {{.MemUsage}}', ...names])
  const used = new Map(
    stats.stdout
      .trim()
      .split('\n')
      .map((line) => [line.split(' ')[0], line.split(' ').slice(1)]),
  )
  return services.map(([service = '', name]) => {
    const [usage = '', , limit = ''] = used.get(name) ?? []
    return { service, used: bytesOf(usage), limit: bytesOf(limit) }
  })
}

test('the overview fills, and memory settles', async () => {
  const started = stack.healthyAt - stack.healthyAfterMs
  await failForAWhile()
  const overview = readDashboards().find(({ dashboard }) => dashboard.uid === OVERVIEW)
  const queries = overview ? queriesOf(overview.dashboard).filter(({ source }) => source === 'panel') : []
  expect(queries.length).toBeGreaterThan(0)
  await eventually(300, async () => expect(await emptyOf(queries)).toEqual([]))
  const full = (Date.now() - started) / 1000

  await sleep(SETTLE * 1000)
  const containers = await memory()
  const total = containers.reduce((sum, { used }) => sum + used, 0)
  const limits = containers.reduce((sum, { limit }) => sum + limit, 0)
  const result = [
    `All services were healthy ${(stack.healthyAfterMs / 1000).toFixed(0)} s after \`up\`, and every one of the ` +
      `${queries.length} queries of the overview had data after ${full.toFixed(0)} s, ` +
      `with faults on for 5 s so that there are failures to show. ` +
      `Memory ${SETTLE} s later:`,
    table([
      ['', 'MiB', 'limit, MiB'],
      ...containers.map(({ service, used, limit }) => [service, mib(used), mib(limit)]),
      ['together', mib(total), mib(limits)],
    ]),
    `${circumstances('make bench-stack')} Images and volumes: built and fresh. Memory is what \`docker stats\` says: ` +
      'without the page cache.' +
      (stack.grafanaSkipped ? ` Without Grafana: ${stack.grafanaSkipped}.` : ''),
  ].join('\n\n')
  process.stdout.write(`${result}\n`)
  publish('stack', result)
})
