import { expect, test } from 'vitest'
import { createLog } from '../../app/src/logger.ts'
import { createMetrics } from '../../app/src/metrics.ts'
import { createServer } from '../../app/src/server.ts'
import { run } from '../docker.ts'

test('the service’s metrics pass promtool check metrics', async () => {
  const log = createLog({ writer: { write() {} } })
  const metrics = createMetrics({ version: '1.0.0', lineCounts: log.counts })
  createServer({
    config: { FAULTS_ENABLED: false, ITEMS_MAX: 1, TRUST_PROXY: false },
    log,
    metrics,
    isReady: () => true,
  })
  const input = await metrics.registry.metrics()
  expect(input).toMatch(/^http_request_duration_seconds_bucket\{/m)
  const { stdout, stderr } = await run(
    'docker',
    [
      'run',
      '--rm',
      '--interactive',
      '--network=none',
      '--entrypoint=promtool',
      'prom/prometheus:v3.15.0',
      'check',
      'metrics',
    ],
    { input },
  )
  expect(stdout + stderr).toBe('')
})
