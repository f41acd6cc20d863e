import { expect, test } from 'vitest'
import { parse } from './log-line.ts'
import { textOf } from './log-writer.ts'
import { createLog, type LogOptions } from './logger.ts'
import { requestContext } from './request-context.ts'

function createTestLog(options: Partial<LogOptions> = {}) {
  const lines: string[] = []
  const log = createLog({
    writer: { write: (line) => void lines.push(textOf(line)) },
    ...options,
  })
  return { ...log, lines, records: () => lines.map((line) => parse(line)) }
}

const request = { method: 'GET', uri: '/', requestedBy: '-', durationMs: 1, route: '/' }

test('a message is a line with its level and where it comes from', () => {
  const { logger, lines } = createTestLog({ clock: () => 7 })
  logger.info('Served 3 facts', { module: 'facts', function: 'serveFact' })
  expect(lines).toEqual(['1970-01-01T00:00:00.000007Z | INFO | Module: facts | Function: serveFact | Served 3 facts\n'])
})

test('a child says where its lines come from', () => {
  const { logger, records } = createTestLog()
  const child = logger.child({ module: 'items' })
  child.warn('one', { function: 'f' })
  child.error('two', { module: 'other' })
  logger.fatal('three')
  expect(records()).toMatchObject([
    { level: 'WARN', module: 'items', function: 'f', message: 'one' },
    { level: 'ERROR', module: 'other', function: '-', message: 'two' },
    { level: 'FATAL', module: '-', function: '-', message: 'three' },
  ])
})

test('lines below the level are left out, request lines never', () => {
  const { logger, request: logRequest, records, counts } = createTestLog({ level: 'error' })
  logger.debug('no')
  logger.warn('no')
  logger.error('yes')
  logRequest({ ...request, status: 200 })
  logRequest({ ...request, status: 404 })
  logRequest({ ...request, status: 500 })
  expect(records().map((record) => record?.level)).toEqual(['ERROR', 'INFO', 'WARN', 'ERROR'])
  expect(counts).toEqual({ DEBUG: 0, INFO: 1, WARN: 1, ERROR: 2, FATAL: 0 })
})

test('no line of a burst is lost or late, and all are in the order in which they were logged', () => {
  const { logger, request: logRequest, lines, records } = createTestLog()
  for (let n = 0; n < 10_000; n++) {
    logger.info(`line ${n}`)
    logRequest({ ...request, uri: `/${n}`, status: 200 })
  }
  expect(lines).toHaveLength(20_000)
  expect(lines).toEqual(lines.toSorted())
  expect(records().slice(-2)).toMatchObject([{ message: 'line 9999' }, { uri: '/9999' }])
})

test('a line that is written while a request is served has its id, also after a wait', async () => {
  const { logger, records } = createTestLog()
  logger.info('before')
  await Promise.all(
    ['a', 'b'].map((requestId) =>
      requestContext.run({ requestId }, async () => {
        logger.info('first')
        await new Promise(setImmediate)
        logger.info('second')
      }),
    ),
  )
  logger.info('after')
  const ids = records().map((record) => record?.requestId)
  expect(ids).toEqual([undefined, 'a', 'b', 'a', 'b', undefined])
})

test('a message cannot forge a line, and a template in it is text', () => {
  const { logger, lines, records } = createTestLog()
  const message = 'x\n2026-11-21T03:24:20.123456Z | FATAL | Module: a | Function: b | %s {{7*191}} | Request: 1'
  logger.info(message)
  expect(lines.join('').match(/\n/g)).toHaveLength(1)
  expect(records()).toMatchObject([{ level: 'INFO', message }])
})
