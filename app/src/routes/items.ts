/** SAMPLE: replace with yours. Items, kept in memory. */
import { Router, type RequestHandler } from 'express'
import { v7 } from 'uuid'
import { z } from 'zod'
import type { Logger } from '../logger.ts'
import { checked, Problem } from '../problem.ts'

const body = z.strictObject({
  name: z.string().trim().min(1).max(200),
  price: z.number().min(0).max(1_000_000).optional(),
})

const page = z.object({
  limit: z
    .string()
    .regex(/^\d{1,3}$/, 'must be a whole number from 1 to 100')
    .transform(Number)
    .refine((limit) => limit >= 1 && limit <= 100, 'must be a whole number from 1 to 100')
    .default(20),
})

type Item = { id: string } & z.infer<typeof body>
type ItemParams = { id: string }

export interface ItemRoutesOptions {
  /** How many items are kept. */
  max: number
  logger: Logger
  /** Runs within each route, so that what it refuses is that route's. */
  before: RequestHandler[]
}

export function itemRoutes({ max, logger, before }: ItemRoutesOptions): Router {
  const log = logger.child({ module: 'items' })
  const items = new Map<string, Item>()

  function found(id: string): Item {
    const item = items.get(id)
    if (!item) throw new Problem(404, `There is no item ${id}`)
    return item
  }

  return Router({ caseSensitive: true, strict: true })
    .get('/items', ...before, (request, response) => {
      const { limit } = checked(page, request.query)
      response.json({ total: items.size, items: [...items.values()].slice(-limit) })
    })
    .post('/items', ...before, (request, response) => {
      const wanted = checked(body, request.body)
      if (items.size >= max) throw new Problem(409, `All ${max} places are taken; delete an item first`)
      const item = { id: v7(), ...wanted }
      items.set(item.id, item)
      log.info(`Created item ${item.id}: ${item.name}`, { function: 'createItem' })
      response.status(201).location(`/items/${item.id}`).json(item)
    })
    .get<ItemParams>('/items/:id', ...before, (request, response) => {
      response.json(found(request.params.id))
    })
    .put<ItemParams>('/items/:id', ...before, (request, response) => {
      const { id } = found(request.params.id)
      const item = { id, ...checked(body, request.body) }
      items.set(id, item)
      log.info(`Changed item ${id}`, { function: 'changeItem' })
      response.json(item)
    })
    .delete<ItemParams>('/items/:id', ...before, (request, response) => {
      items.delete(found(request.params.id).id)
      log.info(`Deleted item ${request.params.id}`, { function: 'deleteItem' })
      response.status(204).end()
    })
}
