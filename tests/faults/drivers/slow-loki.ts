/**
 * Stands between Promtail and Loki: passes every push on, and holds the answer of every fifth one back for longer than
 * Promtail waits. So Loki has the lines, and Promtail sends them again.
 */
import { createServer, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const HOLD_MS = 11_000

let pushes = 0
createServer((incoming, answer) => {
  const slow = ++pushes % 5 === 0
  const { method = 'GET', url = '/', headers } = incoming
  const outgoing = request({ host: process.env['LOKI_HOST'], port: 3100, method, path: url, headers }, (response) => {
    void (async () => {
      if (slow) {
        process.stdout.write(`held back ${pushes}: ${response.statusCode}\n`)
        await sleep(HOLD_MS)
      }
      answer.writeHead(response.statusCode ?? 502)
      response.pipe(answer)
    })()
  })
  outgoing.on('error', () => answer.destroy())
  answer.on('error', () => {})
  incoming.pipe(outgoing)
}).listen(3100)
