import { faker } from '@faker-js/faker/locale/en'
import { expect, test } from 'vitest'
import { createRequests, type PlannedRequest } from './requests.ts'

const random = () => faker.number.float()

/** Answers as the service does, as far as the plan cares. */
function createService() {
  const items = new Set<string>()
  let made = 0
  return {
    items,
    answer({ method, path, body = '' }: PlannedRequest): [status: number, text: string] {
      const id = /^\/items\/(.+)$/.exec(path)?.[1]
      if (path === '/items' && method === 'POST') {
        const { name, colour } = JSON.parse(body) as { name?: unknown; colour?: unknown }
        if (typeof name !== 'string' || name === '' || colour !== undefined) return [400, '{}']
        items.add(`item-${++made}`)
        return [201, JSON.stringify({ id: `item-${made}` })]
      }
      if (path.startsWith('/items') && id === undefined) {
        return [
          200,
          JSON.stringify({ total: items.size, items: [...items].slice(-100).map((listed) => ({ id: listed })) }),
        ]
      }
      if (id !== undefined && !items.has(id)) return [404, '{}']
      if (id !== undefined && method === 'DELETE') return [items.delete(id) ? 204 : 404, '']
      if (/^\/cat_facts\?count=(0|-1|many)$/.test(path)) return [400, '{}']
      return [/^\/($|cat_facts|items|docs|faults|openapi)/.test(path) ? 200 : 404, '{}']
    },
  }
}

function send(count: number, seed: number) {
  faker.seed(seed)
  const requests = createRequests({ faker, random })
  const service = createService()
  const sent: { planned: PlannedRequest; status: number }[] = []
  // A few are always in flight, answered out of order.
  const inFlight: PlannedRequest[] = []
  for (let i = 0; i < count; i++) {
    inFlight.push(requests.next())
    if (inFlight.length < 5) continue
    const [planned] = inFlight.splice(i % 5, 1) as [PlannedRequest]
    const [status, text] = service.answer(planned)
    planned.settle(status, text)
    sent.push({ planned, status })
  }
  return { sent, service }
}

const ALL = [
  'DELETE /items/:id',
  'GET /',
  'GET /cat_facts',
  'GET /docs',
  'GET /docs/*asset',
  'GET /faults',
  'GET /items',
  'GET /items/:id',
  'GET /openapi.json',
  'GET unmatched',
  'POST /items',
  'PUT /items/:id',
]

test('The first forty requests visit every endpoint', () => {
  const { sent } = send(40, 1)
  expect([...new Set(sent.map(({ planned }) => planned.endpoint))].toSorted()).toEqual(ALL)
})

test('At most five percent of the requests are wrong, all of them on purpose, and none is left out', () => {
  const { sent } = send(8000, 2)
  const wrong = sent.filter(({ status }) => status >= 400)
  expect(wrong.length / sent.length).toBeGreaterThan(0.03)
  expect(wrong.length / sent.length).toBeLessThan(0.05)
  expect([...new Set(wrong.map(({ planned, status }) => `${status} ${planned.endpoint}`))].toSorted()).toEqual([
    '400 GET /cat_facts',
    '400 POST /items',
    '404 GET /items/:id',
    '404 GET unmatched',
  ])
  // An id of an item that is gone would be a 404 nobody meant.
  expect(wrong.filter(({ planned }) => planned.path.startsWith('/items/item-'))).toEqual([])
})

test('The service never holds more than forty of our items', () => {
  const { service } = send(4000, 3)
  expect(service.items.size).toBeLessThanOrEqual(40)
})

test('What earlier runs left behind is deleted down to a hundred items', () => {
  faker.seed(4)
  const requests = createRequests({ faker, random })
  const service = createService()
  for (let i = 0; i < 300; i++) service.items.add(`left-${i}`)
  for (let i = 0; i < 8000; i++) {
    const planned = requests.next()
    planned.settle(...service.answer(planned))
  }
  expect(service.items.size).toBeLessThanOrEqual(140)
})

test('After a restart of the service no lost item is asked for, and the first round begins again', () => {
  faker.seed(5)
  const requests = createRequests({ faker, random })
  const service = createService()
  const step = () => {
    const planned = requests.next()
    planned.settle(...service.answer(planned))
    return planned
  }
  for (let i = 0; i < 500; i++) step()
  const lost = new Set(service.items)
  expect(lost.size).toBeGreaterThan(0)
  service.items.clear()
  requests.restart()
  const after = Array.from({ length: 40 }, step)
  expect([...new Set(after.map(({ endpoint }) => endpoint))].toSorted()).toEqual(ALL)
  expect(after.filter(({ path }) => lost.has(path.slice('/items/'.length)))).toEqual([])
})

const plan = (seed: number) => send(200, seed).sent.map(({ planned: { settle: _settle, ...rest } }) => rest)

test('The same seed plans the same requests', () => {
  expect(plan(6)).toEqual(plan(6))
  expect(plan(6)).not.toEqual(plan(7))
})

test('Some requests bring an id of their own', () => {
  const own = send(2000, 8).sent.filter(({ planned }) => planned.headers['x-request-id'] !== undefined)
  expect(own.length / 2000).toBeGreaterThan(0.25)
  expect(own.length / 2000).toBeLessThan(0.35)
})
