/** For tests: servers on a free port, raw sockets, and what a service observed of them. */
import type { Server } from 'node:http'
import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { expect, onTestFinished, vi } from 'vitest'
import { format, levelOfStatus, parse, type ObservedRequest, type RequestRecord } from './log-line.ts'
import type { Metrics } from './metrics.ts'

/** Listens on a free port of loopback until the test ends. */
export async function listen(server: Server): Promise<{ port: number; origin: string }> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return { port, origin: `http://127.0.0.1:${port}` }
}

/** Opens a connection that is gone when the test ends; errors of a connection that the server resets are expected. */
export async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** Sends bytes as they are and resolves with all that came back until the connection was closed. */
export async function send(port: number, bytes: string): Promise<string> {
  const socket = await open(port)
  let answer = ''
  socket.setEncoding('latin1').on('data', (text: string) => (answer += text))
  socket.write(bytes, 'latin1')
  await once(socket, 'close')
  return answer
}

/** A request whose answer ends the connection; `head` is the request line and further header lines. */
export const message = (head: string, body = ''): string => `${head}\r\nHost: test\r\nConnection: close\r\n\r\n${body}`

/** The series of the histogram and how much each has counted: `['GET /items 200', 3]`. */
export async function series({ requestDuration }: Pick<Metrics, 'requestDuration'>): Promise<[string, number][]> {
  const { values } = requestDuration.get()
  return values
    .filter(({ metricName }) => metricName?.endsWith('_count'))
    .map(({ labels, value }) => {
      const { method, route, status_code } = labels as Record<string, string>
      return [`${method} ${route} ${status_code}`, value]
    })
}

/** As `series`, without those at zero. */
export const counted = async (metrics: Pick<Metrics, 'requestDuration'>): Promise<Record<string, number>> =>
  Object.fromEntries((await series(metrics)).filter(([, count]) => count > 0))

/** Collects request records; each must survive its way through a line. */
export function collector(metrics: Pick<Metrics, 'requestDuration' | 'requests'>) {
  const records: ObservedRequest[] = []
  return {
    records,
    log: (record: ObservedRequest): void => {
      const { kind, time, level, ...read } = parse(
        format({ ...record, kind: 'request', time: 0, level: levelOfStatus(record.status) }),
      ) as RequestRecord
      expect({ kind, time, level, ...read }).toMatchObject({ ...record, durationMs: expect.any(Number) })
      records.push(record)
    },
    /**
     * Waits until `requests` requests have ended; then as many must be in the log as in the histogram, none in flight.
     * Resolves with `GET /items 200` of each, in the order in which they ended.
     */
    seen: async (requests: number): Promise<string[]> => {
      await vi.waitFor(() => expect(records.length).toBeGreaterThanOrEqual(requests), { timeout: 30_000, interval: 5 })
      const counts = Object.values(await counted(metrics))
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(records.length)
      expect(metrics.requests.inFlight).toBe(0)
      expect(records).toHaveLength(requests)
      return records.map(
        ({ method, route, status, aborted }) => `${method} ${route} ${status}${aborted ? ' aborted' : ''}`,
      )
    },
  }
}
