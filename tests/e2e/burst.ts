/** A bounded burst of requests, hostile ones among them, that knows how many of them were answered. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { Agent } from 'undici'

export interface Burst {
  /** Answers by status code. */
  statuses: Map<number, number>
  /** All answers. */
  answered: number
}

/** What undici sends: every path, method and header that an HTTP client can be brought to send. */
function* clientRequests(count: number) {
  const paths = [
    '/',
    '/cat_facts?count=3',
    '/cat_facts?count=%00%0d%0a2026-01-01T00:00:00Z',
    '/items',
    '/items/7|%7c%0aGET',
    '/items/%E2%80%A8%1b[31m',
    '/items/%zz',
    '/a|b\\c{d}"e"',
    '//double//slash?x=1',
    "/' | Requested by: 9.9.9.9 Status: 200 Duration: 0.001 ms | Route: /forged",
    '/..%2f..%2fetc/passwd',
    `/long/${'x'.repeat(4000)}`,
    '/docs/nothing.js',
    '/metrics/',
    '/HEALTH',
  ]
  const methods = ['GET', 'GET', 'GET', 'GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'PROPFIND', 'PURGE']
  const headers: Record<string, string>[] = [
    {},
    { 'x-request-id': 'burst-well-formed' },
    { 'x-request-id': 'not | well-formed\t2026' },
    { 'x-forwarded-for': '9.9.9.9 Status: 200 Duration: 1 ms' },
    { 'user-agent': '<script>alert(1)</script> {{7*191}} ${jndi:ldap://x}', referer: '\u0085|' },
    { authorization: `Basic ${Buffer.from('a\nb:c').toString('base64')}` },
  ]
  for (let n = 0; n < count; n++) {
    yield {
      // The request line itself has no spaces.
      path: (paths[n % paths.length] ?? '/').replaceAll(' ', '%20'),
      method: methods[n % methods.length] ?? 'GET',
      headers: headers[n % headers.length] ?? {},
    }
  }
}

const RAW = [
  // What Express cannot parse, what the parser refuses, and what servers answer by themselves.
  'GET http://[a HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET http://user:pw@host/items HTTP/1.1\r\nHost: x\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET /items HTTP/1.1\r\n\r\n',
  'FROBNICATE / HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET / HTTP/9.9\r\nHost: x\r\n\r\n',
  'GET /a b c HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
  'POST /items HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, x\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: x\r\nBad\u0000Header: 1\r\n\r\n',
  `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`,
  'CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n',
  'POST /items HTTP/1.1\r\nHost: x\r\nExpect: the-spanish-inquisition\r\nContent-Length: 0\r\n\r\n',
  'GET /items HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  '\u0016\u0003\u0001\u0000 this is not HTTP\r\n\r\n',
]

/** Sends raw bytes on a connection of their own; the status of the one answer. */
async function sendRaw(hostname: string, port: number, text: string): Promise<number> {
  const socket = connect(port, hostname)
  socket.setTimeout(10_000, () => socket.destroy(new Error('no answer')))
  socket.write(text, 'latin1')
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(chunk.toString('latin1'))?.[1]
  if (status === undefined) throw new Error(`no HTTP answer to ${JSON.stringify(text.slice(0, 80))}`)
  return Number(status)
}

/** Sends `requests` by way of an HTTP client on 16 connections, and `raw` more on connections of their own. */
export async function sendBurst(base: string, requests: number, raw: number): Promise<Burst> {
  const statuses = new Map<number, number>()
  let answered = 0
  const count = (status: number): void => {
    answered++
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
  }

  const agent = new Agent({ connections: 16, pipelining: 1 })
  const queue = clientRequests(requests)
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (const { path, method, headers } of queue) {
        const { statusCode, body } = await agent.request({ origin: base, path, method, headers })
        await body.dump()
        count(statusCode)
      }
    }),
  )
  await agent.close()

  const { hostname, port } = new URL(base)
  for (let n = 0; n < raw; n++) count(await sendRaw(hostname, Number(port), RAW[n % RAW.length] ?? ''))
  return { statuses, answered }
}
