import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createLogWriter, LogFolderError, type LogWriterOptions } from './log-writer.ts'

/** A writer into a folder of its own, with a clock and a disk that the test can break. */
function createWriter(options: Partial<LogWriterOptions> = {}) {
  const directory = options.directory ?? temporaryFolder()
  const state = { now: Date.UTC(2026, 10, 21), writes: 0, dropped: 0, reports: [] as string[] }
  // Set to make the next writes fail: takes `bytes` of each, then throws.
  const disk: { error?: string; bytes?: number } = {}
  const writer = createLogWriter({
    directory,
    segmentBytes: 1024 ** 2,
    budgetBytes: 1024 ** 3,
    now: () => state.now,
    onDropped: (lines) => (state.dropped += lines),
    report: (message) => state.reports.push(message),
    writeBytes(descriptor, bytes, offset, length) {
      state.writes++
      if (disk.bytes) {
        const taken = writeSync(descriptor, bytes, offset, Math.min(disk.bytes, length))
        delete disk.bytes
        return taken
      }
      if (disk.error) throw new Error(disk.error)
      return writeSync(descriptor, bytes, offset, length)
    },
    ...options,
  })
  return {
    writer,
    state,
    disk,
    directory,
    /** Names of the segments, in the order in which they were written. */
    names: () => readdirSync(directory).toSorted(new Intl.Collator('en', { numeric: true }).compare),
    sizes() {
      return this.names().map((name) => statSync(join(directory, name)).size)
    },
    contents() {
      return this.names().map((name) => readFileSync(join(directory, name), 'utf8'))
    },
    text() {
      return this.contents().join('')
    },
  }
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'log-writer-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, n) => `line ${from + n}\n`)

describe('lines', () => {
  test('that are still to be made are made in their turn, in one write with the others', async () => {
    const { writer, state, ...files } = createWriter()
    const [first = '', second = '', third = '', fourth = ''] = numbered(0, 4)
    let made = 0
    const later = (line: string) => () => {
      made++
      return line
    }
    writer.write(first)
    writer.write(later(second))
    writer.write(third)
    writer.write(later(fourth))
    expect(made).toBe(0)
    await turn()
    expect([made, state.writes, files.text()]).toEqual([2, 1, numbered(0, 4).join('')])
    writer.write(later('before the end\n'))
    writer.close()
    writer.write(later('after it\n'))
    expect([made, files.text()]).toEqual([4, `${numbered(0, 4).join('')}before the end\nafter it\n`])
  })

  test('of one turn of the event loop leave in one write, at its end', async () => {
    const { writer, state, ...files } = createWriter()
    for (const line of numbered(0, 100)) writer.write(line)
    expect(state.writes).toBe(0)
    await turn()
    expect(state.writes).toBe(1)
    for (const line of numbered(100, 200)) writer.write(line)
    await turn()
    expect(state.writes).toBe(2)
    expect(files.text()).toBe(numbered(0, 200).join(''))
  })

  test('leave at once with flush, and nothing is written without lines', async () => {
    const { writer, state, ...files } = createWriter()
    writer.flush()
    await turn()
    expect(files.names()).toEqual([])
    writer.write('one\n')
    writer.flush()
    expect(files.text()).toBe('one\n')
    await turn()
    expect(state.writes).toBe(1)
  })

  test('that wait when the writer is closed are written, and later ones at once', () => {
    const { writer, ...files } = createWriter()
    writer.write('before\n')
    writer.close()
    expect(files.text()).toBe('before\n')
    writer.write('after\n')
    expect(files.contents()).toEqual(['before\n', 'after\n'])
  })

  test('of a burst do not wait in memory: at most 256', () => {
    const { writer, ...files } = createWriter({ segmentBytes: 1024 ** 3, budgetBytes: 1024 ** 4 })
    const line = `${'x'.repeat(1023)}\n`
    for (let n = 0; n < 10_000; n++) writer.write(line)
    expect(files.sizes()[0]).toBeGreaterThan(10_000 * 1024 - 257 * 1024)
  })

  test('are whole when the kernel takes them in parts', () => {
    const { writer, state, ...files } = createWriter({
      writeBytes: (descriptor, bytes, offset, length) => writeSync(descriptor, bytes, offset, Math.min(length, 7)),
    })
    for (const line of numbered(0, 50)) writer.write(`${line.trimEnd()} é😀\n`)
    writer.flush()
    expect(files.text()).toBe(
      numbered(0, 50)
        .map((line) => `${line.trimEnd()} é😀\n`)
        .join(''),
    )
    expect(state.dropped).toBe(0)
  })

  test('of a short turn hold nothing of a long one before it, however long that was', () => {
    const { writer, ...files } = createWriter({ segmentBytes: 1024 ** 3, budgetBytes: 1024 ** 4 })
    const turns = [1, 60_000, 2, 21_845, 21_846, 3].map((length) => `${'é'.repeat(length)}😀\n`)
    for (const line of turns) {
      writer.write(line)
      writer.flush()
    }
    expect(files.text()).toBe(turns.join(''))
  })

  test('of a process that is killed are in the file once their turn is over', async () => {
    const directory = temporaryFolder()
    const code = `
      import { createLogWriter } from ${JSON.stringify(new URL('log-writer.ts', import.meta.url).href)}
      const writer = createLogWriter({ directory: ${JSON.stringify(directory)}, segmentBytes: 65536, budgetBytes: 2 ** 30 })
      for (let n = 0; n < 20000; n++) writer.write('line ' + n + '\\n')
      setImmediate(() => process.kill(process.pid, 'SIGKILL'))
      setInterval(() => writer.write('never\\n'))`
    const node = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url))
    const child = spawn(node, ['--input-type=module', '--eval', code], { stdio: 'inherit' })
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
    expect(createWriter({ directory }).text().startsWith(numbered(0, 20_000).join(''))).toBe(true)
  })
})

