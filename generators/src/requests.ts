/** SAMPLE: replace with yours. What the clients ask of the service. */
import type { Faker } from '@faker-js/faker'
import { createChoice, type Weighted } from './choice.ts'
import { createKnownItems } from './known-items.ts'

interface Draft {
  /** Method and route pattern, as in the service's metrics. */
  endpoint: string
  /** The request target, where it is not the endpoint's own path. */
  path?: string
  /** Sent as JSON. */
  body?: unknown
  /** Told the answer, or nothing when there was none. */
  settle?: (status?: number, body?: string) => void
}

export interface PlannedRequest {
  /** Method and route pattern, as in the service's metrics. */
  endpoint: string
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  path: string
  headers: Record<string, string>
  body?: string
  /** To be called with the answer, or with nothing when there was none. */
  settle: (status?: number, body?: string) => void
}

// The service keeps a bounded number of items; this is our share of it.
const ITEMS_MAX = 40
// More items than this in the service are what earlier runs left behind.
const ITEMS_CROWDED = 100

/** The JSON in an answer, or nothing where there is none. */
function json(text = ''): { id?: unknown; total?: unknown; items?: { id?: unknown }[] } {
  try {
    return (JSON.parse(text) ?? {}) as ReturnType<typeof json>
  } catch {
    return {}
  }
}

const plain = (path: string) => (): Draft => ({ endpoint: `GET ${path}` })

/**
 * Plans requests over every endpoint but /health and /metrics, which the service does not count as traffic.
 * `random` is uniform in [0, 1).
 */
export function createRequests({ faker, random }: { faker: Faker; random: () => number }) {
  const items = createKnownItems(random)
  let creating = 0
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T
  const item = () => ({ name: faker.commerce.productName(), price: Number(faker.commerce.price()) })

  function create(): Draft | undefined {
    if (items.size + creating >= ITEMS_MAX) return undefined
    creating++
    return {
      endpoint: 'POST /items',
      body: item(),
      settle(status, text) {
        creating--
        const { id } = json(text)
        if (status === 201 && typeof id === 'string') items.add(id)
      },
    }
  }

  function list(): Draft {
    return {
      endpoint: 'GET /items',
      path: pick(['/items', '/items?limit=5', '/items?limit=100']),
      settle(_status, text) {
        const { total, items: listed } = json(text)
        if (typeof total !== 'number' || total <= ITEMS_CROWDED) return
        // Ours from now on, so that they are deleted in time.
        for (const { id } of listed ?? []) if (typeof id === 'string' && items.size < ITEMS_MAX) items.add(id)
      },
    }
  }

  function use(method: 'GET' | 'PUT', body?: () => unknown): Draft | undefined {
    const id = items.borrow()
    if (id === undefined) return undefined
    return {
      endpoint: `${method} /items/:id`,
      path: `/items/${id}`,
      ...(body && { body: body() }),
      settle(status) {
        items.giveBack(id)
        // The service was restarted, or somebody else deleted it.
        if (status === 404) items.forget(id)
      },
    }
  }

  function remove(): Draft | undefined {
    const id = items.take()
    return id === undefined ? undefined : { endpoint: 'DELETE /items/:id', path: `/items/${id}` }
  }

  /** In the order of the first round: an item is made before it is used. Weights are percent. */
  const drafts: Weighted<() => Draft | undefined> = [
    [7, create],
    [8, plain('/')],
    [14, plain('/cat_facts')],
    [14, () => ({ endpoint: 'GET /cat_facts', path: `/cat_facts?count=${1 + Math.floor(random() * 10)}` })],
    [12, list],
    [2, plain('/openapi.json')],
    [1.5, plain('/docs')],
    [1.5, () => ({ endpoint: 'GET /docs', path: '/docs/' })],
    [1, () => ({ endpoint: 'GET /docs/*asset', path: pick(['/docs/swagger-ui.css', '/docs/swagger-ui-init.js']) })],
    [1, plain('/faults')],
    [22, () => use('GET')],
    [6, () => use('PUT', item)],
    [6, remove],
    // Wrong on purpose: 4 percent that are answered with 4xx.
    [1.2, () => ({ endpoint: 'GET /items/:id', path: `/items/${faker.string.uuid()}` })],
    [1, () => ({ endpoint: 'POST /items', body: pick([{}, { name: '' }, { name: 7 }, { name: 'x', colour: 'red' }]) })],
    [0.8, () => ({ endpoint: 'GET /cat_facts', path: `/cat_facts?count=${pick(['0', '-1', 'many'])}` })],
    [1, () => ({ endpoint: 'GET unmatched', path: pick(['/admin', '/.env', '/wp-login.php', '/favicon.ico']) })],
  ]
  const draw = createChoice(drafts, random)
  let round = 0

  function nextDraft(): Draft {
    // The first round asks for everything once, so that dashboards are complete soon.
    const first = drafts[round]?.[1]()
    if (first) {
      round++
      return first
    }
    // Where no item is known yet one is made, and where there are enough one goes.
    return draw()() ?? create() ?? remove() ?? list()
  }

  return {
    next(): PlannedRequest {
      const { endpoint, path, body, settle } = nextDraft()
      const [method = '', pattern = ''] = endpoint.split(' ')
      const headers: Record<string, string> = { 'user-agent': 'load-generator', accept: 'application/json' }
      if (body !== undefined) headers['content-type'] = 'application/json'
      if (random() < 0.3) headers['x-request-id'] = faker.string.uuid()
      return {
        endpoint,
        method: method as PlannedRequest['method'],
        path: path ?? pattern,
        headers,
        ...(body !== undefined && { body: JSON.stringify(body) }),
        settle: settle ?? (() => undefined),
      }
    },
    /** Forgets all items and begins with a first round again: for a service that was restarted. */
    restart(): void {
      items.clear()
      round = 0
    },
  }
}

export type Requests = ReturnType<typeof createRequests>
