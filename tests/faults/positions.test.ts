import { describe, expect, test } from 'vitest'
import { compose } from '../e2e/stack.ts'
import { endOf, exactly, freshService, settledAudit, startWriter } from '../pipeline.ts'

/** Runs a script where the positions lie. */
const inPositions = (script: string) =>
  compose('run', '--rm', '--no-deps', '-T', '--entrypoint', 'bash', 'promtail', '-c', script)

describe('positions', { timeout: 300_000 }, () => {
  const cases: [what: string, name: string, script: string][] = [
    ['are gone', 'positions-gone', 'rm /var/tmp/positions.yaml'],
    ['are empty', 'positions-empty', ': > /var/tmp/positions.yaml'],
    ['are damaged', 'positions-damaged', "printf 'positions:\\n  /var/log: \"12\\0\\0' > /var/tmp/positions.yaml"],
  ]
  test.each(cases)(
    'that %s make Promtail read everything again, and each line is there once',
    async (_, name, script) => {
      const service = freshService(name)
      const environment = { LOG_LINES_PER_SECOND: '5000', LOG_MAX_LINES: '30000', LOG_SEGMENT_BYTES: '1048576' }
      await endOf(await startWriter({ service, environment }))
      await settledAudit(`${name}, before`, { service, written: 30_000 })
      await compose('stop', 'promtail')
      await inPositions(script)
      await compose('up', '--detach', '--wait', '--no-deps', 'promtail')
      const { stdout } = await compose('logs', '--no-log-prefix', '--tail', '50', 'promtail')
      expect(stdout).toMatch(/promtail\/start: .*positions.yaml.*: reading every file from its beginning/)
      expect(await settledAudit(name, { service, written: 30_000 })).toMatchObject(exactly(30_000))
    },
  )
})
