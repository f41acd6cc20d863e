import { setTimeout as sleep } from 'node:timers/promises'
import { Agent } from 'undici'
import { describe, expect, test } from 'vitest'
import { settledAudit } from '../pipeline.ts'
import { compose, eventually, lokiLines, stack } from './stack.ts'

const CLIENTS = 16

/** Sends requests on 16 connections until it is told to stop; collects the ids of those that were answered. */
async function answeredUntil(stop: AbortSignal, prefix: string, answered: string[]): Promise<void> {
  // What was on its way when the service was killed may never be answered.
  const agent = new Agent({ connections: CLIENTS, headersTimeout: 3000, bodyTimeout: 3000 })
  let sent = 0
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      while (!stop.aborted) {
        const id = `${prefix}-${sent++}`
        try {
          const { body } = await agent.request({
            origin: stack.urls.app,
            path: '/cat_facts?count=1',
            method: 'GET',
            headers: { 'x-request-id': id },
          })
          await body.dump()
          answered.push(id)
        } catch {
          await sleep(20)
        }
      }
    }),
  )
  await agent.destroy()
}

describe('the sample service, while it answers requests', () => {
  test.each([
    // The lines of one turn of the event loop go with a killed process: at most one of each connection.
    ['killed', 'SIGKILL', CLIENTS],
    ['told to stop', 'SIGTERM', 0],
  ])('%s, has a line for each request that it has answered', async (name, signal, tolerated) => {
    const from = Date.now()
    const prefix = `${signal}-${from}`.toLowerCase()
    const stop = new AbortController()
    const answered: string[] = []
    const requests = answeredUntil(stop.signal, prefix, answered)
    // In the middle of it.
    await eventually(60, async () => expect(answered.length).toBeGreaterThan(500))
    await compose('kill', '--signal', signal, 'app')
    await sleep(1000)
    stop.abort()
    await requests
    await compose('up', '--detach', '--wait', '--no-deps', 'app')
    const missing = await eventually(60, async () => {
      const lines = await lokiLines(`{job="app", kind="request"} | request_id=~"${prefix}-.+"`, from, Date.now())
      const ids = lines.map(({ metadata }) => metadata['request_id'])
      expect(ids.length).toBe(new Set(ids).size)
      const stored = new Set(ids)
      const without = answered.filter((id) => !stored.has(id))
      expect(without.length).toBeLessThanOrEqual(tolerated)
      return without.length
    })
    const audit = await settledAudit(`app-${name}`, { service: 'app', settleSeconds: 10 })
    console.log(`app ${name}: ${answered.length} answered, ${missing} of them without a line`)
    expect(audit).toMatchObject({ missing: 0, doubled: 0, forged: 0, malformed: 0 })
  })
})
