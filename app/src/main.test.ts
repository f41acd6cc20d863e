import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { request } from 'undici'
import { afterAll, describe, test, vi } from 'vitest'
import { parse } from './log-line.ts'

const NODE = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url))
const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

const cleanUps: (() => void)[] = []
afterAll(() => {
  for (const cleanUp of cleanUps) cleanUp()
})

/** Starts the service as a process of its own, with nothing in its environment but `environment`. */
function start(environment: Record<string, string>, nodeOptions: string[] = []) {
  const folder = mkdtempSync(join(tmpdir(), 'app-'))
  const child = spawn(NODE, [...nodeOptions, MAIN], {
    env: { HOST: '127.0.0.1', PORT: '0', LOG_ROOT: folder, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  cleanUps.push(() => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()))
  const closed = once(child, 'close')
  return {
    folder,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    /** Resolves with the address that it listens on. */
    async listening(): Promise<string> {
      await vi.waitUntil(() => output.stdout.includes('\n'), { timeout: 30_000, interval: 10 })
      return `http://127.0.0.1:${/:(\d+),/.exec(output.stdout)?.[1]}`
    },
    async ended() {
      const [code, signal] = (await closed) as [number | null, string | null]
      return { code, signal, ...output }
    },
    records() {
      const directory = join(folder, 'app')
      const text = readdirSync(directory).map((name) => readFileSync(join(directory, name), 'utf8'))
      return text
        .join('')
        .split(/(?<=\n)/)
        .map((line) => parse(line))
    },
  }
}

/** Switches latency on and resolves when a request that it holds up is in flight. */
async function holdUp(origin: string, latencyMs: number) {
  const put = { method: 'PUT', body: JSON.stringify({ latencyMs }), headers: { 'content-type': 'application/json' } }
  await (await request(`${origin}/faults`, put)).body.dump()
  const slow = request(`${origin}/items`, { headers: { 'x-request-id': 'in-flight' } }).then(
    async ({ statusCode, body }) => {
      await body.dump()
      return statusCode
    },
    (error: Error) => error.message,
  )
  await vi.waitUntil(
    async () => {
      const { body } = await request(`${origin}/metrics`)
      return /^http_requests_in_flight 1$/m.test(await body.text())
    },
    { timeout: 30_000, interval: 10 },
  )
  return { slow }
}

describe.concurrent('a start that cannot work ends with status 1 and one line', { timeout: 30_000 }, () => {
  test('that names a wrong variable, its value and what is allowed', async ({ expect }) => {
    expect(await start({ PORT: '99999' }).ended()).toEqual({
      code: 1,
      signal: null,
      stdout: '',
      stderr: 'PORT="99999": must be a whole number from 0 to 65535\n',
    })
  })

  test('that names the folder that cannot be written, and the user', async ({ expect }) => {
    const file = join(mkdtempSync(join(tmpdir(), 'app-')), 'file')
    writeFileSync(file, '')
    const { code, stderr, stdout } = await start({ LOG_ROOT: file }).ended()
    rmSync(join(file, '..'), { recursive: true })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(
      new RegExp(`^cannot write log files to ${file}/app as uid ${process.getuid?.()}: [^\n]+LOG_ROOT[^\n]+\n$`),
    )
  })

  test('that names the port that is in use', async ({ expect }) => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const { code, stderr, stdout } = await start({ PORT: String(port) }).ended()
    other.close()
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(
      new RegExp(`^cannot listen on HOST=127\\.0\\.0\\.1 PORT=${port}: the port is in use; [^\n]+\n$`),
    )
  })
})

describe.concurrent('a running service', { timeout: 30_000 }, () => {
  test('finishes on SIGTERM what is in flight, takes nothing new, and leaves with 0 and its last lines', async ({
    expect,
  }) => {
    const service = start({ FAULTS_ENABLED: 'true' })
    const origin = await service.listening()
    const { slow } = await holdUp(origin, 1500)
    const stopped = performance.now()
    service.kill('SIGTERM')
    service.kill('SIGTERM')
    expect(await slow).toBe(200)
    expect(await service.ended()).toMatchObject({ code: 0, signal: null, stderr: '' })
    // Connections that clients keep open do not hold it up: that would be 5 s after the answer.
    expect(performance.now() - stopped).toBeLessThan(6000)
    const records = service.records()
    expect(records).not.toContain(undefined)
    expect(records.slice(-3)).toMatchObject([
      { kind: 'general', message: 'Stopping on SIGTERM' },
      { kind: 'request', requestId: 'in-flight', status: 200 },
      { kind: 'general', message: 'Stopped' },
    ])
    await expect(request(origin)).rejects.toThrow(/ECONNREFUSED/)
  })

  test('gives up on what is in flight when its time is over, and says so in the line', async ({ expect }) => {
    const service = start({ FAULTS_ENABLED: 'true', SHUTDOWN_TIMEOUT_MS: '100' })
    const origin = await service.listening()
    const { slow } = await holdUp(origin, 20_000)
    service.kill('SIGINT')
    expect(await slow).toMatch(/closed|reset/i)
    expect(await service.ended()).toMatchObject({ code: 0, signal: null })
    expect(service.records().slice(-2)).toMatchObject([{ uri: '/items', status: 499 }, { message: 'Stopped' }])
  })

  test.for([
    ['uncaughtException', 'setTimeout(() => { throw new Error("boom") })'],
    ['unhandledRejection', 'Promise.reject(new Error("boom"))'],
  ] as const)('writes a FATAL line about an %s and leaves with 1', async ([origin, code], { expect }) => {
    const hook = `data:text/javascript,process.on("SIGUSR2", () => { ${encodeURIComponent(code)} })`
    const service = start({}, ['--import', hook])
    await service.listening()
    service.kill('SIGUSR2')
    const { code: status, stderr } = await service.ended()
    expect(status).toBe(1)
    expect(stderr).toBe(`${origin}: Error: boom\n`)
    expect(service.records().at(-1)).toMatchObject({
      level: 'FATAL',
      module: 'main',
      message: expect.stringMatching(new RegExp(`^${origin}: Error: boom\n +at `)),
    })
  })

  test('that is killed has every line it answered for in its file', async ({ expect }) => {
    const service = start({})
    const origin = await service.listening()
    const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => request(`${origin}/items/${n}`)))
    await Promise.all(answers.map(({ body }) => body.text()))
    // The last answers leave a moment before their lines.
    await vi.waitUntil(() => service.records().length >= 201, { interval: 10 })
    service.kill('SIGKILL')
    expect(await service.ended()).toMatchObject({ code: null, signal: 'SIGKILL' })
    const uris = service.records().map((record) => (record?.kind === 'request' ? record.uri : ''))
    expect(new Set(uris).size).toBe(201)
    expect(uris).toHaveLength(201)
  })
})
