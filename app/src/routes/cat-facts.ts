/** SAMPLE: replace with yours. Facts about cats. */
import { Router, type RequestHandler } from 'express'
import type { Counter } from 'prom-client'
import { z } from 'zod'
import type { Logger } from '../logger.ts'
import { checked } from '../problem.ts'

const FACTS = [
  'A group of cats is called a clowder.',
  'A cat has 32 muscles in each ear.',
  'Cats sleep for around two thirds of the day.',
  'A cat’s nose print is as unique as a fingerprint.',
  'Cats cannot taste sweetness.',
  'A cat’s whiskers are about as wide as its body.',
  'The first cat in space was called Félicette, in 1963.',
  'A cat can jump up to six times its own length.',
  'Most cats have no eyelashes.',
  'Cats walk like camels: both right feet, then both left.',
]

const query = z.object({
  count: z
    .string()
    .regex(/^\d{1,3}$/, 'must be a whole number from 1 to 100')
    .transform(Number)
    .refine((count) => count >= 1 && count <= 100, 'must be a whole number from 1 to 100')
    .default(1),
})

export interface CatFactRoutesOptions {
  served: Counter
  logger: Logger
  /** Runs within each route, so that what it refuses is that route's. */
  before: RequestHandler[]
}

export function catFactRoutes({ served, logger, before }: CatFactRoutesOptions): Router {
  const log = logger.child({ module: 'facts' })
  return Router({ caseSensitive: true, strict: true }).get('/cat_facts', ...before, (request, response) => {
    const { count } = checked(query, request.query)
    const first = Math.floor(Math.random() * FACTS.length)
    const facts = Array.from({ length: count }, (_, n) => FACTS[(first + n) % FACTS.length])
    served.inc(count)
    log.info(`Served ${count} facts`, { function: 'serveFacts' })
    response.json({ facts })
  })
}
