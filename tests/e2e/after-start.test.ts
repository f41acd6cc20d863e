import { describe, expect, test } from 'vitest'
import { queriesOf, readDashboards } from '../dashboards.ts'
import { run } from '../docker.ts'
import { emptyOf } from './queries.ts'
import { compose, eventually, failForAWhile, promQuery, stack } from './stack.ts'

describe('after `docker compose up --wait`', () => {
  test('every service is healthy within 90 s', async () => {
    const { stdout } = await compose('ps', '--all', '--format', '{{.Service}} {{.State}} {{.Health}}')
    const services = stdout.trim().split('\n')
    expect(services.filter((line) => !line.endsWith(' running healthy'))).toEqual([])
    expect(stack.healthyAfterMs).toBeLessThanOrEqual(90_000)
  })

  test('every query of the overview has rows 90 s later', async () => {
    await failForAWhile()
    const overview = readDashboards().find(({ dashboard }) => dashboard.uid === 'service-overview')
    expect(overview).toBeDefined()
    const queries = overview
      ? // Annotations mark what is rare, and nothing fires yet: the table of alerts then says so.
        queriesOf(overview.dashboard).filter(
          ({ source, template }) =>
            source !== 'annotation' && !template.startsWith('max by (alertname, severity, job) (ALERTS'),
        )
      : []
    expect(queries.length).toBeGreaterThan(20)
    const secondsLeft = 90 - (Date.now() - stack.healthyAt) / 1000
    await eventually(secondsLeft, async () => {
      expect(await emptyOf(queries)).toEqual([])
    })
    console.log(
      `healthy after ${Math.round(stack.healthyAfterMs / 1000)} s, overview complete ${Math.round((Date.now() - stack.healthyAt) / 1000)} s later`,
    )
  })

  test('every target that runs here is up', async () => {
    const running = (await compose('ps', '--services')).stdout.trim().split('\n')
    await eventually(60, async () => {
      const up = new Map((await promQuery('up')).map(({ metric, value }) => [metric['job'] ?? '', value[1]]))
      if (stack.grafanaSkipped !== undefined) up.delete('grafana')
      expect(running).toEqual(expect.arrayContaining(['app', 'prometheus', 'promtail', 'loki']))
      expect([...up.keys()]).toEqual(expect.arrayContaining(['app', 'prometheus', 'promtail', 'loki']))
      expect([...up].filter(([, value]) => value !== '1')).toEqual([])
    })
  })

  test('all containers together take at most 1 GiB', async () => {
    const ids = (await compose('ps', '--quiet')).stdout.trim().split('\n')
    const { stdout } = await run('docker', ['stats', '--no-stream', '--format', '{{.Name}} {{.MemUsage}}', ...ids])
    const units: Record<string, number> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }
    const used = [...stdout.matchAll(/ ([\d.]+)([KMG]?i?B) \//g)].map(
      ([, size, unit]) => Number(size) * (units[unit ?? ''] ?? NaN),
    )
    expect(used).toHaveLength(ids.length)
    const total = used.reduce((sum, bytes) => sum + bytes, 0)
    console.log(`memory of ${ids.length} containers: ${Math.round(total / 1024 ** 2)} MiB\n${stdout}`)
    expect(total).toBeLessThanOrEqual(1024 ** 3)
  })
})
