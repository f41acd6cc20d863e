import { describe, expect, it } from 'vitest'
import { readRequest } from './logs.ts'

describe('make logs', () => {
  it('asks for everything of the last 15 minutes unless told', () => {
    expect(readRequest({})).toEqual({ query: '{job=~".+"}', sinceSeconds: 900, limit: 100 })
  })

  it('asks for a service, a level, a text, a time', () => {
    const environment = { SERVICE: 'app', LEVEL: 'ERROR', SEARCH: 'a "b" \\', SINCE: '2h', LIMIT: '5' }
    expect(readRequest(environment)).toEqual({
      query: '{job="app",level="error"} |= "a \\"b\\" \\\\"',
      sinceSeconds: 7200,
      limit: 5,
    })
  })

  it('keeps a service that would be a query of its own a name', () => {
    expect(readRequest({ SERVICE: 'a"} or {job=~".+' }).query).toBe('{job="a\\"} or {job=~\\".+"}')
  })

  it.each([
    [{ LEVEL: 'loud' }, 'LEVEL=loud: must be one of debug, info, warn, error, fatal'],
    [{ SINCE: 'yesterday' }, 'SINCE=yesterday: must be a number and s, m, h or d'],
    [{ LIMIT: '0' }, 'LIMIT=0: must be a whole number from 1 to 5000'],
    [{ LIMIT: '5001' }, 'LIMIT=5001'],
  ])('refuses %j', (environment, message) => {
    expect(() => readRequest(environment)).toThrow(message)
  })
})