describe('a segment', () => {
  test('has a name that is unique to its start and sorts by time, and is never written to by another start', () => {
    const first = createWriter()
    const second = createWriter({ directory: first.directory })
    first.writer.write('first\n')
    first.writer.flush()
    second.writer.write('second\n')
    second.writer.flush()
    first.writer.write('third\n')
    first.writer.flush()
    expect(first.contents().toSorted()).toEqual(['first\nthird\n', 'second\n'])
    for (const name of first.names()) expect(name).toMatch(/^20261121T000000Z-[\da-f]{6}-1\.log$/)
  })

  test('is closed before it would pass its size, and none is changed after that', () => {
    const { writer, ...files } = createWriter({ segmentBytes: 100 })
    const lines = numbered(0, 100)
    const seen = new Map<string, string>()
    for (const line of lines) {
      writer.write(line)
      writer.flush()
      // All but the current one.
      for (const [n, name] of files.names().slice(0, -1).entries()) {
        const content = files.contents()[n] ?? ''
        expect(content).toBe(seen.get(name) ?? content)
        seen.set(name, content)
      }
    }
    expect(Math.max(...files.sizes())).toBeLessThanOrEqual(100)
    expect(files.text()).toBe(lines.join(''))
  })

  test('holds whole records when a batch does not fit into its room', () => {
    const { writer, ...files } = createWriter({ segmentBytes: 100 })
    writer.write('0 started\n')
    writer.flush()
    const lines = ['exactly nineteen ·\n', ...numbered(0, 1000), 'é'.repeat(40), '\n']
    for (const line of lines) writer.write(line)
    writer.flush()
    expect(files.text()).toBe(`0 started\n${lines.join('')}`)
    for (const content of files.contents()) expect(content).toMatch(/\n$/)
    expect(Math.max(...files.sizes())).toBeLessThanOrEqual(100)
  })

  test('of its own holds a record that is larger than a segment', () => {
    const { writer, ...files } = createWriter({ segmentBytes: 100 })
    const large = `${'x'.repeat(500)}\n`
    for (const line of ['before\n', large, 'after\n']) writer.write(line)
    writer.flush()
    expect(files.contents()).toEqual(['before\n', large, 'after\n'])
  })
})

describe('the budget', () => {
  test('is kept by deleting the oldest segments, of earlier starts first', () => {
    const directory = temporaryFolder()
    writeFileSync(join(directory, '20251121T000000Z-ffffff-9.log'), 'x'.repeat(90))
    writeFileSync(join(directory, '20251121T000000Z-ffffff-10.log'), 'y'.repeat(90))
    writeFileSync(join(directory, 'not-a-segment.txt'), 'z'.repeat(900))
    const { writer, ...files } = createWriter({ directory, segmentBytes: 100, budgetBytes: 250 })
    writer.write(`${'1'.repeat(49)}\n`)
    writer.flush()
    expect(files.contents()).toEqual(['y'.repeat(90), `${'1'.repeat(49)}\n`, 'z'.repeat(900)])
    for (let n = 2; n < 100; n++) {
      writer.write(`${String(n).padStart(49)}\n`)
      writer.flush()
      const sizes = files.sizes().slice(0, -1)
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(250)
    }
    expect(files.text()).toMatch(/ 98\n +99\n/)
  })

  test('never costs the segment that is being written', () => {
    const { writer, ...files } = createWriter({ segmentBytes: 100, budgetBytes: 10 })
    for (const line of numbered(0, 30)) {
      writer.write(line)
      writer.flush()
      expect(files.text()).toContain(line)
    }
    expect(files.names()).toHaveLength(1)
  })
})

