/**
 * How fast lines get from their files into Loki, and how many streams they make: the stack's own Promtail and Loki, with
 * their limits, and then the design of 2023 for the same lines.
 *
 *     node bench/pipeline.ts        (make bench-pipeline)
 */
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { run } from '../tests/docker.ts'

const LINES = Number(process.env['BENCH_LINES'] ?? 1_000_000)
// A design that stalls is not waited for.
const PATIENCE_SECONDS = 180
const STALL_SECONDS = 45
const POLL_MS = 250

async function freePort(): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return String(port)
}

const ports = { BENCH_LOKI_PORT: await freePort(), BENCH_PROMTAIL_PORT: await freePort() }
const environment = { ...ports, BENCH_LINES: String(LINES) }

const words = (text: string): string[] => text.split(' ')

const compose =
  (...overlays: string[]) =>
  (...args: string[]) =>
    run(
      'docker',
      [
        'compose',
        ...words('--project-name observability-stack-bench'),
        ...['docker-compose.yml', 'bench/pipeline/compose.yaml', ...overlays].flatMap((file) => ['-f', file]),
        ...args,
      ],
      { environment },
    )

/** The sum of a metric's samples whose labels contain `labels`; 0 when there are none. */
async function metric(port: string, name: string, labels = ''): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => undefined)
  const text = (await response?.text()) ?? ''
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => line.includes(labels))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

const cpuSeconds = async () =>
  (await metric(ports.BENCH_LOKI_PORT, 'process_cpu_seconds_total')) +
  (await metric(ports.BENCH_PROMTAIL_PORT, 'process_cpu_seconds_total'))
const streams = () => metric(ports.BENCH_LOKI_PORT, 'loki_ingester_memory_streams')
const discarded = () => metric(ports.BENCH_LOKI_PORT, 'loki_discarded_samples_total')

interface Result {
  seconds: number
  /** CPU of Loki and Promtail together: what a busy machine does not change. */
  cpuSeconds: number
  sent: number
  streams: number
  discarded: number
  retries: number
}

/** Starts Loki and Promtail on files that are there already, and watches until all lines are sent or nothing moves. */
async function ship(docker: ReturnType<typeof compose>): Promise<Result> {
  await docker('up', '--detach', '--wait', '--no-deps', 'loki')
  await docker('up', '--detach', '--no-deps', 'promtail')
  const sent = () => metric(ports.BENCH_PROMTAIL_PORT, 'promtail_sent_entries_total')
  let begun = 0
  let last = 0
  let moved = performance.now()
  const deadline = performance.now() + PATIENCE_SECONDS * 1000
  while (performance.now() < deadline) {
    await sleep(POLL_MS)
    const now = await sent()
    if (now > last) moved = performance.now()
    // The clock runs from the look before the first batch was seen.
    if (begun === 0 && now > 0) begun = moved - POLL_MS
    last = now
    if (last >= LINES || (begun > 0 && performance.now() - moved > STALL_SECONDS * 1000)) break
  }
  return {
    seconds: (moved - begun) / 1000,
    cpuSeconds: await cpuSeconds(),
    sent: last,
    streams: await streams(),
    discarded: await discarded(),
    retries: await metric(ports.BENCH_PROMTAIL_PORT, 'promtail_batch_retries_total'),
  }
}

const number = (value: number): string => Math.round(value).toLocaleString('en')

function print(
  name: string,
  { seconds, cpuSeconds: cpu, sent, streams: count, discarded: refused, retries }: Result,
): void {
  process.stdout.write(
    `${name}: ${number(sent)} of ${number(LINES)} lines in ${seconds.toFixed(1)} s, ${number(sent / seconds)} lines/s, ` +
      `${((cpu * 1e6) / sent).toFixed(1)} µs of CPU per line, ` +
      `${number(count)} streams, ${number(refused)} refusals, ${number(retries)} batches sent again\n`,
  )
}

const stack = compose()
const design2023 = compose('bench/pipeline/2023.yaml')
const down = () => stack('down', '--volumes', '--remove-orphans', '--timeout', '5')
try {
  await down()
  await stack('build', '--quiet', 'log-generator')
  process.stdout.write(`writing ${number(LINES)} lines\n`)
  await stack('up', '--no-deps', 'log-generator')
  const now = await ship(stack)
  print('this design', now)
  const audit = await run('scripts/audit', [], {
    mayFail: true,
    environment: {
      ...environment,
      COMPOSE_PROJECT_NAME: 'observability-stack-bench',
      COMPOSE_FILE: 'docker-compose.yml:bench/pipeline/compose.yaml',
      SERVICE: 'bench',
      SINCE: '1h',
      SETTLE_SECONDS: '0',
    },
  })
  process.stdout.write(`${audit.stdout}${audit.stderr}`)
  const uris = await run('docker', [
    ...words('run --rm --volume observability-stack-bench_logs:/logs:ro node:24-bookworm-slim sh -c'),
    "cat /logs/bench/*.log | grep -a -o -E '\\| (GET|POST|PUT|DELETE) [^ ]+' | sort -u -S 64M | wc -l",
  ])
  process.stdout.write(`distinct URIs in the lines: ${number(Number(uris.stdout))}\n`)

  await stack('rm', '--stop', '--force', '--volumes', 'promtail', 'loki')
  await run('docker', [
    'volume',
    'rm',
    'observability-stack-bench_loki',
    'observability-stack-bench_promtail-positions',
  ])
  print('the design of 2023', await ship(design2023))

  const perSecond = now.sent / now.seconds
  const passed = audit.code === 0 && perSecond >= 20_000 && now.streams <= 24
  process.stdout.write(`${passed ? 'passed' : 'failed'}: at least 20,000 lines/s, at most 24 streams, nothing lost\n`)
  process.exitCode = passed ? 0 : 1
} finally {
  await down()
}
