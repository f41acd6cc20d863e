import { describe, expect, test } from 'vitest'
import { queriesOf, readDashboards } from '../dashboards.ts'
import { stack } from './stack.ts'

const { grafana } = stack.urls
if (stack.grafanaSkipped !== undefined) console.log(`skipped: the tests of Grafana itself: ${stack.grafanaSkipped}`)

describe.skipIf(stack.grafanaSkipped !== undefined)('Grafana', () => {
  test('shows the Service overview as its home page to an anonymous viewer', async () => {
    const home = (await (await fetch(`${grafana}/api/dashboards/home`)).json()) as { dashboard?: { uid?: string } }
    expect(home.dashboard?.uid).toBe('service-overview')
  })

  test('reaches both datasources', async () => {
    for (const uid of ['prometheus', 'loki']) {
      const response = await fetch(`${grafana}/api/datasources/uid/${uid}/health`)
      expect([uid, response.status, await response.text()]).toEqual([uid, 200, expect.stringContaining('OK')])
    }
  })

  test('answers every query of every dashboard', async () => {
    const failures: string[] = []
    for (const { dashboard } of readDashboards()) {
      for (const query of queriesOf(dashboard).filter(({ source }) => source === 'panel')) {
        const response = await fetch(`${grafana}/api/ds/query`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({
            from: 'now-30m',
            to: 'now',
            queries: [
              {
                refId: 'A',
                datasource: { uid: query.type, type: query.type },
                expr: query.expr,
                instant: query.isInstant,
                range: !query.isInstant,
                queryType: query.isInstant ? 'instant' : 'range',
                intervalMs: 15_000,
                maxDataPoints: 500,
              },
            ],
          }),
        })
        if (!response.ok) failures.push(`${query.where}: ${response.status} ${await response.text()}`)
      }
    }
    expect(failures).toEqual([])
  })
})
