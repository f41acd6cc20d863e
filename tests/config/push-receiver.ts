/**
 * Takes what Promtail pushes to Loki and prints one JSON object per line of log. Runs in a container of its own, with
 * nothing but Node: so it reads the two formats of a push, snappy and protobuf, itself.
 */
import { createServer } from 'node:http'

export interface Pushed {
  labels: Record<string, string>
  /** Nanoseconds since the epoch, in decimal. */
  time: string
  line: string
  /** Without the empty ones: Loki keeps none of them. */
  metadata: Record<string, string>
}

/** Base-128 number at `at`; returns it and where it ends. */
function varint(bytes: Uint8Array, at: number): [bigint, number] {
  let value = 0n
  for (let shift = 0n; ; shift += 7n) {
    const byte = bytes[at++]
    if (byte === undefined) throw new Error('a number runs past the end')
    value |= BigInt(byte & 0x7f) << shift
    if (byte < 0x80) return [value, at]
  }
}

const littleEndian = (bytes: Uint8Array, at: number, size: number): number => Buffer.from(bytes).readUIntLE(at, size)

/** The block format: https://github.com/google/snappy/blob/main/format_description.txt */
export function unsnappy(bytes: Uint8Array): Uint8Array {
  const [size, start] = varint(bytes, 0)
  const out = new Uint8Array(Number(size))
  let at = start
  let end = 0
  const copy = (length: number, distance: number) => {
    for (let i = 0; i < length; i++, end++) out[end] = out[end - distance] ?? 0
  }
  while (at < bytes.length) {
    const tag = bytes[at++] ?? 0
    const upper = tag >> 2
    if ((tag & 3) === 0) {
      const extra = Math.max(0, upper - 59)
      const length = (extra === 0 ? upper : littleEndian(bytes, at, extra)) + 1
      at += extra
      out.set(bytes.subarray(at, at + length), end)
      at += length
      end += length
    } else if ((tag & 3) === 1) {
      copy((upper & 7) + 4, ((tag >> 5) << 8) | (bytes[at++] ?? 0))
    } else {
      const wide = (tag & 3) === 2 ? 2 : 4
      copy(upper + 1, littleEndian(bytes, at, wide))
      at += wide
    }
  }
  return out
}

type Field = [number: number, value: bigint | Uint8Array]

/** The fields of a protobuf message whose values are numbers or length-delimited. */
function fields(bytes: Uint8Array): Field[] {
  const found: Field[] = []
  for (let at = 0; at < bytes.length;) {
    const [key, afterKey] = varint(bytes, at)
    const [value, afterValue] = varint(bytes, afterKey)
    if ((key & 7n) === 0n) {
      found.push([Number(key >> 3n), value])
      at = afterValue
    } else if ((key & 7n) === 2n) {
      at = afterValue + Number(value)
      found.push([Number(key >> 3n), bytes.subarray(afterValue, at)])
    } else throw new Error(`wire type ${key & 7n} does not occur in a push`)
  }
  return found
}

const messages = (bytes: Uint8Array, number: number): Uint8Array[] =>
  fields(bytes).flatMap(([field, value]) => (field === number && typeof value !== 'bigint' ? [value] : []))
const text = (bytes: Uint8Array, number: number): string => Buffer.from(messages(bytes, number)[0] ?? []).toString()
const integer = (bytes: Uint8Array, number: number): bigint =>
  fields(bytes).flatMap(([field, value]) => (field === number && typeof value === 'bigint' ? [value] : []))[0] ?? 0n

/** `{job="app", level="info"}` */
const readLabels = (set: string): Record<string, string> =>
  Object.fromEntries(
    [...set.matchAll(/(\w+)=("(?:[^"\\]|\\.)*")/g)].map(([, name, value = '']) => [name, JSON.parse(value) as string]),
  )

/** PushRequest { streams = 1 { labels = 1, entries = 2 { timestamp = 1, line = 2, structuredMetadata = 3 } } } */
export const readPush = (request: Uint8Array): Pushed[] =>
  messages(request, 1).flatMap((stream) =>
    messages(stream, 2).map((entry) => {
      const time = messages(entry, 1)[0] ?? new Uint8Array()
      return {
        labels: readLabels(text(stream, 1)),
        time: String(integer(time, 1) * 1_000_000_000n + integer(time, 2)),
        line: text(entry, 2),
        metadata: Object.fromEntries(
          messages(entry, 3)
            .map((pair) => [text(pair, 1), text(pair, 2)])
            .filter(([, value]) => value !== ''),
        ),
      }
    }),
  )

if (import.meta.main) {
  createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      for (const pushed of readPush(unsnappy(Buffer.concat(parts)))) process.stdout.write(`${JSON.stringify(pushed)}\n`)
      response.writeHead(204).end()
    })
  }).listen(3100, '0.0.0.0')
}
