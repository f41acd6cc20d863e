/** The parts of docs/adopt.md that need no running stack, as they stand there; the rest is tests/e2e/take-home.test.ts. */
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { afterAll, describe, expect, it } from 'vitest'
import { parse } from '../../app/src/log-line.ts'
import { express4Router, isExpress4, mountPath } from '../../examples/observability/express4.ts'
import { run } from '../docker.ts'
import { blocksOf, commandsOf } from '../markdown.ts'

const root = new URL('../..', import.meta.url).pathname
const document = readFileSync(`${root}docs/adopt.md`, 'utf8')
const folder = mkdtempSync(join(tmpdir(), 'adopt-'))
afterAll(() => rmSync(folder, { recursive: true }))

const bash = (text: string, cwd: string, environment: Record<string, string> = {}) =>
  run('bash', ['-eo', 'pipefail', '-c', text], { cwd, environment })

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

describe('way B, the stack in a repository', () => {
  it('copies a stack that Compose takes, with the service in the place of the sample', async () => {
    const repository = join(folder, 'repository')
    mkdirSync(repository)
    const environment = { REPO: repository, COMPOSE_FILE: '', COMPOSE_PROJECT_NAME: '' }
    let printed = ''
    for (const { language, attributes, text } of commandsOf(document, 'copy')) {
      const { file = '' } = attributes
      if (language === 'sh') {
        const { stdout, stderr } = await bash(`unset COMPOSE_FILE COMPOSE_PROJECT_NAME\n${text}`, root, environment)
        printed += stdout + stderr
      } else writeFileSync(join(repository, file), text)
    }
    expect(printed).toBe('')
    const { stdout } = await bash(
      'unset COMPOSE_FILE COMPOSE_PROJECT_NAME; docker compose config --format json',
      join(repository, 'observability'),
    )
    const { services } = JSON.parse(stdout) as {
      services: Record<string, { build?: { context: string; dockerfile?: string } }>
    }
    expect(Object.keys(services)).not.toEqual(expect.arrayContaining(['load-generator', 'log-generator']))
    expect(services['app']?.build).toMatchObject({ context: repository })
    expect(services['app']?.build?.dockerfile).toBe('Dockerfile')
  })
})

describe('way C, the instrumentation in a service with plain http', () => {
  it('counts requests by the pattern of the route', async () => {
    const service = join(folder, 'plain')
    mkdirSync(service)
    symlinkSync(join(root, 'node_modules'), join(service, 'node_modules'))
    const [copy = ''] = commandsOf(document, 'service').map(({ text }) => text)
    const withoutPackages = copy.slice(0, copy.indexOf('npm pkg set'))
    expect(withoutPackages).toContain('cp ')
    await bash(withoutPackages, service, { STACK: root })
    const PORT = String(await freePort())
    const [program, proof] = commandsOf(document, 'plain')
    writeFileSync(join(service, program?.attributes['file'] ?? ''), program?.text ?? '')

    const child = spawn('node', [program?.attributes['file'] ?? ''], {
      cwd: service,
      env: { ...process.env, PORT },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let stderr = ''
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
    try {
      let stdout = ''
      for (let tries = 0; stdout === '' && tries < 40; tries++) {
        stdout = await bash(proof?.text ?? 'false', service, { PORT }).then(
          (outcome) => outcome.stdout,
          () => new Promise<string>((resolve) => setTimeout(resolve, 250, '')),
        )
      }
      expect({ stderr, stdout }).toEqual({
        stderr: '',
        stdout: expect.stringContaining(
          'http_request_duration_seconds_count{method="GET",route="/orders/:id",status_code="200"} ',
        ) as string,
      })
    } finally {
      child.kill()
    }
  })
})

describe('the line in Python', () => {
  it('is read as it was meant', async ({ skip }) => {
    const { code } = await run('python3', ['--version'], { mayFail: true })
    if (code !== 0) skip('there is no python3 here')
    const [program] = commandsOf(document, 'python')
    const script = `${program?.text}\nprint(line("WARN", "m|1", "f", 'a "quote" | a pipe\\nand a line end'), end="")`
    const { stdout } = await run('python3', ['-'], { input: script })
    expect(stdout.endsWith('\n')).toBe(true)
    expect(parse(stdout)).toMatchObject({
      kind: 'general',
      level: 'WARN',
      module: 'm|1',
      function: 'f',
      message: 'a "quote" | a pipe\nand a line end',
    })
  })
})

const keys = (...names: string[]) => names.map((name) => ({ name }))

describe('the path that an Express 4 router is mounted on', () => {
  it.each([
    ['a plain path', /^\/api\/v1\/?(?=\/|$)/i, keys(), '/api/v1'],
    ['a path with dots and dashes', /^\/a-b\/c\.d\/?(?=\/|$)/i, keys(), '/a-b/c.d'],
    ['a parameter', /^\/shops(?:\/([^/]+?))\/?(?=\/|$)/i, keys('shop'), '/shops/:shop'],
    ['two parameters', /^(?:\/([^/]+?))\/y(?:\/([^/]+?))\/?(?=\/|$)/i, keys('x', 'z'), '/:x/y/:z'],
    [
      'a parameter, before 4.20',
      new RegExp(String.raw`^\/shops\/(?:([^\/]+?))\/?(?=\/|$)`, 'i'),
      keys('shop'),
      '/shops/:shop',
    ],
    ['an optional parameter', /^(?:\/([^/]+?))?\/?(?=\/|$)/i, keys('a'), String(/^(?:\/([^/]+?))?\/?(?=\/|$)/i)],
    ['a parameter with a pattern', /^(?:\/(\d+))\/?(?=\/|$)/i, keys('n'), String(/^(?:\/(\d+))\/?(?=\/|$)/i)],
    ['a regular expression', /^\/re/, keys(), '/^\\/re/'],
  ])('is read back from %s', (_what, regexp, names, path) => {
    expect(mountPath({ regexp, keys: names })).toBe(path)
  })

  it('is nothing for a router that is mounted on the root', () => {
    const regexp = Object.assign(/^\/?(?=\/|$)/i, { fast_slash: true })
    expect(mountPath({ regexp, keys: [] })).toBe('/')
  })

  it('is found in an application, whose routes keep their identity', () => {
    const route = { path: '/orders/:id', methods: { get: true } }
    const layer = { regexp: /^\/api\/?(?=\/|$)/i, keys: [] }
    const app = {
      lazyrouter() {},
      _router: { stack: [{ ...layer, handle: { stack: [{ ...layer, route, handle: undefined }] } }] },
    }
    expect(isExpress4(app)).toBe(true)
    expect(express4Router(app).stack).toEqual([{ rawPath: '/api', handle: { stack: [{ route }] } }])
    const [{ handle }] = express4Router(app).stack as [{ handle: { stack: [{ route: object }] } }]
    expect(handle.stack[0].route).toBe(route)
  })
})

describe('the examples', () => {
  it('are what docs/adopt.md edits', async () => {
    const copy = join(folder, 'foreign')
    cpSync(`${root}examples/foreign-service`, copy, { recursive: true })
    const edits = blocksOf(document).filter(({ language }) => language === 'diff')
    expect(edits.length).toBeGreaterThan(0)
    for (const { text } of edits) await run('git', ['apply', '-'], { cwd: copy, input: text })
  })
})
