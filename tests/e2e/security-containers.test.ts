import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { describe, expect, test } from 'vitest'
import { run } from '../docker.ts'
import { addresses, askFrom, containerOf, type Endpoint } from './inside.ts'
import { stack } from './stack.ts'

const running = await addresses()
const serviceNames = running.map(({ service }) => service)

// Every port that something in the stack listens on, and two that nothing does.
const PORTS = [80, 443, 2019, 3000, 3100, 8080, 9080, 9090, 9093, 9094, 9095, 9096, 9100, 9180, 19090, 19093, 19094]

const everywhere = (hosts: string[]): Endpoint[] => hosts.flatMap((host) => PORTS.map((port) => ({ host, port })))

async function openFrom(network: string, hosts: string[]): Promise<string[]> {
  const endpoints = everywhere(hosts)
  const outcomes = await askFrom(network, endpoints)
  return endpoints.filter((_, n) => outcomes[n] === 'open').map(({ host, port }) => `${host}:${port}`)
}

const addressOf = (service: string, network: string): string => {
  const found = running.find((one) => one.service === service)?.networks ?? {}
  return Object.entries(found).find(([name]) => name.endsWith(`_${network}`))?.[1] ?? ''
}
const allAddresses = running.flatMap(({ networks }) => Object.values(networks))
const addressesOf = (service: string): string[] =>
  Object.values(running.find((one) => one.service === service)?.networks ?? {})

// This machine's own addresses but for loopback, and the ports that are published on loopback alone.
const ownAddresses = Object.values(networkInterfaces())
  .flatMap((all) => (all ?? []).filter(({ family, internal }) => family === 'IPv4' && !internal))
  .map(({ address }) => address)
const publishedPorts = Object.values(stack.urls).map((url) => Number(new URL(url).port))

// A server of ours, to see that a way of asking reaches this machine at all.
async function listening(): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => socket.end()).listen(0, '0.0.0.0')
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

const ip = (...args: string[]) => run('ip', args)

describe('every container, as it runs', () => {
  test.each(running)(
    '$service: no root, no capability, no new privilege, no writable root',
    async ({ service, id }) => {
      // Seen from a container beside it, because not every image has a shell.
      const image = (
        await run('docker', ['inspect', '--format', '{{.Image}}', await containerOf('gateway')])
      ).stdout.trim()
      const beside = ['run', '--rm', '--network', 'none', '--pid', `container:${id}`, '--entrypoint', 'cat', image]
      const { stdout } = await run('docker', [...beside, '/proc/1/status'])
      const status = Object.fromEntries(stdout.split('\n').map((line) => line.split(/:\s+/))) as Record<string, string>
      expect(status).toMatchObject({ CapEff: '0000000000000000', CapPrm: '0000000000000000', NoNewPrivs: '1' })
      // NET_BIND_SERVICE, 10, within reach but not held: docker-compose.yml says why.
      expect(status['CapBnd']).toBe(service === 'gateway' ? '0000000000000400' : '0000000000000000')
      expect(status['Uid']).toMatch(/^[1-9]/)

      const touched = await run('docker', ['exec', id, 'touch', '/x'], { mayFail: true })
      expect(touched.code).not.toBe(0)
      const hasNone = /executable file not found/.test(touched.stdout + touched.stderr)
      if (hasNone)
        console.log(
          `skipped: docker exec ${service} touch /x: the image has no touch; the engine says its root is read-only`,
        )
      const readOnly = await run('docker', ['inspect', '--format', '{{.HostConfig.ReadonlyRootfs}}', id])
      expect(readOnly.stdout.trim()).toBe('true')
      expect(hasNone ? 'Read-only file system' : touched.stderr).toContain('Read-only file system')
    },
  )
})

