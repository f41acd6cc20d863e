import { describe, expect, it } from 'vitest'
import { firingText, readContainers, rowsOf, table } from './status.ts'
import { createPaint, harmless } from './terminal.ts'

const plain = createPaint(false)
const container = (Service: string, more = {}) => ({
  Service,
  State: 'running',
  Health: 'healthy',
  Publishers: null,
  ...more,
})
const of = (job: string, value: number) => ({ metric: { job }, value })

const containers = [
  container('grafana'),
  container('gateway', {
    Publishers: [
      { TargetPort: 3000, PublishedPort: 3001 },
      { TargetPort: 19_090, PublishedPort: 9090 },
    ],
  }),
  container('prometheus', { Health: 'starting' }),
  container('alert-receiver'),
  container('app', { Publishers: [{ TargetPort: 8080, PublishedPort: 8080 }] }),
  container('loki', { State: 'exited', Health: '' }),
]

describe('make status', () => {
  it('shows services in the order of the data, each with its own address and numbers', () => {
    const rows = rowsOf(containers, [of('app', 20.04)], [of('app', 21), of('alerts', 0.1)], [])
    expect(table(rows, plain).split('\n')).toEqual([
      'SERVICE         HEALTH    ADDRESS                REQUESTS/S  LINES/S',
      'app             healthy   http://127.0.0.1:8080  20.0        21.0',
      'loki            exited',
      'prometheus      starting  http://127.0.0.1:9090',
      'alert-receiver  healthy                                      0.1',
      'gateway         healthy',
      'grafana         healthy   http://127.0.0.1:3001',
    ])
  })

  it('shows what joined from elsewhere behind them', () => {
    const rows = rowsOf([], [of('shop', 10)], [of('shop', 10), of('batch', 1)], [of('shop', 1), of('till', 0)])
    expect(rows.map(({ service, health }) => `${service} ${health}`)).toEqual([
      'shop scraped',
      'batch logs only',
      'till not scraped',
    ])
  })

  it('shows what fires, or that nothing does', () => {
    const alert = { metric: { alertname: 'TargetDown', severity: 'critical', job: 'app' }, value: 1 }
    expect(firingText([alert], plain)).toBe('Firing: 1\n  critical  TargetDown of app')
    expect(firingText([], plain)).toBe('No alert fires.')
  })

  it('has colours on a terminal alone', () => {
    const rows = rowsOf(containers, [], [], [])
    expect(table(rows, plain)).not.toContain('\u001b')
    expect(table(rows, createPaint(true))).toContain('\u001b[32mhealthy\u001b[0m')
    expect(table(rows, createPaint(true))).toContain('\u001b[31mexited\u001b[0m')
  })

  it('reads both forms of what Compose prints', () => {
    const text = JSON.stringify(container('app'))
    expect(readContainers(`${text}\n${text}\n`)).toEqual(readContainers(`[${text},${text}]`))
  })
})

describe('a text from outside', () => {
  it('does not move the cursor', () => {
    expect(harmless('a\u001b[2Jb\rc\u009bd\te')).toBe('a\\x1b[2Jb\\x0dc\\x9bd\te')
  })
})
