import { readFileSync } from 'node:fs'
import { parse as parseYaml } from 'yaml'
import { describe, expect, it } from 'vitest'
import { run } from '../docker.ts'

const root = new URL('../..', import.meta.url).pathname
const read = (name: string): string => readFileSync(`${root}${name}`, 'utf8')

interface Service {
  image?: string
  build?: object
  user?: string
  read_only?: boolean
  privileged?: boolean
  cap_add?: string[]
  cap_drop?: string[]
  security_opt?: string[]
  mem_limit?: string
  pids_limit?: number
  restart?: string
  logging?: { driver: string; options: Record<string, string> }
  healthcheck?: { test: string[]; interval?: string; timeout?: string; start_period?: string; start_interval?: string }
  ports?: { host_ip?: string; target: number }[]
  volumes?: { type: string; source: string; target: string; read_only?: boolean }[]
  networks?: Record<string, unknown>
  network_mode?: string
  pid?: string
  depends_on?: Record<string, { condition: string }>
}

interface Stack {
  services: Record<string, Service>
  networks: Record<string, { internal?: boolean }>
  volumes: Record<string, unknown>
}

// Without the .env of whoever runs this.
const config = (...args: string[]) =>
  run('docker', ['compose', '--env-file', '/dev/null', '-f', 'docker-compose.yml', 'config', ...args], { cwd: root })

const stack = JSON.parse((await config('--format', 'json')).stdout) as Stack
const services = Object.entries(stack.services)
const used = (list: (service: Service) => string[]) => new Set(services.flatMap(([, service]) => list(service)))

describe('docker-compose.yml', () => {
  it('is taken by Compose without a warning', async () => {
    const { stdout, stderr } = await config('--quiet')
    expect(stdout + stderr).toBe('')
  })

  // Off in .dclintrc.json: everything alphabetical, and the interfaces of ports. dclint does not see the default of a
  // variable there; the tests below look at the resolved file.
  it('passes dclint', async () => {
    const args = ['--max-warnings', '0', 'docker-compose.yml']
    const { code, stdout } = await run('dclint', args, { cwd: root, mayFail: true })
    expect({ code, problems: stdout.trim() }).toEqual({ code: 0, problems: '' })
  })

  it('lists its services in the order the data flows', () => {
    const order = [
      'app',
      'load-generator',
      'log-generator',
      'promtail',
      'loki',
      'prometheus',
      'node-exporter',
      'alertmanager',
      'alert-receiver',
      'gateway',
      'grafana',
    ]
    const written = Object.keys((parseYaml(read('docker-compose.yml')) as Stack).services)
    expect(written).toEqual(order.filter((name) => name in stack.services))
  })

  it('names every image with its version, as it stands', () => {
    const images = [...read('docker-compose.yml').matchAll(/^\s+image: *(.*)$/gm)].map(([, image]) => image)
    expect(images.length).toBeGreaterThan(0)
    for (const image of images) expect(image).toMatch(/^[a-z0-9./-]+:v?\d+\.\d+\.\d+(-[a-z0-9.]+)?$/)
  })

  it('bounds the memory of all containers together at 2 GiB', () => {
    const bytes = services.reduce((sum, [, { mem_limit: limit }]) => sum + Number(limit), 0)
    expect(bytes).toBeLessThanOrEqual(2 * 1024 ** 3)
  })

  it('has no network and no volume that is not used', () => {
    expect(used(({ networks }) => Object.keys(networks ?? {}))).toEqual(new Set(Object.keys(stack.networks)))
    const sources = used(({ volumes = [] }) => volumes.filter(({ type }) => type === 'volume').map((v) => v.source))
    expect(sources).toEqual(new Set(Object.keys(stack.volumes)))
  })

  it('publishes neither Loki nor Promtail', () => {
    expect(stack.services['loki']?.ports).toBeUndefined()
    expect(stack.services['promtail']?.ports).toBeUndefined()
  })

  it('keeps the service and its generators away from Loki and Alertmanager', () => {
    const networksOf = (name: string) => Object.keys(stack.services[name]?.networks ?? {})
    const pipeline = [...networksOf('loki'), ...networksOf('alertmanager')]
    expect(pipeline).not.toEqual([])
    for (const name of ['app', 'load-generator', 'log-generator']) {
      expect(networksOf(name).filter((network) => pipeline.includes(network))).toEqual([])
    }
    expect(stack.services['log-generator']?.network_mode).toBe('none')
  })

  it('closes every network on which nothing is published', () => {
    const publishing = used(({ ports, networks = {} }) => (ports ? Object.keys(networks) : []))
    const open = Object.entries(stack.networks).filter(([name, { internal }]) => !internal && !publishing.has(name))
    expect(open).toEqual([])
  })

  it('stops Promtail before Loki, and gives it the time to send what it has read', () => {
    expect(stack.services['promtail']?.depends_on?.['loki']?.condition).toBe('service_healthy')
    expect(stack.services['promtail']).toMatchObject({ stop_grace_period: '1m0s' })
  })
})

