import { createServer, type RequestListener, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { start as spawnCommand, type Line } from './test-process.ts'

const running: { stop: () => void }[] = []
afterEach(() => {
  for (const each of running.splice(0)) each.stop()
})

function start(environment: Record<string, string>) {
  const command = spawnCommand('load', environment)
  running.push(command)
  return command
}

/** A small server that counts what arrives; /health is not counted. */
async function serve(answer: RequestListener, port = 0) {
  const counts = { requests: 0, inFlight: 0, most: 0 }
  const server: Server = createServer((request, response) => {
    if (request.url === '/health') {
      response.end('{}')
      return
    }
    counts.requests++
    counts.most = Math.max(counts.most, ++counts.inFlight)
    response.on('close', () => counts.inFlight--)
    answer(request, response)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const stop = () => {
    server.close()
    server.closeAllConnections()
  }
  running.push({ stop })
  const { port: bound } = server.address() as AddressInfo
  return { counts, stop, port: bound, url: `http://127.0.0.1:${bound}` }
}

const slowly: RequestListener = (_request, response) => void setTimeout(() => response.end('{}'), 10)
const ok: RequestListener = (_request, response) => void response.end('{}')

interface Summary {
  sent: number
  answered: number
  failed: number
  inFlight: number
  skipped: number
  statuses: Record<string, number>
  errors: Record<string, number>
}
const summaryOf = (lines: Line[]) => lines.at(-1)?.['traffic'] as Summary

test('A burst sends exactly its requests, waits for all answers, and exits 0', async () => {
  const server = await serve(slowly)
  const command = start({
    TARGET_URL: server.url,
    LOAD_MAX_REQUESTS: '400',
    LOAD_REQUESTS_PER_SECOND: '5000',
    LOAD_CLIENTS: '10',
  })
  const { code, stderr, lines } = await command.ended()
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(server.counts.requests).toBe(400)
  // The clients bound what is in flight; what came due meanwhile is counted, not queued.
  expect(server.counts.most).toBe(10)
  expect(lines.at(-1)?.msg).toBe('finished')
  expect(summaryOf(lines)).toMatchObject({ sent: 400, answered: 400, failed: 0, inFlight: 0, statuses: { 200: 400 } })
  expect(summaryOf(lines).skipped).toBeGreaterThan(0)
})

test('It outlives a service that goes away and comes back, and SIGTERM ends it with exit 0', async () => {
  const first = await serve(ok)
  const command = start({ TARGET_URL: first.url, LOAD_REQUESTS_PER_SECOND: '400' })
  await vi.waitUntil(() => first.counts.requests >= 20, { timeout: 30_000, interval: 10 })
  first.stop()
  const again = await serve(ok, first.port)
  await vi.waitUntil(() => again.counts.requests >= 20, { timeout: 30_000, interval: 10 })
  command.signal('SIGTERM')
  const { code, signal, stderr, lines } = await command.ended()
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' })
  const summary = summaryOf(lines)
  expect(lines.at(-1)?.msg).toBe('stopped')
  expect(summary.inFlight).toBe(0)
  expect(summary.sent).toBe(summary.answered + summary.failed)
  expect(first.counts.requests + again.counts.requests).toBeGreaterThanOrEqual(summary.answered)
})

test('While the service is away it waits, sends nothing, and stops at once on SIGTERM', async () => {
  const gone = await serve(ok)
  gone.stop()
  const command = start({ TARGET_URL: gone.url, LOAD_REQUESTS_PER_SECOND: '400' })
  await vi.waitUntil(() => command.output().includes('waiting for the service'), { timeout: 30_000, interval: 10 })
  command.signal('SIGTERM')
  const { code, lines } = await command.ended()
  expect(code).toBe(0)
  expect(summaryOf(lines)).toMatchObject({ sent: 0, answered: 0, failed: 0 })
})

test('A service that goes away in the middle costs a bounded number of failures', async () => {
  const server = await serve(ok)
  const command = start({ TARGET_URL: server.url, LOAD_REQUESTS_PER_SECOND: '1000', LOAD_CLIENTS: '5' })
  await vi.waitUntil(() => server.counts.requests >= 20, { timeout: 30_000, interval: 10 })
  server.stop()
  const waits = () => command.output().split('waiting for the service').length - 1
  await vi.waitUntil(() => waits() >= 2, { timeout: 30_000, interval: 10 })
  command.signal('SIGTERM')
  const { code, lines } = await command.ended()
  expect(code).toBe(0)
  const { failed, errors } = summaryOf(lines)
  expect(failed).toBeGreaterThan(0)
  expect(failed).toBeLessThanOrEqual(50)
  expect(Object.keys(errors).join()).toMatch(/ECONN|UND_ERR_SOCKET/)
})

test('Requests that get no answer are given up at their timeout, and answers of 500 are counted as answers', async () => {
  let n = 0
  const server = await serve((_request, response) => {
    if (n++ % 2 === 0) response.writeHead(500).end()
  })
  const command = start({
    TARGET_URL: server.url,
    LOAD_MAX_REQUESTS: '20',
    LOAD_REQUESTS_PER_SECOND: '1000',
    LOAD_TIMEOUT_MS: '400',
  })
  const { code, lines } = await command.ended()
  expect(code).toBe(0)
  const { statuses, errors, ...summary } = summaryOf(lines)
  expect(summary).toMatchObject({ sent: 20, inFlight: 0 })
  // A busy machine may be late with an answer, but none can come where the server gave none.
  expect(errors['TIMEOUT']).toBeGreaterThanOrEqual(10)
  expect(statuses['500']).toBe(20 - (errors['TIMEOUT'] ?? 0))
})

test('A wrong value ends with exit 1 and one line that names variable, value, and what is allowed', async () => {
  const { code, stderr } = await start({ LOAD_CLIENTS: '0' }).ended()
  expect({ code, stderr }).toEqual({ code: 1, stderr: 'LOAD_CLIENTS="0": must be a whole number from 1 to 1000\n' })
})
