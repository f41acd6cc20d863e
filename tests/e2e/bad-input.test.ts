import { createServer, type AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { run, type Outcome } from '../docker.ts'
import { stack } from './stack.ts'

/** Runs a service of the stack by itself, with other variables or arguments, to its end. */
async function runAlone(service: string, environment: Record<string, string>, ...more: string[]): Promise<Outcome> {
  const variables = Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`])
  return run('docker', [...stack.compose, 'run', '--rm', '--no-deps', '-T', ...variables, ...more, service], {
    environment: stack.environment,
    mayFail: true,
    timeoutMs: 60_000,
  })
}

// What a service says, without what Compose says about the container it makes.
const linesOf = ({ stderr }: Outcome): string[] =>
  stderr.split('\n').filter((line) => line.trim() !== '' && !/^\s*(Container|Network|Volume) |^time=/.test(line))

describe('wrong input ends with a non-zero exit and one line that says what is wrong', () => {
  const cases: [name: string, service: string, environment: Record<string, string>, says: RegExp][] = [
    [
      'a rate that is no number',
      'log-generator',
      { LOG_LINES_PER_SECOND: 'abc' },
      /^LOG_LINES_PER_SECOND="abc": must be a number from /,
    ],
    ['a port out of range', 'app', { PORT: '99999' }, /^PORT="99999": must be a whole number from 0 to 65535$/],
    [
      'a log folder that cannot be written',
      'app',
      { LOG_ROOT: '/proc/logs' },
      /cannot write log files to \/proc\/logs\/app as uid 1000: .*LOG_ROOT/,
    ],
    ['a target that is no address', 'load-generator', { TARGET_URL: 'nowhere' }, /^TARGET_URL="nowhere": /],
  ]
  test.each(cases)('%s', async (_name, service, environment, says) => {
    const outcome = await runAlone(service, environment)
    expect(outcome.code).not.toBe(0)
    expect(linesOf(outcome)).toEqual([expect.stringMatching(says)])
  })

  test('an occupied port stops `make up`, which names the port and its variable', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const outcome = await run('make', ['up'], {
      mayFail: true,
      environment: {
        ...stack.environment,
        COMPOSE_PROJECT_NAME: `${stack.compose[2]}-preflight`,
        APP_PORT: String(port),
        GRAFANA_PORT: '1',
        PROMETHEUS_PORT: '2',
        ALERTMANAGER_PORT: '3',
        ALERT_RECEIVER_PORT: '4',
      },
    })
    server.close()
    expect(outcome.code).not.toBe(0)
    expect(outcome.stderr).toMatch(
      new RegExp(
        `^make up: port ${port} on 127.0.0.1 is in use; stop what listens there, or set APP_PORT in .env to a free port$`,
        'm',
      ),
    )
  })

  test('an engine that does not answer stops `make up`', async () => {
    const outcome = await run('make', ['up'], { mayFail: true, environment: { DOCKER_HOST: 'tcp://127.0.0.1:9' } })
    expect(outcome.code).not.toBe(0)
    expect(outcome.stderr).toMatch(/^make up: no Docker engine answers \(.*\); start it/m)
  })
})
