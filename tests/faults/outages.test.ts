import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { compose } from '../e2e/stack.ts'
import { audit, endOf, exactly, freshService, hasWritten, settledAudit, startWriter } from '../pipeline.ts'

const kill = (...services: string[]) => compose('kill', '--signal', 'SIGKILL', ...services)
const start = (service: string) => compose('up', '--detach', '--wait', '--no-deps', service)

type Fault = [what: string, name: string, fault: () => Promise<void>]

const faults: Fault[] = [
  ['nothing is broken', 'nothing', async () => {}],
  [
    'Promtail is killed three times in a row',
    'promtail-killed-thrice',
    async () => {
      for (let n = 0; n < 3; n++) {
        await kill('promtail')
        await start('promtail')
      }
    },
  ],
  [
    'Promtail is stopped and started again',
    'promtail-stopped',
    async () => {
      await compose('stop', 'promtail')
      await start('promtail')
    },
  ],
  [
    'Promtail and Loki are killed together',
    'both-killed',
    async () => {
      await kill('loki', 'promtail')
      await start('loki')
      await start('promtail')
    },
  ],
  [
    'Promtail and Loki are removed and made anew',
    'down-up',
    async () => {
      await compose('rm', '--stop', '--force', 'promtail', 'loki')
      await start('loki')
      await start('promtail')
    },
  ],
  [
    'Loki stands still for 30 s while files change several times a second',
    'back-pressure',
    async () => {
      await compose('pause', 'loki')
      await sleep(30_000)
      await compose('unpause', 'loki')
    },
  ],
]

describe('of 30,000 lines each is in Loki once', () => {
  test.each(faults)('when %s', async (_what, name, fault) => {
    const service = freshService(name)
    const environment = { LOG_LINES_PER_SECOND: '2000', LOG_MAX_LINES: '30000', LOG_SEGMENT_BYTES: '262144' }
    const writer = await startWriter({ service, environment })
    await hasWritten(writer, 1_000_000)
    await fault()
    await endOf(writer)
    const result = await settledAudit(name, { service, written: 30_000 })
    expect(result.examples).toEqual({ missing: [], doubled: [], forged: [] })
    expect(result).toMatchObject(exactly(30_000))
  })
})

test('when the whole stack goes down under load and comes up again, every line of it is in Loki once', async () => {
  const services = (await compose('ps', '--services')).stdout.trim().split('\n')
  const before = await audit({ service: 'log-generator', settleSeconds: 0 })
  await compose('down')
  await compose('up', '--detach', '--wait', ...services)
  await sleep(10_000)
  await compose('stop', 'log-generator', 'load-generator', 'app')
  for (const service of ['log-generator', 'app']) {
    const after = await settledAudit(`down-up-${service}`, { service })
    expect(after.written).toBeGreaterThan(service === 'app' ? 0 : before.written)
    expect(after).toMatchObject(exactly(after.written))
  }
  await compose('up', '--detach', '--wait', ...services)
})

test('an outage that outlasts the budget costs the oldest lines, and the audit says how many', async () => {
  const service = freshService('budget')
  const environment = {
    LOG_LINES_PER_SECOND: '5000',
    LOG_MAX_LINES: '40000',
    LOG_SEGMENT_BYTES: '262144',
    LOG_BUDGET_BYTES: '1048576',
  }
  const writer = await startWriter({ service, environment: { ...environment, LOG_MAX_LINES: '1000' } })
  await endOf(writer)
  await settledAudit('before the outage', { service, written: 1000 })
  await kill('loki')
  await endOf(await startWriter({ service, environment }))
  await start('loki')
  const after = await settledAudit('budget', { service })
  expect(after).toMatchObject(exactly(after.written, { unwritten: after.unwritten }))
  expect(after.written).toBeLessThan(10_000)
  // The first process ended before the outage, and the numbers of the second tell what was lost after its first lines.
  expect(after.written + after.deleted + after.unwritten).toBe(41_000)
})

// By default Promtail gives up a batch after eight and a half minutes.
const OUTAGE_MS = 12 * 60_000

test('an outage of Loki of 12 minutes loses none of 72,000 lines', { timeout: OUTAGE_MS + 300_000 }, async () => {
  const service = freshService('outage')
  const environment = { LOG_LINES_PER_SECOND: '100', LOG_MAX_LINES: '72000' }
  await kill('loki')
  const writer = await startWriter({ service, environment })
  await sleep(OUTAGE_MS)
  await start('loki')
  await endOf(writer)
  expect(await settledAudit('outage', { service, written: 72_000 })).toMatchObject(exactly(72_000))
})
