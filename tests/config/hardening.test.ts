import { existsSync, readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { run } from '../docker.ts'

interface Service {
  user?: string
  image?: string
  build?: object
  command?: string[]
  read_only?: boolean
  privileged?: boolean
  cap_drop?: string[]
  cap_add?: string[]
  security_opt?: string[]
  mem_limit?: string
  pids_limit?: number
  pid?: string
  ipc?: string
  network_mode?: string
  devices?: unknown[]
  restart?: string
  healthcheck?: { test: string[] }
  logging?: { options?: Record<string, string> }
  networks?: Record<string, unknown>
  ports?: { host_ip?: string; published?: string }[]
  volumes?: { type: string; source?: string; target: string; read_only?: boolean }[]
}

interface Stack {
  services: Record<string, Service>
  networks: Record<string, { internal?: boolean; driver_opts?: Record<string, string> }>
}

// Each stands with its reason in the compose file.
const CAPABILITIES: Record<string, string[]> = { gateway: ['NET_BIND_SERVICE'] }
const PUBLISHING = new Set(['app', 'gateway'])

/** The stack as Compose reads it, with the defaults of every setting and with `files` on top. */
async function read(...files: string[]): Promise<Stack> {
  const fileArguments = ['docker-compose.yml', ...files].flatMap((file) => ['-f', file])
  const { stdout } = await run('docker', [
    'compose',
    '--env-file',
    '/dev/null',
    ...fileArguments,
    'config',
    '--format',
    'json',
  ])
  return JSON.parse(stdout) as Stack
}

const overlays = existsSync('overlays')
  ? readdirSync('overlays')
      .map((name) => `overlays/${name}/compose.yaml`)
      .filter((file) => existsSync(file))
  : []

const core = await read()
const stacks: [name: string, stack: Stack][] = [['docker-compose.yml', core]]
for (const file of overlays) stacks.push([file, await read(file)])

const services = stacks.flatMap(([file, { services: all }]) =>
  Object.entries(all).map(([name, service]): [string, string, Service] => [file, name, service]),
)

describe('every service is confined', () => {
  test.each(services)('%s: %s', (_file, name, service) => {
    expect(service.user, 'a user other than root, by number').toMatch(/^[1-9]\d*(:\d+)?$/)
    expect(service.read_only, 'read_only').toBe(true)
    expect(service.cap_drop, 'cap_drop').toEqual(['ALL'])
    expect(service.cap_add ?? [], 'cap_add').toEqual(CAPABILITIES[name] ?? [])
    expect(service.security_opt, 'security_opt').toEqual(['no-new-privileges:true'])
    expect(Number(service.mem_limit), 'mem_limit').toBeGreaterThan(0)
    expect(service.pids_limit, 'pids_limit').toBeGreaterThan(0)
    expect(service.privileged ?? false, 'privileged').toBe(false)
    expect([service.pid, service.ipc], 'pid, ipc').not.toContain('host')
    expect(service.network_mode ?? 'none', 'network_mode').toBe('none')
    expect(service.devices ?? [], 'devices').toEqual([])
    expect(service.healthcheck?.test, 'healthcheck').toBeDefined()
    expect(service.restart, 'restart').toBe('unless-stopped')
    expect(service.logging?.options, 'logging').toMatchObject({ 'max-size': '10m', 'max-file': '3' })
    expect(service.build ? 'made:0.0.0' : service.image, 'a full version').toMatch(/:v?\d+\.\d+\.\d+(-\w+)?$/)
  })

  test.each(services)(
    '%s: %s gets nothing of this machine but files to read, and no Docker socket',
    (_file, _name, service) => {
      const binds = (service.volumes ?? []).filter(({ type }) => type === 'bind')
      expect(binds.filter(({ read_only }) => read_only !== true)).toEqual([])
      expect(binds.filter(({ source = '' }) => /docker\.sock|^\/var\/run|^\/run/.test(source))).toEqual([])
    },
  )
})

describe('ports', () => {
  test.each(services)('%s: %s is published on loopback or not at all', (_file, name, service) => {
    const ports = service.ports ?? []
    expect(ports.filter(({ host_ip }) => host_ip !== '127.0.0.1')).toEqual([])
    const mayPublish = PUBLISHING.has(name) || core.services[name] === undefined
    expect(ports.length === 0 || mayPublish, 'the core publishes through the gateway').toBe(true)
  })
})

const networksOf = (name: string): string[] => Object.keys(core.services[name]?.networks ?? {})

const neighbours = (name: string): string[] =>
  Object.keys(core.services).filter(
    (other) => other !== name && networksOf(other).some((network) => networksOf(name).includes(network)),
  )

describe('networks', () => {
  test('the service and its visitors meet each other and Prometheus, and nobody else', () => {
    expect(neighbours('app').toSorted()).toEqual(['load-generator', 'prometheus'])
    expect(neighbours('load-generator').toSorted()).toEqual(['app', 'prometheus'])
    expect(neighbours('log-generator')).toEqual([])
  })

  test('Grafana meets the gateway, and nobody else', () => {
    expect(neighbours('grafana')).toEqual(['gateway'])
  })

  test('only published ports need a network that is not internal, and no answer from outside comes back into one', () => {
    const open = Object.entries(core.networks).filter(([, { internal }]) => internal !== true)
    expect(open.map(([name]) => name).toSorted()).toEqual(['published', 'traffic'])
    for (const [, { driver_opts }] of open)
      expect(driver_opts).toEqual({ 'com.docker.network.bridge.enable_ip_masquerade': 'false' })
    expect(Object.keys(core.services).filter((name) => networksOf(name).includes('published'))).toEqual(['gateway'])
  })
})

describe('Prometheus', () => {
  test('cannot be stopped, changed or written to over HTTP', () => {
    const flags = core.services['prometheus']?.command?.join(' ') ?? ''
    expect(flags).toContain('--config.file')
    expect(flags).not.toMatch(/--web\.enable|otlp|remote-write/)
  })
})
