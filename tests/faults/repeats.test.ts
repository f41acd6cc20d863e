import { describe, expect, test } from 'vitest'
import { compose, eventually, lokiLines, lokiQuery, stack } from '../e2e/stack.ts'
import { freshService } from '../pipeline.ts'

const LINE_BYTES = 200
const BATCH_LINES = 1000

interface Repeats {
  job: string
  from: number
  /** Sends the lines of these numbers. */
  push: (first: number, end: number) => Promise<void>
}

function createStream(name: string): Repeats {
  const job = freshService(name)
  const from = Date.now() - 600_000
  const lineOf = (n: number): [string, string, Record<string, string>] => [
    `${from}${String(n).padStart(6, '0')}`,
    `seq=${n} `.padEnd(LINE_BYTES, 'x'),
    { module: 'repeats', function: 'push', request_id: `r${n}` },
  ]
  return {
    job,
    from,
    async push(first, end) {
      for (let start = first; start < end; start += BATCH_LINES) {
        const count = Math.min(BATCH_LINES, end - start)
        const values = Array.from({ length: count }, (_, n) => lineOf(start + n))
        const stream = { job, env: 'local', kind: 'general', level: 'info', filename: `/var/log/services/${job}/1.log` }
        // As Promtail does it: what was answered with 5xx comes again.
        await eventually(30, async () => {
          const response = await fetch(`${stack.urls.loki}/loki/api/v1/push`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ streams: [{ stream, values }] }),
          })
          if (response.status !== 204) throw new Error(`${response.status}: ${await response.text()}`)
        })
      }
    },
  }
}

/** How many lines a list has, how many different ones, and how many a count has when it has settled. */
async function seen({ job, from }: Repeats, expected: number): Promise<Record<string, number>> {
  const lines = (await lokiLines(`{job="${job}"}`, from - 1000, Date.now())).map(({ line }) => line)
  let counted = 0
  const settled = async () => {
    const [sample] = await lokiQuery(`sum(count_over_time({job="${job}"}[1h]))`)
    counted = Number(sample?.value[1])
    if (counted !== expected) throw new Error(`${counted} lines`)
  }
  await eventually(30, settled).catch(() => undefined)
  return { listed: lines.length, different: new Set(lines).size, counted }
}

const once = (lines: number) => ({ listed: lines, different: lines, counted: lines })

async function killLoki(): Promise<void> {
  await compose('kill', '--signal', 'SIGKILL', 'loki')
  await compose('up', '--detach', '--wait', '--no-deps', 'loki')
}

// A chunk takes about 1.5 MB, 7,000 of these lines: what is sent again lies in one, two, or many.
const lengths = [3000, 7000, 20_000, 33_000]
const repeats = [5, 500, 5000, 15_000]
const cases = lengths.flatMap((lines) =>
  repeats.filter((again) => again <= lines).map((again) => [lines, again] as const),
)

describe('lines that are sent again', () => {
  test.each(cases)('after %i lines, the last %i of them are each there once', async (lines, again) => {
    const stream = createStream('repeats')
    await stream.push(0, lines)
    await stream.push(lines - again, lines)
    await stream.push(lines, lines + 100)
    expect(await seen(stream, lines + 100)).toEqual(once(lines + 100))
  })

  test('are each there once when all of them come again after they have been stored', async () => {
    const stream = createStream('repeats-flushed')
    await stream.push(0, 20_000)
    const response = await fetch(`${stack.urls.loki}/flush`, { method: 'POST' })
    expect(response.status).toBe(204)
    await stream.push(0, 20_000)
    await stream.push(10_000, 22_000)
    expect(await seen(stream, 22_000)).toEqual(once(22_000))
    await fetch(`${stack.urls.loki}/flush`, { method: 'POST' })
    expect(await seen(stream, 22_000)).toEqual(once(22_000))
  })

  test('are each there once when Loki is killed in between, and killed once more afterwards', async () => {
    const stream = createStream('repeats-killed')
    await stream.push(0, 20_000)
    await killLoki()
    await stream.push(5000, 21_000)
    expect(await seen(stream, 21_000)).toEqual(once(21_000))
    await killLoki()
    expect(await seen(stream, 21_000)).toEqual(once(21_000))
  })
})
