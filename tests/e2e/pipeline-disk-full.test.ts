import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { run } from '../docker.ts'
import { endOf, exactly, freshService, settledAudit, startPromtail, startWriter } from '../pipeline.ts'
import { eventually, stack } from './stack.ts'

const project = stack.compose[2] ?? ''
const volume = `${project}-small-disk`
const mount = ['--volume', `${volume}:/var/log/services`]
let promtail: string
let keeper: string

// A disk of 8 MB for the logs of one service, and a Promtail with the stack's configuration that reads it.
beforeAll(async () => {
  const options = ['type=tmpfs', 'device=tmpfs', 'o=size=8m,uid=1000,gid=1000']
  await run('docker', ['volume', 'create', ...options.flatMap((option) => ['--opt', option]), volume])
  // It exists as long as somebody holds it.
  keeper = await startWriter({ service: 'none', command: ['-e', 'setInterval(() => {}, 1e6)'], docker: mount })
  promtail = await startPromtail(volume)
})

afterAll(async () => {
  await run('docker', ['rm', '--force', promtail, keeper])
  await run('docker', ['volume', 'rm', volume])
})

const inKeeper = (script: string) => run('docker', ['exec', '--user', '1000', keeper, 'sh', '-c', script])

test(
  'on a full disk lines are dropped and counted, and after it has room again all arrive once',
  { timeout: 300_000 },
  async () => {
    const service = freshService('disk-full')
    await inKeeper('head -c 4000000 /dev/zero > /var/log/services/filler')
    // 4 MB are full after some seconds; one line is about 200 bytes.
    const writer = await startWriter({
      service,
      environment: { LOG_LINES_PER_SECOND: '5000', LOG_SEGMENT_BYTES: '1048576' },
      docker: mount,
    })
    const stderr = async () => (await run('docker', ['logs', writer])).stderr
    await eventually(30, async () => expect(await stderr()).toContain('ENOSPC'))
    await sleep(3000)
    await inKeeper('rm /var/log/services/filler')
    await eventually(30, async () => expect(await stderr()).toContain('are written to'))
    await sleep(1000)
    await run('docker', ['kill', '--signal', '15', writer])
    const end = await endOf(writer)

    // One line says that it fails, and one that it works again: however often it was tried.
    expect(end.stderr.trim().split('\n')).toEqual([
      expect.stringMatching(/^cannot write log lines to .*ENOSPC.*log_lines_dropped_total until writing works again$/),
      expect.stringMatching(/^log lines are written to .* again; \d+ were dropped$/),
    ])
    const { made, dropped } = (JSON.parse(end.stdout.trim().split('\n').at(-1) ?? '') as Stopped).lines
    expect(dropped).toBeGreaterThan(1000)
    const result = await settledAudit('disk-full', { service, written: made - dropped, docker: mount })
    expect(result).toMatchObject(exactly(made - dropped, { unwritten: dropped }))
  },
)

interface Stopped {
  lines: { made: number; dropped: number }
}
