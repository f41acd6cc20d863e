/**
 * What handing one finished line to the disk costs in CPU: this project's writer, winston's File transport and pino's
 * destination, in turns of the event loop with BATCH lines each. They take turns round by round, each in a process of
 * its own, so that a busy machine is as busy for all of them.
 *
 *     node bench/writer.ts
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { pino } from 'pino'
import winston from 'winston'
import { createClock, format } from '../app/src/log-line.ts'
import { createLogWriter } from '../app/src/log-writer.ts'
import { createLog } from '../app/src/logger.ts'

const LINES = 200_000
const BATCH = 100
const ROUNDS = 5

const record = {
  kind: 'general',
  level: 'INFO',
  module: 'facts',
  function: 'serveFact',
  message: 'Served 3 facts to somebody who asked for them politely',
  requestId: '0199f2a8-5c1e-7b6a-9c0d-1a2b3c4d5e6f',
} as const

interface Sink {
  line: (line: string) => unknown
  end: () => Promise<void>
}

const segments = { segmentBytes: 64 * 1024 ** 2, budgetBytes: 512 * 1024 ** 2 }

const sinks: Record<string, (directory: string) => Sink> = {
  'this writer'(directory) {
    const writer = createLogWriter({ directory, ...segments })
    return { line: writer.write, end: async () => writer.close() }
  },
  // The whole way of `logger.info(…)`: winston, the line's format, the writer.
  'this writer behind winston'(directory) {
    const writer = createLogWriter({ directory, ...segments })
    const { logger } = createLog({ writer })
    return {
      line: () => logger.info(record.message, { module: record.module, function: record.function }),
      end: async () => writer.close(),
    }
  },
  "pino's destination"(directory) {
    const destination = pino.destination({ dest: join(directory, 'pino.log'), sync: false, minLength: 4096 })
    return {
      line: (line) => destination.write(line),
      end: () => new Promise((resolve) => (destination.on('close', resolve), destination.end())),
    }
  },
  "pino's destination, synchronous"(directory) {
    const destination = pino.destination({ dest: join(directory, 'pino.log'), sync: true })
    return {
      line: (line) => destination.write(line),
      end: () => new Promise((resolve) => (destination.on('close', resolve), destination.end())),
    }
  },
  "winston's File transport"(directory) {
    const logger = winston.createLogger({
      format: winston.format.printf(({ message }) => String(message)),
      transports: [new winston.transports.File({ dirname: directory, filename: 'winston.log' })],
    })
    return {
      line: (line) => logger.info(line.slice(0, -1)),
      end: () => new Promise((resolve) => (logger.on('finish', () => setTimeout(resolve, 500)), logger.end())),
    }
  },
}

/** Microseconds of CPU per line, and how many lines are in the files afterwards. */
async function measure(name: string): Promise<{ microseconds: number; lines: number }> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-writer-'))
  const sink = sinks[name]?.(directory)
  if (sink === undefined) throw new Error(`no such writer: ${name}`)
  const clock = createClock()
  // Made beforehand: this measures writing, not formatting.
  const lines = Array.from({ length: BATCH }, () => format({ ...record, time: clock() }))
  const write = async (count: number) => {
    for (let n = 0; n < count; n += BATCH) {
      for (const line of lines) sink.line(line)
      await turn()
    }
  }
  await write(LINES / 10)
  const before = process.cpuUsage()
  await write(LINES)
  await sink.end()
  const { user, system } = process.cpuUsage(before)
  const found = readdirSync(directory)
    .map((file) => readFileSync(join(directory, file)))
    .reduce((sum, bytes) => sum + bytes.reduce((count, byte) => count + (byte === 10 ? 1 : 0), 0), 0)
  rmSync(directory, { recursive: true })
  return { microseconds: (user + system) / LINES, lines: found - LINES / 10 }
}

const only = process.argv[2]
if (only === undefined) {
  const results = new Map<string, { microseconds: number; lines: number }[]>()
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of Object.keys(sinks)) {
      const output = execFileSync(process.execPath, [import.meta.filename, name], { encoding: 'utf8' })
      const result = JSON.parse(output) as { microseconds: number; lines: number }
      results.set(name, [...(results.get(name) ?? []), result])
    }
  }
  process.stdout.write(`CPU per line, ${LINES} lines in turns of ${BATCH}, ${ROUNDS} rounds\n`)
  for (const [name, rounds] of results) {
    const sorted = rounds.map(({ microseconds }) => microseconds).toSorted((a, b) => a - b)
    const [least = NaN, median = NaN, most = NaN] = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)]
    const lost = rounds.reduce((sum, { lines }) => sum + LINES - lines, 0)
    process.stdout.write(
      `${name.padEnd(32)} median ${median.toFixed(2)} µs (${least.toFixed(2)} to ${most.toFixed(2)}), lines lost ${lost}\n`,
    )
  }
} else process.stdout.write(JSON.stringify(await measure(only)))