describe('who reaches whom', () => {
  test.each(['app', 'load-generator'])(
    '%s reaches the service and Prometheus, by name and by address',
    async (service) => {
      const id = await containerOf(service)
      const open = await openFrom(`container:${id}`, [...serviceNames, ...allAddresses])
      expect(open.toSorted()).toEqual(
        [
          'app:8080',
          `${addressOf('app', 'traffic')}:8080`,
          'prometheus:9090',
          `${addressOf('prometheus', 'traffic')}:9090`,
        ].toSorted(),
      )
    },
  )

  test.skipIf(stack.grafanaSkipped !== undefined)('Grafana reaches the gateway, and nobody else', async () => {
    const id = await containerOf('grafana')
    const open = await openFrom(`container:${id}`, [...serviceNames, ...allAddresses])
    const ours = new Set(['grafana', addressOf('grafana', 'dashboards'), 'gateway', addressOf('gateway', 'dashboards')])
    expect(open.filter((endpoint) => !ours.has(endpoint.slice(0, endpoint.lastIndexOf(':'))))).toEqual([])
    expect(open).toEqual(expect.arrayContaining(['gateway:3100', 'gateway:9090', 'gateway:9093']))
  })

  test('log-generator has no network', async () => {
    const id = await containerOf('log-generator')
    const { stdout } = await run('docker', ['inspect', '--format', '{{.HostConfig.NetworkMode}}', id])
    expect(stdout.trim()).toBe('none')
  })

  test('a container of somebody else reaches nothing: not by address, not by the ports of this machine', async () => {
    const { server, port } = await listening()
    const control = ownAddresses.map((host) => ({ host, port }))
    const published = ownAddresses.flatMap((host) => publishedPorts.map((one) => ({ host, port: one })))
    const endpoints = [...control, ...published, ...everywhere(allAddresses)]
    const outcomes = await askFrom('bridge', endpoints)
    server.close()
    const open = endpoints.filter((_, n) => outcomes[n] === 'open')
    if (!open.some((endpoint) => control.includes(endpoint)))
      console.log('skipped: whether the ports of this machine answer a container: it cannot reach this machine at all')
    expect(open.filter((endpoint) => !control.includes(endpoint))).toEqual([])
  })
})

const isRoot = process.getuid?.() === 0
const hasIp = (await run('ip', ['-V'], { mayFail: true }).catch(() => ({ code: 1 }))).code === 0
const unable = isRoot && hasIp ? undefined : 'a network namespace needs root and the program ip (iproute2)'
if (unable !== undefined) console.log(`skipped: another machine's view of the ports: ${unable}`)

describe.skipIf(unable !== undefined)('another machine on the same wire', () => {
  test('reaches only what is published, and that only where the engine lets it', async () => {
    const name = `stack-${randomBytes(3).toString('hex')}`
    const [near, far] = ['10.203.77.1', '10.203.77.2']
    const { server, port: controlPort } = await listening()
    try {
      await ip('netns', 'add', name)
      await ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
      await ip('addr', 'add', `${near}/30`, 'dev', name)
      await ip('link', 'set', name, 'up')
      await ip('-n', name, 'addr', 'add', `${far}/30`, 'dev', 'eth0')
      await ip('-n', name, 'link', 'set', 'eth0', 'up')
      // The neighbour who knows: everything it has no better way for goes through this machine.
      await ip('-n', name, 'route', 'add', 'default', 'via', near)

      const hosts = [near, ...ownAddresses]
      const control = { host: near, port: controlPort }
      const endpoints = [
        control,
        ...hosts.flatMap((host) => publishedPorts.map((port) => ({ host, port }))),
        ...everywhere(allAddresses),
      ]
      const script = `const { connect } = require('node:net')
        Promise.all(${JSON.stringify(endpoints)}.map((to) => new Promise((resolve) => {
          const socket = connect(to)
          const end = (open) => { socket.destroy(); resolve(open) }
          socket.setTimeout(3000, () => end(false)).on('error', () => end(false)).on('connect', () => end(true))
        }))).then((open) => console.log(JSON.stringify(open)))`
      const { stdout } = await run('ip', ['netns', 'exec', name, process.execPath, '-e', script])
      const outcomes = JSON.parse(stdout) as boolean[]
      const open = endpoints.filter((_, n) => outcomes[n] === true)
      expect(open).toContain(control)

      // Engines before 28 let a neighbour through to the container of a published port (moby/moby#45610).
      const meant = new Set([
        ...addressesOf('app').map((address) => `${address}:8080`),
        ...addressesOf('gateway').flatMap((address) => [3000, 19090, 19093, 19094].map((port) => `${address}:${port}`)),
        // These tests publish it.
        ...addressesOf('loki').map((address) => `${address}:3100`),
      ])
      const reached = open.filter((endpoint) => endpoint !== control).map(({ host, port }) => `${host}:${port}`)
      if (reached.length > 0) console.log(`this engine lets a neighbour through to ${reached.join(', ')}`)
      expect(reached.filter((endpoint) => !meant.has(endpoint))).toEqual([])
    } finally {
      server.close()
      await run('ip', ['netns', 'del', name], { mayFail: true })
      await run('ip', ['link', 'del', name], { mayFail: true })
    }
  })
})
