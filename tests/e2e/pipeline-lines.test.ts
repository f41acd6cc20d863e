import { describe, expect, test } from 'vitest'
import { endOf, exactly, freshService, settledAudit, startWriter } from '../pipeline.ts'
import { compose, lokiLines } from './stack.ts'

const HOUR = 3_600_000
const driver = (name: string): string[] => [`tests/faults/drivers/${name}.ts`]

/** Promtail reads the end of each file again after this; what cannot be told apart would be doubled or lost. */
async function restartPromtail(): Promise<void> {
  await compose('kill', '--signal', 'SIGKILL', 'promtail')
  await compose('up', '--detach', '--wait', '--no-deps', 'promtail')
}

/** Writes `lines` equal messages while the clock is moved. */
async function byClock(service: string, lines: number, environment: Record<string, string>): Promise<void> {
  const { code, stderr } = await endOf(
    await startWriter({ service, command: driver('clock'), environment: { LINES: String(lines), ...environment } }),
  )
  expect(stderr).toBe('')
  expect(code).toBe(0)
}

describe('lines that a careless pipeline would lose, double or tear', () => {
  test('line ends, pipes, escapes, control characters, invalid UTF-8, lone surrogates and 300 KB stay one line each', async () => {
    const service = freshService('awkward')
    const writer = await startWriter({ service, command: driver('awkward'), environment: { ROUNDS: '100' } })
    const written = Number((await endOf(writer)).stdout)
    await settledAudit('awkward, before Promtail is killed', { service, written })
    await restartPromtail()
    const audit = await settledAudit('awkward', { service, written })
    expect(audit.examples).toEqual({ missing: [], doubled: [], forged: [] })
    expect(audit).toMatchObject(exactly(1500))
    expect(
      await lokiLines(`{job="${service}"} | module="forged" or function="forge"`, Date.now() - HOUR, Date.now()),
    ).toEqual([])
  })

  test('20,000 equal messages within one millisecond are 20,000 lines, also when they are sent twice', async () => {
    const service = freshService('equal')
    await byClock(service, 20_000, {})
    await settledAudit('equal, before Promtail is killed', { service, written: 20_000 })
    await restartPromtail()
    expect(await settledAudit('equal', { service, written: 20_000 })).toMatchObject(exactly(20_000))
  })

  test('a clock that is set two hours forward and back loses no line', async () => {
    const service = freshService('clock')
    await byClock(service, 20_000, { STEPS_MS: `0,${2 * HOUR},0`, MS_PER_LINE: '0.1' })
    // Another process of the service, by the clock that is right again.
    await byClock(service, 10_000, { MS_PER_LINE: '0.1' })
    expect(await settledAudit('clock', { service, written: 30_000 })).toMatchObject(exactly(30_000))
  })

  test('a clock that is set two hours back and forward loses no line', async () => {
    const service = freshService('clock-back')
    await byClock(service, 20_000, { STEPS_MS: `0,${-2 * HOUR},0`, MS_PER_LINE: '0.1' })
    await byClock(service, 10_000, { STEPS_MS: String(-2 * HOUR), MS_PER_LINE: '0.1' })
    expect(await settledAudit('clock-back', { service, written: 30_000 })).toMatchObject(exactly(30_000))
  })

  test('a backlog of two hours arrives beside new lines', async () => {
    const service = freshService('backlog')
    await compose('stop', 'promtail')
    // 36,000 lines at five a second, the last of them now.
    await byClock(service, 36_000, { STEPS_MS: String(-2 * HOUR), MS_PER_LINE: '200' })
    await byClock(service, 10_000, { MS_PER_LINE: '0.1' })
    await compose('up', '--detach', '--wait', '--no-deps', 'promtail')
    expect(await settledAudit('backlog', { service, written: 46_000 })).toMatchObject(exactly(46_000))
  })
})
