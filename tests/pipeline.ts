/** What the tests of the log pipeline share: processes that write lines, and the audit that counts them. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Audit } from '../generators/src/audit.ts'
import { run } from './docker.ts'
import { compose, eventually, stack } from './e2e/stack.ts'

const one = async (...args: string[]): Promise<string> => (await compose(...args)).stdout.trim()

const DAY = 86_400_000

const words = (...parts: string[]): string[] => parts.flatMap((part) => part.split(' '))

/** A service name that no other test has. */
export const freshService = (name: string): string => `${name}-${Date.now().toString(36)}`

export interface WriterOptions {
  service: string
  /** Arguments of `node` in the generators' image; the log generator by default. */
  command?: string[]
  environment?: Record<string, string>
  /** The network it is in; none by default. */
  network?: string
  /** More arguments of `docker run`. */
  docker?: string[]
}

/** Starts a process that writes log lines into a folder of its own; the answer is its container. */
export async function startWriter({
  service,
  command,
  environment = {},
  network = 'none',
  docker = [],
}: WriterOptions): Promise<string> {
  const generator = await one('ps', '--all', '--quiet', 'log-generator')
  const image = (await run('docker', ['inspect', '--format', '{{.Image}}', generator])).stdout.trim()
  const variables = Object.entries({ SERVICE_NAME: service, ...environment })
  const { stdout } = await run('docker', [
    ...words('run --detach --init --network', network, '--user 1000:1000 --volumes-from', generator),
    // The drivers of the tests lie where their imports of the app's sources lead to the image's.
    ...words('--volume', `${process.cwd()}/tests/faults/drivers:/srv/tests/faults/drivers:ro`),
    ...variables.flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    ...docker,
    image,
    'node',
    ...(command ?? ['generators/src/logs.ts']),
  ])
  return stdout.trim()
}

/** Waits until a writer has written so many bytes. */
export async function hasWritten(container: string, bytes: number): Promise<void> {
  const script = 'cat "/var/log/services/$SERVICE_NAME"/*.log | wc -c'
  await eventually(60, async () => {
    const { stdout } = await run('docker', ['exec', container, 'sh', '-c', script])
    if (Number(stdout) < bytes) throw new Error(`${container} has written ${stdout.trim()} of ${bytes} bytes`)
  })
}

/** Starts a second Promtail with the stack's configuration, which reads `logs`; the answer is its container. */
export async function startPromtail(logs: string, ...docker: string[]): Promise<string> {
  const { stdout } = await run('docker', [
    ...words('run --detach --user 10001:10001 --entrypoint bash --network', `${stack.compose[2]}_logs`),
    ...words('--volume', `${process.cwd()}/promtail:/etc/promtail:ro`, '--volume', `${logs}:/var/log/services:ro`),
    ...docker,
    ...words('grafana/promtail:3.6.4 /etc/promtail/start -config.file=/etc/promtail/promtail.yml'),
    '-client.external-labels=env=local',
  ])
  return stdout.trim()
}

/** Waits for a writer to end by itself, removes it, and answers with what it printed. */
export async function endOf(
  container: string,
  seconds = 120,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { stdout } = await run('docker', ['wait', container], { timeoutMs: seconds * 1000 })
  const logs = await run('docker', ['logs', container])
  await run('docker', ['rm', '--force', container])
  return { ...logs, code: Number(stdout) }
}

/** Ends a writer with a signal (15 lets it write its last lines, 9 does not), and removes it. */
export async function stopWriter(container: string, signal: 9 | 15): Promise<void> {
  await run('docker', ['kill', '--signal', String(signal), container])
  await endOf(container)
}

export interface AuditOptions {
  service: string
  /** For a service that goes on writing: lines younger than this are left out. Everything else is asked for. */
  settleSeconds?: number
  /** Arguments of `docker run` that show it the log files; those of the stack by default. */
  docker?: string[]
}

/** Counts all lines of a service in its files and in Loki. */
export async function audit({ service, settleSeconds, docker }: AuditOptions): Promise<Audit> {
  const generator = await one('ps', '--all', '--quiet', 'log-generator')
  const loki = await one('ps', '--quiet', 'loki')
  const image = (await run('docker', ['inspect', '--format', '{{.Image}}', generator])).stdout.trim()
  const variables = {
    SERVICE: service,
    // Wide enough for clocks that tests set forward, and for old lines; Loki answers for 30 days at once.
    FROM: new Date(Date.now() - 10 * DAY).toISOString(),
    TO: new Date(Date.now() + (settleSeconds === undefined ? 10 * DAY : -settleSeconds * 1000)).toISOString(),
    FORMAT: 'json',
    NODE_OPTIONS: '',
    LOKI_URL: 'http://127.0.0.1:3100',
  }
  const { stdout, stderr } = await run(
    'docker',
    [
      ...words('run --rm --user 1000:1000 --network', `container:${loki}`),
      ...(docker ?? words('--volumes-from', `${generator}:ro`)),
      ...Object.entries(variables).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
      ...words(image, 'node generators/src/audit.ts'),
    ],
    { mayFail: true },
  )
  if (stdout === '') throw new Error(`the audit of ${service} failed: ${stderr}`)
  return JSON.parse(stdout) as Audit
}

// What every fault leaves, for docs/reliability.md.
const report = (name: string, { written, stored, missing, doubled, forged, unwritten, malformed }: Audit): void => {
  const counts = { written, stored, missing, doubled, forged, malformed, dropped: unwritten }
  console.log(`${name}: ${JSON.stringify(counts)}`)
}

/**
 * Audits until every line is in Loki once (`written` of them, where it is known), or until `seconds` have brought
 * nothing new; answers with the last audit, which the caller judges.
 */
export async function settledAudit(name: string, options: AuditOptions & { written?: number; seconds?: number }) {
  const { written, seconds = 60 } = options
  let changed = performance.now()
  let last: Audit | undefined
  for (;;) {
    const next = await audit(options)
    if (next.stored !== last?.stored || next.doubled !== last.doubled) changed = performance.now()
    last = next
    const wrong = last.missing + last.waiting + last.doubled + last.forged
    const complete = wrong === 0 && last.written > 0 && (written === undefined || last.written === written)
    if (complete || performance.now() - changed > seconds * 1000) break
    await sleep(1000)
  }
  report(name, last)
  return last
}

/** Nothing missing, doubled or forged; what else is expected is added. */
export const exactly = (written: number, more: Partial<Audit> = {}): Partial<Audit> => ({
  written,
  stored: written,
  missing: 0,
  waiting: 0,
  doubled: 0,
  forged: 0,
  malformed: 0,
  unwritten: 0,
  ...more,
})
