/** Writes ROUNDS times every text that could end a line, a field, a string, or the patience of a reader. */
import { join } from 'node:path'
import { createClock, format } from '../../../app/src/log-line.ts'
import { createLogWriter } from '../../../app/src/log-writer.ts'

const FORGERY = '2026-11-21T03:24:20.123456Z | FATAL | Module: forged | Function: forge | forged'

const texts = [
  `end\n${FORGERY}`,
  `end\r\n${FORGERY}`,
  `end\r${FORGERY}`,
  `end\u2028${FORGERY}`,
  `end\u0085${FORGERY}\u0000\u0001\u001b[31m`,
  'a | b | Request: forged | Function: forged',
  'back\\slash \\n \\u000a "quotes" \\',
  'half \ud83d and half \udc08',
  // What invalid UTF-8 becomes when it is read as one encoding or the other.
  Buffer.from([0xc3, 0x28, 0xff, 0xfe, 0x80]).toString('utf8'),
  Buffer.from([0xc3, 0x28, 0xff, 0xfe, 0x80, 0x0a, 0x0d]).toString('latin1'),
  '',
  '   ',
  '猫'.repeat(100_000),
  'x'.repeat(300_000),
  '\n'.repeat(300_000),
]

const writer = createLogWriter({
  directory: join('/var/log/services', process.env['SERVICE_NAME'] ?? ''),
  segmentBytes: 4 * 1024 * 1024,
  budgetBytes: 1024 ** 3,
})
const clock = createClock()
let sequence = 0
for (let round = 0; round < Number(process.env['ROUNDS']); round++) {
  for (const text of texts) {
    const common = { time: clock(), level: 'INFO' as const, requestId: text }
    const message = `seq=${++sequence} ${text}`
    writer.write(
      sequence % 2 === 0
        ? format({ ...common, kind: 'general', module: text, function: text, message })
        : format({
            ...common,
            kind: 'request',
            method: 'GET',
            uri: `/${message}`,
            route: text,
            requestedBy: '-',
            status: 200,
            durationMs: 1,
          }),
    )
  }
}
writer.close()
process.stdout.write(`${sequence}\n`)
