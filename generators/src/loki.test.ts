import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { createLoki } from './loki.ts'

let server: Server | undefined
afterEach(() => server?.close())

/** A Loki that has these times (nanoseconds) and lines, and answers as the real one: start included, end not. */
async function lokiWith(entries: [bigint, string][], pageLines: number, failures = 0) {
  let asked = 0
  server = createServer((request, answer) => {
    if (asked++ < failures) {
      answer.writeHead(500).end('too busy')
      return
    }
    const { searchParams } = new URL(request.url ?? '', 'http://loki')
    const [start, end] = [BigInt(searchParams.get('start') ?? 0), BigInt(searchParams.get('end') ?? 0)]
    const values = entries
      .filter(([time]) => time >= start && time < end)
      .slice(0, Number(searchParams.get('limit')))
      .map(([time, line]) => [String(time), line])
    answer.end(JSON.stringify({ data: { result: [{ stream: { kind: 'general' }, values }] } }))
  })
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return createLoki({ url: `http://127.0.0.1:${port}`, pageLines })
}

async function linesOf(loki: Awaited<ReturnType<typeof lokiWith>>, from: number, to: number): Promise<string[]> {
  const lines: string[] = []
  for await (const { line } of loki.lines('app', '/var/log/services/app/1.log', { from, to })) lines.push(line)
  return lines
}

const MS = 1_000_000n

describe('the lines of a file', () => {
  test('are read page by page, each once, also where a page ends between two lines of one time', async () => {
    const entries = Array.from({ length: 50 }, (_, n): [bigint, string] => [MS * 10n + BigInt(n >> 1), `line ${n}`])
    for (const pageLines of [3, 4, 5, 7, 49, 50, 51]) {
      const loki = await lokiWith(entries, pageLines)
      expect(await linesOf(loki, 9, 11)).toEqual(entries.map(([, line]) => line))
      server?.close()
    }
  })

  test('are those later than the start and not later than the end', async () => {
    const loki = await lokiWith(
      [5n, 6n, 7n, 8n].map((n) => [MS * n, `line ${n}`]),
      5,
    )
    expect(await linesOf(loki, 5, 7)).toEqual(['line 6', 'line 7'])
  })

  test('that share one time and are more than a page end with an error, not with some of them', async () => {
    const loki = await lokiWith(
      Array.from({ length: 9 }, (_, n) => [MS * 10n, `line ${n}`]),
      5,
    )
    await expect(linesOf(loki, 9, 11)).rejects.toThrow(/cannot be paged/)
  })

  test('are asked for again when Loki is too busy', async () => {
    const loki = await lokiWith([[MS * 10n, 'line']], 5, 1)
    expect(await linesOf(loki, 9, 11)).toEqual(['line'])
  })
})
