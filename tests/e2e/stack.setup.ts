/** Boots the whole stack once for all end-to-end tests, beside whatever else runs on this machine, and removes it. */
import { createServer, type AddressInfo } from 'node:net'
import type { TestProject } from 'vitest/node'
import { hasImage, run } from '../docker.ts'

export interface Stack {
  /** The arguments of `docker` that name this stack. */
  compose: string[]
  environment: Record<string, string>
  urls: { app: string; prometheus: string; alertmanager: string; loki: string; grafana: string; receiver: string }
  /** Milliseconds since the epoch at which every service was healthy, and how long that took. */
  healthyAt: number
  healthyAfterMs: number
  /** Why Grafana does not run here; undefined where it does. */
  grafanaSkipped?: string
}

declare module 'vitest' {
  interface ProvidedContext {
    stack: Stack
  }
}

const GRAFANA_IMAGE = 'grafana/grafana:13.2.3'

const at = (port: string): string => `http://127.0.0.1:${port}`

/** `count` free ports on loopback. */
async function freePorts(count: number): Promise<string[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const ports = servers.map((server) => String((server.address() as AddressInfo).port))
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

export default (project: TestProject): Promise<() => Promise<void>> =>
  boot(project, process.env['E2E_PROJECT'] ?? 'observability-stack-e2e')

/** Boots the stack under a project name of its own, all of it or `only` some services; the answer removes it. */
export async function boot(project: TestProject, name: string, only?: string[]): Promise<() => Promise<void>> {
  const [app = '', prometheus = '', alertmanager = '', loki = '', grafana = '', receiver = ''] = await freePorts(6)
  const environment = {
    APP_PORT: app,
    PROMETHEUS_PORT: prometheus,
    ALERTMANAGER_PORT: alertmanager,
    LOKI_PORT: loki,
    GRAFANA_PORT: grafana,
    ALERT_RECEIVER_PORT: receiver,
    FAULTS_ENABLED: 'true',
  }
  const compose = ['compose', '--project-name', name, '-f', 'docker-compose.yml', '-f', 'tests/e2e/compose.yaml']
  const docker = (...args: string[]) => run('docker', [...compose, ...args], { environment })

  // What an interrupted run left behind.
  await docker('down', '--volumes', '--remove-orphans')

  const hasGrafana = await hasImage(GRAFANA_IMAGE)
  const all = (await docker('config', '--services')).stdout.trim().split('\n')
  const services = (only ?? all).filter((service) => hasGrafana || service !== 'grafana')

  await docker('build', '--quiet')
  const started = Date.now()
  try {
    await docker('up', '--detach', '--wait', '--wait-timeout', '180', ...services)
  } catch (error) {
    const { stdout } = await docker('ps', '--all', '--format', 'table {{.Service}}\t{{.Status}}')
    const logs = await docker('logs', '--no-color', '--tail', '15')
    await docker('down', '--volumes', '--remove-orphans')
    throw new Error(`the stack did not become healthy:\n${stdout}\n${logs.stdout}`, { cause: error })
  }
  const healthyAt = Date.now()

  project.provide('stack', {
    compose,
    environment,
    urls: {
      app: at(app),
      prometheus: at(prometheus),
      alertmanager: at(alertmanager),
      loki: at(loki),
      grafana: at(grafana),
      receiver: at(receiver),
    },
    healthyAt,
    healthyAfterMs: healthyAt - started,
    ...(hasGrafana ? {} : { grafanaSkipped: `the image ${GRAFANA_IMAGE} cannot be had here` }),
  })
  return async () => {
    if (process.env['E2E_KEEP'])
      process.stdout.write(`kept: docker ${compose.join(' ')} (Loki ${at(loki)}, Grafana ${at(grafana)})\n`)
    else await docker('down', '--volumes', '--remove-orphans', '--timeout', '20')
  }
}