// Caddy's program file asks for this capability and is not started where it is out of reach; the process gets none, as it
// runs without root.
const capabilities: Record<string, string[]> = { gateway: ['NET_BIND_SERVICE'] }

describe.each(services)('the container of %s', (name, service) => {
  it('runs without root', () => {
    expect(service.user).toMatch(/^[1-9]\d*:\d+$/)
  })

  it('cannot write to its root file system', () => {
    expect(service.read_only).toBe(true)
  })

  it('has no capability and no way to gain one', () => {
    expect(service.cap_drop).toEqual(['ALL'])
    expect(service.cap_add).toEqual(capabilities[name])
    expect(service.privileged).toBeUndefined()
    expect(service.security_opt).toEqual(['no-new-privileges:true'])
  })

  it('is bounded in memory, processes and what it prints', () => {
    expect(Number(service.mem_limit)).toBeGreaterThan(0)
    expect(service.pids_limit).toBeGreaterThan(0)
    expect(service.logging).toMatchObject({ driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } })
  })

  it('is restarted, and says whether it is healthy', () => {
    expect(service.restart).toBe('unless-stopped')
    const { test = [], interval, timeout, start_period: start, start_interval: unknown } = service.healthcheck ?? {}
    expect(test.length).toBeGreaterThan(1)
    for (const time of [interval, timeout, start]) expect(time).toMatch(/^[0-9ms]+$/)
    // Refused by engines before 25.
    expect(unknown).toBeUndefined()
  })

  it('is reached from this machine alone', () => {
    expect(service.network_mode ?? 'none').toBe('none')
    for (const { host_ip: address } of service.ports ?? []) expect(address).toBe('127.0.0.1')
  })

  it('sees nothing of the host but configuration, which it cannot change', () => {
    const mounts = (service.volumes ?? []).filter(({ type }) => type === 'bind')
    expect(mounts.filter(({ source, read_only: readOnly }) => !source.startsWith(root) || !readOnly)).toEqual([])
  })
})

describe('.env.example', () => {
  const variables = new Map(
    [...read('docker-compose.yml').matchAll(/(?<!\$)\$\{(\w+)(?::-([^}]*))?\}/g)].map(([, name = '', value]) => [
      name,
      value,
    ]),
  )
  const lines = read('.env.example').split('\n')
  const example = new Map(
    lines.flatMap((line) => {
      const [, name, value = ''] = /^#([A-Z_]+)=(.*)$/.exec(line) ?? []
      return name === undefined ? [] : [[name, value] as const]
    }),
  )

  it('names every variable of docker-compose.yml with its default, and no other', () => {
    expect(example.size).toBeGreaterThan(5)
    expect(Object.fromEntries(example)).toEqual(Object.fromEntries(variables))
  })

  it('changes nothing when it is copied as it is', () => {
    expect(lines.filter((line) => line !== '' && !line.startsWith('#'))).toEqual([])
  })
})
