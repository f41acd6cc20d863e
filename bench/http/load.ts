/** A load that costs its own core as little as possible: raw sockets, one request at a time on each. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface LoadOptions {
  port: number
  path: string
  requests: number
  /** Connections that are kept open; each waits for its answer before it asks again. */
  connections?: number
  /** Told how long each answer took, in milliseconds. */
  onAnswer?: (milliseconds: number) => void
}

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

/** Makes `requests` requests and resolves with the seconds they took. */
export async function load({ port, path, requests, connections = 16, onAnswer }: LoadOptions): Promise<number> {
  const message = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: application/json\r\n\r\n`
  let asked = 0

  async function talk(socket: Socket): Promise<void> {
    let answer = ''
    let start = 0
    await new Promise<void>((resolve, reject) => {
      function ask(): void {
        if (asked++ >= requests) {
          resolve()
          return
        }
        start = performance.now()
        socket.write(message)
      }
      socket.setEncoding('latin1').on('error', reject)
      socket.on('close', () => reject(new Error('the server closed a connection')))
      socket.on('data', (text: string) => {
        answer += text
        try {
          if (!isWhole(answer)) return
        } catch (error) {
          reject(error)
          return
        }
        answer = ''
        onAnswer?.(performance.now() - start)
        ask()
      })
      ask()
    })
  }

  const sockets = Array.from({ length: connections }, () => connect({ port, host: '127.0.0.1', noDelay: true }))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  const start = performance.now()
  await Promise.all(sockets.map(talk))
  const seconds = (performance.now() - start) / 1000
  for (const socket of sockets) socket.removeAllListeners('close').destroy()
  return seconds
}
