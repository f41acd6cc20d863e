import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { parse } from '../../app/src/log-line.ts'
import { start as spawnCommand } from './test-process.ts'

const running: ReturnType<typeof spawnCommand>[] = []
function start(environment: Record<string, string>) {
  const command = spawnCommand('logs', environment)
  running.push(command)
  return command
}
afterEach(() => {
  for (const command of running.splice(0)) command.stop()
})

function linesIn(folder: string): string[] {
  const files = existsSync(folder) ? readdirSync(folder) : []
  return files.flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1))
}

test('A bounded run writes exactly its lines, each once and in order, and exits 0', async () => {
  const command = start({ LOG_MAX_LINES: '5000', LOG_LINES_PER_SECOND: '50000', SERVICE_NAME: 'second', LOG_SEED: '1' })
  const { code, stderr, lines } = await command.ended()
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const written = linesIn(join(command.folder, 'second'))
  expect(written.every((line) => parse(line))).toBe(true)
  expect(written.map((line) => Number(/\bseq=(\d+)/.exec(line)?.[1]))).toEqual(
    Array.from({ length: 5000 }, (_, n) => n + 1),
  )
  expect(lines.at(-1)).toMatchObject({ msg: 'finished', lines: { made: 5000, dropped: 0 } })
})

test('On SIGTERM it writes what it has made, says how much, and exits 0', async () => {
  const command = start({ LOG_LINES_PER_SECOND: '2000' })
  const folder = join(command.folder, 'log-generator')
  await vi.waitUntil(() => linesIn(folder).length > 0, { timeout: 30_000, interval: 20 })
  command.signal('SIGTERM')
  const { code, signal, lines } = await command.ended()
  expect({ code, signal }).toEqual({ code: 0, signal: null })
  expect(lines.at(-1)).toMatchObject({ msg: 'stopped', lines: { made: linesIn(folder).length, dropped: 0 } })
  expect(existsSync(join(command.folder, 'heartbeat'))).toBe(true)
})

test('A wrong value ends with exit 1 and one line that names variable, value, and what is allowed', async () => {
  const { code, stderr } = await start({ LOG_LINES_PER_SECOND: 'abc' }).ended()
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: 'LOG_LINES_PER_SECOND="abc": must be a number from 0 to 50000\n',
  })
})

test('A log folder that cannot be written ends with exit 1 and one line that names user and folder', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'logs-'))
  const file = join(folder, 'file')
  writeFileSync(file, '')
  const { code, stderr } = await start({ LOG_ROOT: file }).ended()
  rmSync(folder, { recursive: true })
  expect(code).toBe(1)
  expect(stderr).toMatch(/^[^\n]+\n$/)
  expect(stderr).toContain(`${file}/log-generator`)
  expect(stderr).toContain(`uid ${process.getuid?.()}`)
})
