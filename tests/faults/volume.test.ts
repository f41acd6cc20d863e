import { expect, test } from 'vitest'
import { endOf, exactly, freshService, settledAudit, startWriter } from '../pipeline.ts'

test('a stream of 5 MB a second arrives as a whole', async () => {
  const service = freshService('heavy')
  const writer = await startWriter({
    service,
    command: ['tests/faults/drivers/heavy.ts'],
    environment: { BYTES_PER_SECOND: '5242880', SECONDS: '10' },
  })
  const written = Number((await endOf(writer)).stdout)
  expect(written).toBeGreaterThan(50_000)
  expect(await settledAudit('heavy', { service, written })).toMatchObject(exactly(written))
})
