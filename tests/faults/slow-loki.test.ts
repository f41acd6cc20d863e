import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compose, stack } from '../e2e/stack.ts'
import { run } from '../docker.ts'
import { endOf, exactly, freshService, settledAudit, startPromtail, startWriter } from '../pipeline.ts'

const project = stack.compose[2] ?? ''
// Of its own: what earlier tests have written would be sent again first, and every fifth batch of it would be late, too.
const volume = `${project}-slow-loki`
const mount = ['--volume', `${volume}:/var/log/services`]

describe('a Loki that answers after Promtail has given up waiting', { timeout: 300_000 }, () => {
  let proxy: string
  let promtail: string

  beforeAll(async () => {
    const loki = (await compose('ps', '--quiet', 'loki')).stdout.trim()
    const format = `{{(index .NetworkSettings.Networks "${project}_logs").IPAddress}}`
    const addressOf = async (container: string) =>
      (await run('docker', ['inspect', '--format', format, container])).stdout.trim()
    proxy = await startWriter({
      service: 'none',
      command: ['tests/faults/drivers/slow-loki.ts'],
      environment: { LOKI_HOST: await addressOf(loki) },
      network: `${project}_logs`,
      // Mounted first by an image in which the folder belongs to the writers' user.
      docker: mount,
    })
    // For this Promtail the name `loki` leads to the proxy.
    promtail = await startPromtail(volume, '--add-host', `loki:${await addressOf(proxy)}`)
  })

  afterAll(async () => {
    await run('docker', ['rm', '--force', proxy, promtail])
    await run('docker', ['volume', 'rm', volume])
  })

  test('has each of 10,000 lines once, though every fifth batch came twice', async () => {
    const service = freshService('slow-loki')
    const environment = { LOG_LINES_PER_SECOND: '1000', LOG_MAX_LINES: '10000' }
    await endOf(await startWriter({ service, environment, docker: mount }))
    const audit = await settledAudit('slow-loki', { service, written: 10_000, seconds: 150, docker: mount })
    expect(audit).toMatchObject(exactly(10_000))
    const { stdout } = await run('docker', ['logs', proxy])
    expect(stdout.match(/held back \d+: 204/g)?.length).toBeGreaterThan(1)
  })
})
