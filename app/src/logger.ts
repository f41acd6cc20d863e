/** winston in front, our lines behind: `logger.info('Served 3 facts', { module: 'facts', function: 'serveFact' })`. */
import winston from 'winston'
import Transport from 'winston-transport'
import {
  createClock,
  format,
  formatRequest,
  levelOfStatus,
  LEVELS,
  type Level,
  type ObservedRequest,
} from './log-line.ts'
import type { LogWriter } from './log-writer.ts'
import { requestContext } from './request-context.ts'

export type LevelName = Lowercase<Level>

const PRIORITIES = { fatal: 0, error: 1, warn: 2, info: 3, debug: 4 } as const satisfies Record<LevelName, number>

/** What a caller says beside the message: where it comes from. */
export interface Origin {
  module: string
  function: string
}

export interface Logger extends Record<LevelName, (message: string, origin?: Partial<Origin>) => unknown> {
  /** A logger whose lines come from `origin` unless they say otherwise. */
  child: (origin: Partial<Origin>) => Logger
}

export interface Log {
  logger: Logger
  /** Writes a request line; its level follows its status. */
  request: (observed: ObservedRequest) => void
  /** How many lines of each level were handed to the writer so far. */
  counts: Readonly<Record<Level, number>>
}

export interface LogOptions {
  writer: Pick<LogWriter, 'write'>
  /** The least level of general lines that is written; request lines always are. */
  level?: LevelName
  /** Microseconds since the epoch, strictly increasing. */
  clock?: () => number
}

/** Makes the one log of a process: general lines by way of winston, request lines straight to the writer. */
export function createLog({ writer, level: least = 'info', clock = createClock() }: LogOptions): Log {
  const counts = Object.fromEntries(LEVELS.map((name) => [name, 0])) as Record<Level, number>

  class LineTransport extends Transport {
    override log(info: { level: LevelName; message: unknown } & Partial<Origin>, next: () => void): void {
      const name = info.level.toUpperCase() as Level
      const requestId = requestContext.getStore()?.requestId
      counts[name]++
      writer.write(
        format({
          kind: 'general',
          time: clock(),
          level: name,
          module: info.module ?? '-',
          function: info.function ?? '-',
          message: String(info.message),
          ...(requestId === undefined ? {} : { requestId }),
        }),
      )
      next()
    }
  }

  return {
    logger: winston.createLogger({
      levels: PRIORITIES,
      level: least,
      // The line is formatted once, by the transport.
      format: winston.format((info) => info)(),
      transports: [new LineTransport()],
    }) as unknown as Logger,
    request(observed) {
      const level = levelOfStatus(observed.status)
      counts[level]++
      const time = clock()
      writer.write(() => formatRequest(time, level, observed))
    },
    counts,
  }
}
