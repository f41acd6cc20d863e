/** A load that costs its own core as little as possible: raw sockets, one request at a time on each. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/**
 * Keeps this process from sleeping: it looks for answers again and again. A process that sleeps has to be woken by the
 * server's write of its answer. On a virtual machine that costs the server up to a third of a bare request, and a slow
 * server, whose load has more time to fall asleep, pays for it more often.
 *
 * @returns what lets it sleep again
 */
export function stayAwake(): () => void {
  let next = setImmediate(look)
  function look(): void {
    next = setImmediate(look)
  }
  return () => clearImmediate(next)
}

export interface LoadOptions {
  port: number
  path: string
  /** Connections that are kept open; each waits for its answer before it asks again. */
  connections?: number
}

export interface Load {
  /** Makes `requests` requests and resolves with the seconds they took; `onAnswer` is told the milliseconds of each. */
  send: (requests: number, onAnswer?: (milliseconds: number) => void) => Promise<number>
  close: () => void
}

const CLOSED = 'the server closed a connection'
const HEAD_END = '\r\n\r\n'
const HEAD = /^HTTP\/1\.1 200 .*\r\nContent-Length: (\d+)\r\n/is

/** Whether an answer is whole. Throws on anything but a 200 with a length. */
function isWhole(answer: string): boolean {
  const end = answer.indexOf(HEAD_END)
  if (end === -1) return false
  const length = HEAD.exec(answer)?.[1]
  if (length === undefined) throw new Error(`unexpected answer: ${answer.slice(0, 400)}`)
  return answer.length >= end + HEAD_END.length + Number(length)
}

/** Opens the connections, and keeps them. */
export async function openLoad({ port, path, connections = 16 }: LoadOptions): Promise<Load> {
  const message = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: application/json\r\n\r\n`
  const sockets = Array.from({ length: connections }, () => connect({ port, host: '127.0.0.1', noDelay: true }))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  for (const socket of sockets) socket.setEncoding('latin1')

  async function send(requests: number, onAnswer?: (milliseconds: number) => void): Promise<number> {
    let asked = 0

    async function talk(socket: Socket): Promise<void> {
      if (socket.destroyed) throw new Error(CLOSED)
      let answer = ''
      let sentAt = 0
      await new Promise<void>((resolve, reject) => {
        function ask(): void {
          if (asked++ >= requests) {
            resolve()
            return
          }
          sentAt = performance.now()
          socket.write(message)
        }
        socket.on('error', reject)
        socket.on('close', () => reject(new Error(CLOSED)))
        socket.on('data', (text: string) => {
          answer += text
          try {
            if (!isWhole(answer)) return
          } catch (error) {
            reject(error)
            return
          }
          answer = ''
          onAnswer?.(performance.now() - sentAt)
          ask()
        })
        ask()
      })
      socket.removeAllListeners()
    }

    const start = performance.now()
    await Promise.all(sockets.map(talk))
    return (performance.now() - start) / 1000
  }

  return {
    send,
    close() {
      for (const socket of sockets) socket.destroy()
    },
  }
}
