/**
 * Appends lines to segment files: `<directory>/<boot>-<n>.log`, where `boot` is the UTC start time plus a random part.
 *
 * A segment is only ever appended to: never renamed, never truncated, closed at `segmentBytes`; the oldest are deleted
 * when the folder would pass `budgetBytes`. That leaves a tailer nothing to get wrong. All lines of one turn of the
 * event loop leave in one write of whole records, so that a killed process takes at most the current turn's with it.
 * When the disk fails (full, I/O error) the lines are dropped and counted, and writing goes on in a fresh segment as
 * soon as it can.
 */
import { randomBytes } from 'node:crypto'
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

export interface LogWriterOptions {
  /** The service's own folder; made when absent. */
  directory: string
  /** A segment that has reached this size, in bytes, is closed. */
  segmentBytes: number
  /** What all segments of the folder may take together, in bytes. */
  budgetBytes: number
  /** Told how many lines a failed write cost. */
  onDropped?: (lines: number) => void
  /** Told once when writing begins to fail and once when it works again, in one line; stderr by default. */
  report?: (message: string) => void
  /** Milliseconds since the epoch. */
  now?: () => number
  /** The write of the operating system: returns how many bytes it took. */
  writeBytes?: (descriptor: number, bytes: Uint8Array, offset: number, length: number) => number
}

/** A line, its `\n` included, or what makes it. */
export type Line = string | (() => string)

export const textOf = (line: Line): string => (typeof line === 'string' ? line : line())

export interface LogWriter {
  /**
   * Queues one line; it is in the kernel by the end of this turn of the event loop.
   * Lines made one after another then cost less than those made between two requests, when other code was running.
   */
  write: (line: Line) => void
  /** Writes what is queued now. */
  flush: () => void
  /** Writes what is queued and closes the segment; later lines are written at once. */
  close: () => void
}

/** Thrown when the folder cannot be used at all; the message names folder, user and what to do. */
export class LogFolderError extends Error {
  override name = 'LogFolderError'
}

// What may wait for the end of the turn: a burst writes earlier instead of growing.
const QUEUE_LINES = 256
const RETRY_MS = 1000
// Most turns' lines fit into this; a buffer for each would be more for the garbage collector than they are themselves.
const KEPT_BYTES = 64 * 1024
const NEWLINE = 10

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** `20261121T032420Z-9f3a1c`: sorts by start time, unique per start. */
function bootName(now: number): string {
  const time = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '')
  return `${time}-${randomBytes(3).toString('hex')}`
}

// Not `recursive`: from that Node never returns where a parent is there and takes no folder, as /proc.
function makeDirectory(path: string): void {
  if (existsSync(path)) return
  makeDirectory(dirname(path))
  try {
    mkdirSync(path)
  } catch (error) {
    // Another service may have made it meanwhile.
    if (!existsSync(path)) throw error
  }
}

