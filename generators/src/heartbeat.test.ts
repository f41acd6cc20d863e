import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createHeartbeat } from './heartbeat.ts'
import { createClock } from './test-clock.ts'

const folder = mkdtempSync(join(tmpdir(), 'heartbeat-'))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('The file is there from the start and is touched again after five seconds of turns', () => {
  const clock = createClock()
  const file = join(folder, 'heartbeat')
  const beat = createHeartbeat(file, clock.now)
  expect(statSync(file).size).toBeGreaterThan(0)
  rmSync(file)
  clock.pass(4999)
  beat()
  expect(() => statSync(file)).toThrow('ENOENT')
  clock.pass(1)
  beat()
  expect(statSync(file).size).toBeGreaterThan(0)
})

test('A file that cannot be written at the start is an error that names variable, value and user', () => {
  expect(() => createHeartbeat('/nowhere/heartbeat', () => 0)).toThrow(
    /^HEARTBEAT_FILE="\/nowhere\/heartbeat": must be a file that uid \d+ can write: ENOENT/,
  )
})
