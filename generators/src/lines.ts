/** SAMPLE: replace with yours. Log lines as a busy service writes them: all levels, request lines, awkward texts. */
import type { Faker } from '@faker-js/faker'
import { format, levelOfStatus, type GeneralRecord, type Level, type RequestRecord } from '../../app/src/log-line.ts'
import { createChoice, type Weighted } from './choice.ts'

type General = Pick<GeneralRecord, 'level' | 'module' | 'function' | 'message'>
type Request = Pick<RequestRecord, 'method' | 'uri' | 'route' | 'status' | 'aborted'>

/** Texts that break careless writers and readers. Each must still be one line, and come back unchanged. */
export const AWKWARD_TEXTS = [
  'Zażółć gęślą jaźń 猫が好き 🐈‍⬛ مرحبا',
  'a | pipe | Module: forged | Request: forged',
  'first line\nsecond line\r\n2026-11-21T03:24:20.123456Z | FATAL | Module: forged | Function: forge | third line',
  '{"event":"order.placed","items":[{"id":1,"name":"tea \\"green\\""}],"note":null}',
  '\u001b[31mred\u001b[0m\ttab \u0000 NUL \u0007 bell \\ backslash "quotes"',
  'line\u2028separator paragraph\u2029separator \ufeff byte order mark \u0085 next line',
  'half a pair \ud83d and the other half \udc08',
  '   ',
] as const

// Longer than a line may be: the writer cuts it and says so.
const LONG_TEXT = 'All work and no play makes a very long line. '.repeat(400)

const AWKWARD_URIS = [
  '/search?q=a|b|c',
  '/search?q=two words "quoted"',
  '/caf%C3%A9/naïve/猫',
  '/search?q=%0d%0aSet-Cookie:%20forged=1',
  '/../../etc/passwd',
] as const

// How many different values there are of each kind of text.
const VARIETY = 64

const general = (level: Level, module: string, name: string, message: () => string) => (): General => ({
  level,
  module,
  function: name,
  message: message(),
})
const request = (method: string, route: string, status: number, uri: () => string) => (): Request => ({
  method,
  route,
  status,
  uri: uri(),
})

export interface LinesOptions {
  faker: Faker
  /** Uniform in [0, 1). */
  random: () => number
  /** Microseconds since the epoch, strictly increasing. */
  clock: () => number
}

/** Makes `next`, which writes one line; `seq=<sequence>` in its message or request target lets an audit count. */
export function createLines({ faker, random, clock }: LinesOptions): (sequence: number) => string {
  // Drawn once: faker is too slow for 50,000 lines a second.
  const some = <T>(make: () => T): (() => T) => {
    const values = Array.from({ length: VARIETY }, make)
    return () => values[Math.floor(random() * VARIETY)] as T
  }
  const number = (max: number) => Math.floor(random() * max)
  const hex = (digits: number) =>
    number(16 ** digits)
      .toString(16)
      .padStart(digits, '0')
  const pick = <T>(values: readonly T[]): T => values[number(values.length)] as T

  const product = some(() => faker.commerce.productName())
  const person = some(() => faker.person.fullName())
  const city = some(() => faker.location.city())
  const address = some(() => (faker.number.int(9) === 0 ? faker.internet.ipv6() : faker.internet.ipv4()))
  const order = () => 10_000 + number(90_000)
  const requestId = () => `${hex(8)}-${hex(4)}-7${hex(3)}-8${hex(3)}-${hex(12)}`

  // Weights are percent. ERROR and FATAL together, request lines included, stay below one.
  const drafts: Weighted<() => General | Request> = [
    [14, general('INFO', 'orders', 'placeOrder', () => `Order ${order()} placed: ${product()}`)],
    [9, general('INFO', 'payments', 'charge', () => `Charged ${(number(50_000) / 100).toFixed(2)} to ${person()}`)],
    [8, general('INFO', 'shipping', 'dispatch', () => `Order ${order()} leaves for ${city()}`)],
    [7, general('INFO', 'jobs', 'sweepCarts', () => `Removed ${number(40)} carts in ${number(300)} ms`)],
    [4, general('DEBUG', 'cache', 'refresh', () => `Refreshed ${number(500)} entries`)],
    [
      1.5,
      general('WARN', 'payments', 'charge', () => `Provider answered after ${1000 + number(4000)} ms, trying again`),
    ],
    [1, general('WARN', 'stock', 'reserve', () => `Only ${1 + number(4)} left of ${product()}`)],
    [
      0.3,
      general(
        'ERROR',
        'orders',
        'store',
        () => `Order ${order()} was not stored: Error: connection reset\n    at store (orders.ts:42:7)`,
      ),
    ],
    [0.1, general('FATAL', 'main', 'uncaughtException', () => 'Error: no file handles left, giving up')],
    ...AWKWARD_TEXTS.map((text) => [0.4, general('INFO', 'import', 'readRow', () => text)] as const),
    [0.05, general('INFO', 'import', 'readRow', () => LONG_TEXT)],
    [16, request('GET', '/products/:id', 200, () => `/products/${number(1000)}`)],
    [10, request('GET', '/products', 200, () => `/products?page=${1 + number(20)}`)],
    [8, request('POST', '/orders', 201, () => '/orders')],
    [6, request('GET', '/orders/:id', 200, () => `/orders/${order()}`)],
    [3, request('PUT', '/carts/:id', 200, () => `/carts/${order()}`)],
    [2, request('DELETE', '/carts/:id', 204, () => `/carts/${order()}`)],
    [2, request('GET', '/products/:id/picture', 304, () => `/products/${number(1000)}/picture`)],
    [1, request('GET', '/search', 200, () => pick(AWKWARD_URIS))],
    [1, request('GET', '/products/:id', 404, () => `/products/${9000 + number(1000)}`)],
    [0.5, request('POST', '/orders', 400, () => '/orders')],
    [0.5, request('GET', 'unmatched', 404, () => pick(['/wp-login.php', '/.env', '/admin']))],
    [0.2, request('GET', '/products', 499, () => '/products?page=1')],
    [0.1, () => ({ ...request('GET', '/reports/:year', 200, () => `/reports/${2000 + number(27)}`)(), aborted: true })],
    [0.2, request('POST', '/orders', 500, () => '/orders')],
    [0.1, request('GET', '/products/:id', 503, () => `/products/${number(1000)}`)],
  ]
  const draw = createChoice(drafts, random)
  let round = 0
  // The request whose general lines are being written: they and its request line share one id.
  let open: string | undefined

  return function next(sequence) {
    // The first round has one of each kind, so that dashboards are complete soon.
    const draft = (drafts[round++]?.[1] ?? draw())()
    const time = clock()
    if ('message' in draft) {
      if (open === undefined && random() < 0.5) open = requestId()
      // In front, where a cut does not reach it.
      const message = `seq=${sequence} ${draft.message}`
      return format({ kind: 'general', time, ...draft, message, ...(open !== undefined && { requestId: open }) })
    }
    const id = open ?? (random() < 0.8 ? requestId() : undefined)
    open = undefined
    return format({
      kind: 'request',
      time,
      level: levelOfStatus(draft.status),
      ...draft,
      uri: `${draft.uri}${draft.uri.includes('?') ? '&' : '?'}seq=${sequence}`,
      requestedBy: random() < 0.02 ? '-' : address(),
      // Mostly quick, with a long tail.
      durationMs: 2 - 20 * Math.log(1 - random()) + (random() < 0.01 ? 800 * random() : 0),
      ...(id !== undefined && { requestId: id }),
    })
  }
}