function useDirectory(directory: string): void {
  try {
    makeDirectory(directory)
    // The dot: a file is no folder.
    accessSync(`${directory}/.`, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new LogFolderError(
      `cannot write log files to ${directory} as uid ${process.getuid?.() ?? 'unknown'}: ${reasonOf(error)}; ` +
        `make the folder writable for this user or set LOG_ROOT to one that is`,
    )
  }
}

// The oldest first: by start, then by number.
const byAge = new Intl.Collator('en', { numeric: true }).compare

/** Deletes the oldest segments until those left take at most `bytes` together. */
function makeRoom(directory: string, bytes: number): void {
  const segments = readdirSync(directory)
    .filter((name) => name.endsWith('.log'))
    .toSorted(byAge)
    .map((name) => ({ path: join(directory, name), size: statSync(join(directory, name)).size }))
  let total = segments.reduce((sum, { size }) => sum + size, 0)
  for (const { path, size } of segments) {
    if (total <= bytes) return
    unlinkSync(path)
    total -= size
  }
}

function countLines(bytes: Uint8Array, length: number): number {
  let lines = 0
  for (let at = bytes.indexOf(NEWLINE); at !== -1 && at < length; at = bytes.indexOf(NEWLINE, at + 1)) lines++
  return lines
}

/** Where the whole records from `start` on end that fit into `room` bytes; `start` when not even one does. */
function endOfRecords(bytes: Buffer, start: number, length: number, room: number): number {
  if (length - start <= room) return length
  return room > 0 ? Math.max(start, bytes.lastIndexOf(NEWLINE, start + room - 1) + 1) : start
}

/** Opens nothing until the first line. Throws `LogFolderError` when the folder cannot be written. */
export function createLogWriter(options: LogWriterOptions): LogWriter {
  const { directory, segmentBytes, budgetBytes, onDropped, now = Date.now, writeBytes = writeSync } = options
  const report = options.report ?? ((message: string) => void process.stderr.write(`${message}\n`))
  useDirectory(directory)

  const boot = bootName(now())
  let segments = 0
  let descriptor: number | undefined
  let size = 0
  const kept = Buffer.allocUnsafeSlow(KEPT_BYTES)
  let queue: Line[] = []
  let scheduled = false
  let closed = false
  let droppedSinceFailure = 0
  let retryAt: number | undefined

  function closeSegment(): void {
    const open = descriptor
    descriptor = undefined
    size = 0
    try {
      if (open !== undefined) closeSync(open)
    } catch {
      // Nothing more can be done for a failing file: what was written to it was counted as written.
    }
  }

  function openSegment(): number {
    makeRoom(directory, budgetBytes - segmentBytes)
    // `ax`: append, and never to a file that is there already.
    return openSync(join(directory, `${boot}-${++segments}.log`), 'ax', 0o644)
  }

  function drop(count: number, error: unknown): void {
    onDropped?.(count)
    droppedSinceFailure += count
    if (retryAt === undefined) {
      report(
        `cannot write log lines to ${directory}: ${reasonOf(error)}; they are dropped and counted in ` +
          `log_lines_dropped_total until writing works again`,
      )
    }
    retryAt = now() + RETRY_MS
  }

  function flush(): void {
    scheduled = false
    const lines = queue
    if (lines.length === 0) return
    queue = []
    if (retryAt !== undefined && now() < retryAt) {
      onDropped?.(lines.length)
      droppedSinceFailure += lines.length
      return
    }
    let text = ''
    for (const line of lines) text += textOf(line)
    // A character takes three bytes at most.
    const bytes = text.length * 3 <= kept.length ? kept : Buffer.allocUnsafe(text.length * 3)
    const length = bytes.write(text)
    let written = 0
    try {
      while (written < length) {
        if (size > 0 && endOfRecords(bytes, written, length, segmentBytes - size) === written) closeSegment()
        let end = endOfRecords(bytes, written, length, segmentBytes - size)
        // A record larger than a segment has one of its own.
        if (end === written) end = Math.min(bytes.indexOf(NEWLINE, written) + 1 || length, length)
        descriptor ??= openSegment()
        while (written < end) {
          const taken = writeBytes(descriptor, bytes, written, end - written)
          written += taken
          size += taken
        }
      }
    } catch (error) {
      drop(lines.length - countLines(bytes, written), error)
      // A record that was cut short ends this segment: the next one must not be glued to it. An empty one is fresh.
      if (size > 0) closeSegment()
      return
    }
    if (retryAt !== undefined) {
      report(`log lines are written to ${directory} again; ${droppedSinceFailure} were dropped`)
      retryAt = undefined
      droppedSinceFailure = 0
    }
  }

  return {
    write(line) {
      queue.push(line)
      if (closed || queue.length >= QUEUE_LINES) flush()
      else if (!scheduled) {
        scheduled = true
        setImmediate(flush)
      }
    },
    flush,
    close() {
      flush()
      closeSegment()
      closed = true
    },
  }
}
