import { expect, test } from 'vitest'
import { createTally } from './tally.ts'

test('What was sent is what was answered, what failed and what is in flight, in all and by endpoint', () => {
  const tally = createTally()
  for (let i = 0; i < 4; i++) tally.sent('GET /')
  tally.sent('POST /items')
  tally.answered('GET /', 200)
  tally.answered('GET /', 200)
  tally.answered('POST /items', 201)
  tally.failed('GET /', 'ECONNREFUSED')
  tally.skipped()
  expect(tally.summary()).toEqual({
    sent: 5,
    answered: 3,
    failed: 1,
    inFlight: 1,
    skipped: 1,
    statuses: { 200: 2, 201: 1 },
    errors: { ECONNREFUSED: 1 },
    endpoints: {
      'GET /': { sent: 4, answered: { 200: 2 }, failed: { ECONNREFUSED: 1 } },
      'POST /items': { sent: 1, answered: { 201: 1 }, failed: {} },
    },
  })
})
