/** Asks from inside the stack's networks, as a container there would. */
import { connect } from 'node:net'
import { run } from '../docker.ts'
import { compose, stack } from './stack.ts'

export interface Endpoint {
  host: string
  port: number
}

/** One request as it goes over the wire; `head` is everything before the end of the headers but Host and Connection. */
export interface RawRequest extends Endpoint {
  head: string
  body?: string
}

// Runs in a container, so it stands alone: prints what became of each. A status, or why there is none.
const PROBE = `
const { connect } = require('node:net')
const { lookup } = require('node:dns/promises')
// Each name once: an unknown one can take the resolver many seconds.
const known = new Map()
const addressOf = (host) => {
  const late = new Promise((resolve) => setTimeout(resolve, 4000, undefined).unref())
  if (!known.has(host)) known.set(host, Promise.race([lookup(host, 4).then(({ address }) => address, () => {}), late]))
  return known.get(host)
}
const ask = async ({ host: name, port, head, body = '' }) => {
  const host = await addressOf(name)
  return host === undefined ? 'unknown' : askAddress({ host, port, head, body })
}
const askAddress = ({ host, port, head, body }) => new Promise((resolve) => {
  const socket = connect({ host, port })
  let answer = ''
  const end = (outcome) => { socket.destroy(); resolve(outcome) }
  socket.setTimeout(3000, () => end(answer ? answer.split(' ')[1] : 'timeout'))
  socket.on('error', ({ code }) => end(code))
  socket.on('connect', () => {
    if (head === undefined) return end('open')
    const [line, ...headers] = head.split('\\n')
    const length = body ? ['Content-Length: ' + Buffer.byteLength(body)] : []
    const own = headers.some((header) => /^connection:/i.test(header)) ? [] : ['Connection: close']
    socket.write([line + ' HTTP/1.1', 'Host: gateway', ...headers, ...length, ...own, '', body].join('\\r\\n'))
  })
  socket.on('data', (data) => {
    answer += data
    if (/^HTTP[^ ]* 101/.test(answer)) end('101')
  })
  socket.on('close', () => end(answer ? answer.split(' ')[1] : 'closed'))
})
const all = JSON.parse(require('node:fs').readFileSync(0, 'utf8'))
Promise.all(all.map(ask)).then((outcomes) => {
  console.log(JSON.stringify(outcomes))
  process.exit(0)
})
`

export async function containerOf(service: string): Promise<string> {
  return (await compose('ps', '--quiet', service)).stdout.trim()
}

async function inspect(id: string, format: string): Promise<string> {
  return (await run('docker', ['inspect', '--format', format, id])).stdout.trim()
}

/** Whether each port can be connected to (`open`, or why not), or each request's status, from a network or a container. */
export async function askFrom(network: string, requests: (Endpoint | RawRequest)[]): Promise<string[]> {
  const image = await inspect(await containerOf('app'), '{{.Image}}')
  const { stdout } = await run(
    'docker',
    [
      'run',
      '--rm',
      '--interactive',
      '--env',
      'UV_THREADPOOL_SIZE=32',
      '--network',
      network,
      '--entrypoint',
      'node',
      image,
      '-e',
      PROBE,
    ],
    { input: JSON.stringify(requests), timeoutMs: 60_000 },
  )
  return JSON.parse(stdout) as string[]
}

/** The full name of a network of the stack. */
export const networkOf = (name: string): string => `${stack.compose[2]}_${name}`

/** Each running service with its container and that container's address in each of its networks. */
export async function addresses(): Promise<{ service: string; id: string; networks: Record<string, string> }[]> {
  const services = (await compose('ps', '--services', '--status', 'running')).stdout.trim().split('\n')
  return Promise.all(
    services.map(async (service) => {
      const id = await containerOf(service)
      const networks = JSON.parse(await inspect(id, '{{json .NetworkSettings.Networks}}')) as Record<
        string,
        { IPAddress: string }
      >
      const named = Object.entries(networks).map(([name, { IPAddress }]): [string, string] => [name, IPAddress])
      return { service, id, networks: Object.fromEntries(named.filter(([, address]) => address !== '')) }
    }),
  )
}

/** What a server answers to these bytes, until it closes the connection; the milliseconds that took. */
export function talk(port: number, bytes: string, waitMs = 20_000): Promise<{ answer: string; afterMs: number }> {
  return new Promise((resolve) => {
    const started = Date.now()
    const socket = connect({ host: '127.0.0.1', port })
    let answer = ''
    const end = (): void => {
      socket.destroy()
      resolve({ answer, afterMs: Date.now() - started })
    }
    socket.setTimeout(waitMs, end)
    socket.on('error', () => {})
    socket.on('close', end)
    socket.on('data', (data) => {
      answer += data.toString('latin1')
    })
    socket.write(bytes, 'latin1')
  })
}
