/**
 * Follows docs/adopt.md literally: its commands and its edits, in a copy of a service that knows nothing of the stack. The
 * last file of all, because Prometheus then has one more service.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run, type Outcome } from '../docker.ts'
import { blocksOf, type Block } from '../markdown.ts'
import { compose, stack } from './stack.ts'

const root = new URL('../..', import.meta.url).pathname
const LEFT_OUT = new Set(['node_modules', '.git', '.fast', 'coverage'])

const steps = blocksOf(readFileSync(`${root}docs/adopt.md`, 'utf8')).filter(({ attributes }) =>
  ['service', 'stack'].includes(attributes['test'] ?? ''),
)
const isCheck = ({ text }: Block) => text.includes('make adopt-check')

const folder = mkdtempSync(join(tmpdir(), 'take-home-'))
const places = { stack: join(folder, 'stack'), service: join(folder, 'shop') }
const project = stack.compose[2] ?? ''
const environments = {
  stack: {
    ...stack.environment,
    COMPOSE_PROJECT_NAME: project,
    COMPOSE_FILE: 'docker-compose.yml:tests/e2e/compose.yaml',
  },
  service: {
    STACK: places.stack,
    STACK_NAME: project,
    COMPOSE_PROJECT_NAME: `${project}-shop`,
    COMPOSE_FILE: 'compose.yaml',
  },
}

const at = (place: keyof typeof places, program: string, args: string[], input = ''): Promise<Outcome> =>
  run(program, args, { cwd: places[place], environment: environments[place], input, mayFail: true })

const make = (...args: string[]) => at('stack', 'make', args)

async function follow({ language, attributes, text, line }: Block): Promise<Outcome> {
  const place = attributes['test'] as keyof typeof places
  const outcome = await (language === 'diff'
    ? at(place, 'git', ['apply', '-'], text)
    : at(place, 'bash', ['-eo', 'pipefail', '-c', text]))
  if (outcome.code !== 0) {
    throw new Error(`docs/adopt.md, line ${line}: exit ${outcome.code}\n${outcome.stdout}${outcome.stderr}`)
  }
  return outcome
}

beforeAll(async () => {
  // A copy: Prometheus of a stack that runs beside the tests would take up the new target as well.
  cpSync(root, places.stack, { recursive: true, filter: (path) => !LEFT_OUT.has(basename(path)) })
  cpSync(`${root}examples/foreign-service`, places.service, { recursive: true })
  await run('chmod', ['-R', 'a+rX', folder])
  const { code, stderr } = await at('stack', 'docker', [
    'compose',
    'up',
    '--detach',
    '--wait',
    '--no-deps',
    'prometheus',
  ])
  if (code !== 0) throw new Error(`Prometheus does not start from a copy of the stack: ${stderr}`)
})

afterAll(async () => {
  if (process.env['E2E_KEEP']) return
  await at('service', 'docker', ['compose', 'down', '--timeout', '2', '--rmi', 'local'])
  rmSync(folder, { recursive: true, force: true })
})

describe('a service of another kind, joined by the steps of docs/adopt.md', () => {
  test('needs three edits at most', () => {
    const edits = steps.filter(({ language, text }) => language === 'diff' || text.includes('cat >'))
    expect(edits).toHaveLength(3)
  })

  test('has a complete overview, as adopt-check says', { timeout: 180_000 }, async () => {
    const started = Date.now()
    for (const step of steps.filter((block) => !isCheck(block))) await follow(step)
    const check = steps.find(isCheck)
    if (!check) throw new Error('docs/adopt.md does not call adopt-check')
    const { stdout } = await follow(check)
    console.log(`${stdout}\njoined and complete after ${Math.round((Date.now() - started) / 1000)} s`)
    expect(stdout).toContain('The overview is complete for shop.')
    expect(stdout).not.toMatch(/^ +problem/m)
    expect(stdout).toContain('Prometheus scrapes shop:3000 as the job shop')
  })

  test('has its pattern for a label, with the parameter of the mount path in it', async () => {
    const { stdout } = await compose(
      'exec',
      '-T',
      'prometheus',
      'promtool',
      'query',
      'series',
      '--match={__name__="http_request_duration_seconds_count",job="shop"}',
      'http://127.0.0.1:9090',
    )
    const routes = new Set([...stdout.matchAll(/route="([^"]*)"/g)].map(([, route]) => route))
    expect(routes).toEqual(new Set(['/shops/:shop/orders', '/shops/:shop/orders/:id']))
  })

  test('shows its lines in `make logs`, and itself in `make status`', async () => {
    const logs = await make('logs', 'SERVICE=shop', 'LEVEL=info', 'SEARCH=created')
    expect(logs.stdout).toMatch(/ \| INFO \| Module: orders \| Function: create \| Order \d+ created/)
    const status = await make('status')
    expect(status.stdout).toMatch(/^shop +scraped +\d+\.\d +\d+\.\d$/m)
    expect(status.stdout).toMatch(new RegExp(`^app +healthy +${stack.urls.app} +[\\d.]+ +[\\d.]+$`, 'm'))
    expect(status.stdout).not.toContain('does not answer')
  })
})

describe('make adopt-check', () => {
  test.each([
    ['a port where nothing listens', 'shop:3001', 'shop', ['nothing listens on port 3001']],
    ['a host that is not there', 'nowhere:3000', 'shop', ['no container is called nowhere there']],
    [
      'another job',
      'shop:3000',
      'shoop',
      [
        'Prometheus scrapes shop:3000 as the job shop, not shoop',
        'Loki has no line of the job shoop in the last 5 minutes; it has ',
        'no request in the last minute',
      ],
    ],
  ])('fails for %s, and says so', async (_what, target, job, texts) => {
    const { code, stdout } = await make('adopt-check', `TARGET=${target}`, `JOB=${job}`, 'WAIT=0')
    for (const text of texts) expect(stdout).toContain(text)
    expect(code).not.toBe(0)
  })
})

describe('make logs', () => {
  test('for a service without lines fails, and says which have some', async () => {
    const { code, stderr } = await make('logs', 'SERVICE=nobody')
    expect(stderr).toMatch(/SERVICE=nobody: Loki has no line of that job; it has .*\bapp\b/)
    expect(code).not.toBe(0)
  })
})