describe.each(['ENOSPC: no space left on device, write', 'EIO: i/o error, write'])('after %s', (error) => {
  test('the service goes on, each lost line is counted, and there is one report', async () => {
    const { writer, state, disk, ...files } = createWriter()
    writer.write('before\n')
    await turn()
    disk.error = error
    for (let second = 0; second < 10; second++) {
      for (const line of numbered(0, 7)) writer.write(line)
      await turn()
      state.now += 700
    }
    expect(state.dropped).toBe(70)
    expect(state.reports).toEqual([expect.stringMatching(/^cannot write log lines to [^\n]+log_lines_dropped_total/)])
    expect(state.reports[0]).toContain(error)
    expect(files.contents().filter(Boolean)).toEqual(['before\n'])
  })

  test('the disk is not tried with each batch, and no empty files pile up', async () => {
    const { writer, state, disk, ...files } = createWriter()
    disk.error = error
    for (let second = 0; second < 60; second++) {
      for (let n = 0; n < 10; n++) {
        writer.write('lost\n')
        await turn()
        state.now += 100
      }
    }
    expect(state).toMatchObject({ dropped: 600, writes: 60 })
    expect(files.names()).toHaveLength(1)
  })

  test('writing goes on by itself in a fresh segment, and that is reported once', async () => {
    const { writer, state, disk, ...files } = createWriter()
    for (let outage = 1; outage <= 3; outage++) {
      writer.write(`before ${outage}\n`)
      await turn()
      disk.error = error
      writer.write('lost\n')
      await turn()
      delete disk.error
      writer.write('lost, too\n')
      await turn()
      state.now += 1000
      writer.write(`after ${outage}\n`)
      await turn()
      expect(state.dropped).toBe(2 * outage)
      expect(state.reports).toHaveLength(2 * outage)
      expect(state.reports.at(-1)).toMatch(/^log lines are written to .* again; 2 were dropped$/)
    }
    expect(files.contents()).toEqual(['before 1\n', 'after 1\nbefore 2\n', 'after 2\nbefore 3\n', 'after 3\n'])
  })

  test('a record that was cut short is not glued to the next, and those before it are not counted as lost', async () => {
    const { writer, state, disk, ...files } = createWriter()
    for (const line of numbered(0, 5)) writer.write(line)
    disk.bytes = 'line 0\nline 1\nlin'.length
    disk.error = error
    await turn()
    expect(state.dropped).toBe(3)
    delete disk.error
    state.now += 1000
    writer.write('after\n')
    await turn()
    expect(files.contents()).toEqual(['line 0\nline 1\nlin', 'after\n'])
    expect(state.dropped).toBe(3)
  })
})

test('a descriptor that has become useless is given up for a fresh segment', async () => {
  let broken = -1
  const { writer, state, ...files } = createWriter({
    writeBytes(descriptor, bytes, offset, length) {
      if (state.writes++ === 1) closeSync((broken = descriptor))
      return writeSync(descriptor, bytes, offset, length)
    },
  })
  writer.write('before\n')
  await turn()
  writer.write('lost\n')
  await turn()
  expect(broken).toBeGreaterThan(0)
  state.now += 1000
  writer.write('after\n')
  await turn()
  expect(files.contents()).toEqual(['before\n', 'after\n'])
  expect(state).toMatchObject({ dropped: 1, reports: [expect.stringContaining('EBADF'), expect.anything()] })
})

test('a folder that goes away costs the lines until it is back', async () => {
  const { writer, state, directory, ...files } = createWriter({ segmentBytes: 10 })
  writer.write('before\n')
  await turn()
  rmSync(directory, { recursive: true })
  writer.write('lost, and long enough for a new segment\n')
  await turn()
  expect(state.dropped).toBe(1)
  mkdirSync(directory)
  state.now += 1000
  writer.write('x\n')
  await turn()
  expect(files.text()).toBe('x\n')
})

describe('a folder that cannot be written', () => {
  test('is an error of one line that names the folder, the user and what to do', () => {
    const file = join(temporaryFolder(), 'file')
    writeFileSync(file, '')
    for (const directory of [file, join(file, 'app'), '/proc/nothing/app']) {
      const create = () => createLogWriter({ directory, segmentBytes: 1, budgetBytes: 1 })
      expect(create).toThrow(LogFolderError)
      expect(create).toThrow(
        new RegExp(`^cannot write log files to ${directory} as uid ${process.getuid?.()}: .+; make`),
      )
      expect(create).not.toThrow(/\n/)
    }
  })

  test('is made when it is absent', () => {
    const { writer, ...files } = createWriter({ directory: join(temporaryFolder(), 'logs', 'app') })
    writer.write('x\n')
    writer.flush()
    expect(files.text()).toBe('x\n')
  })
})
