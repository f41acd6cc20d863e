import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { endOf, exactly, freshService, hasWritten, settledAudit, startWriter, stopWriter } from '../pipeline.ts'
import { compose } from './stack.ts'

// 30,000 lines in 15 s: what is killed is busy.
const RATE = '2000'
const LINES = 30_000

const load = (service: string) =>
  startWriter({ service, environment: { LOG_LINES_PER_SECOND: RATE, LOG_MAX_LINES: String(LINES) } })

const kill = (service: string) => compose('kill', '--signal', 'SIGKILL', service)
const start = (service: string) => compose('up', '--detach', '--wait', '--no-deps', service)

type Fault = [what: string, name: string, fault: () => Promise<void>]

const faults: Fault[] = [
  [
    'Promtail is killed and started again',
    'promtail-killed',
    async () => {
      await kill('promtail')
      await start('promtail')
    },
  ],
  [
    'Promtail is killed while Loki is away',
    'promtail-killed-loki-away',
    async () => {
      await kill('loki')
      // Long enough that positions are saved of lines that nobody has taken.
      await sleep(13_000)
      await kill('promtail')
      await start('loki')
      await start('promtail')
    },
  ],
  [
    'Loki is killed in the middle of taking them',
    'loki-killed',
    async () => {
      await kill('loki')
      await start('loki')
    },
  ],
]

describe('of 30,000 lines each is in Loki once', () => {
  test.each(faults)('when %s', async (_what, name, fault) => {
    const service = freshService(name)
    const writer = await load(service)
    await hasWritten(writer, 1_000_000)
    await fault()
    const { code } = await endOf(writer)
    expect(code).toBe(0)
    const audit = await settledAudit(name, { service, written: LINES })
    expect(audit.examples).toEqual({ missing: [], doubled: [], forged: [] })
    expect(audit).toMatchObject(exactly(LINES))
  })
})

describe('a process that writes lines', () => {
  test('loses none that it has written when it is killed', async () => {
    const service = freshService('writer-killed')
    for (let n = 0; n < 3; n++) {
      const writer = await startWriter({ service, environment: { LOG_LINES_PER_SECOND: '5000' } })
      // All of them together.
      await hasWritten(writer, (n + 1) * 1_000_000)
      await stopWriter(writer, 9)
    }
    const audit = await settledAudit('writer-killed', { service })
    // A gap in the numbers would be a line that was made and is in no file.
    expect(audit).toMatchObject(exactly(audit.written))
    expect(audit.written).toBeGreaterThan(9000)
    expect(audit.files).toBe(3)
  })

  test('writes its last lines when it is stopped', async () => {
    const service = freshService('writer-stopped')
    const writer = await startWriter({ service, environment: { LOG_LINES_PER_SECOND: '5000' } })
    await hasWritten(writer, 1_000_000)
    await stopWriter(writer, 15)
    const audit = await settledAudit('writer-stopped', { service })
    expect(audit).toMatchObject(exactly(audit.written))
    expect(audit.written).toBeGreaterThan(3000)
  })

  test('changes its file several times a second, and nothing is lost at the borders', async () => {
    const service = freshService('segments')
    const writer = await startWriter({
      service,
      environment: { LOG_LINES_PER_SECOND: '5000', LOG_MAX_LINES: '40000', LOG_SEGMENT_BYTES: '262144' },
    })
    await endOf(writer)
    const audit = await settledAudit('segments', { service, written: 40_000 })
    expect(audit).toMatchObject(exactly(40_000))
    expect(audit.files).toBeGreaterThan(20)
  })
})
