import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { createMetrics } from '../app/src/metrics.ts'
import {
  judgeLines,
  judgeMetrics,
  judgeQueries,
  judgeRefusal,
  judgeTarget,
  judgeValues,
  readPage,
  readRequest,
  type Finding,
} from './adopt-findings.ts'

const lineCounts = { DEBUG: 0, INFO: 0, WARN: 0, ERROR: 0, FATAL: 0 }

/** The page of the sample service after one request. */
async function samplePage(labels = { method: 'GET', route: '/items/:id', status_code: '200' }): Promise<string> {
  const { registry, requestDuration } = createMetrics({ version: '1', lineCounts })
  requestDuration.observe(labels, 0.1)
  return registry.metrics()
}

const problems = (findings: readonly Finding[]): string[] =>
  findings.filter(({ verdict }) => verdict === 'problem').map(({ text }) => text)

const notes = (findings: readonly Finding[]): string[] =>
  findings.filter(({ verdict }) => verdict === 'note').map(({ text }) => text)

const without = (name: string, text: string): string => text.replaceAll(new RegExp(`^${name}.*$`, 'gm'), '')

/** A page of `count` series, the labels of each made from its number. */
const pageOf = (count: number, labels: (n: number) => string) =>
  readPage(Array.from({ length: count }, (_, n) => `a{${labels(n)}} 1`).join('\n'))
const user = (n: number): string => `user="${n}"`
const twoLabels = (n: number): string => `x="${n % 80}",y="${Math.floor(n / 80)}"`

const kind = (name: string, value: number) => ({ metric: { kind: name }, value })
const asked = (expr: string, rows: number, more = {}) => ({ where: 'panel 1 "Is it up?"', expr, rows, ...more })

describe('make adopt-check', () => {
  it('takes a target and a job, and waits for a minute unless told', () => {
    expect(readRequest({ TARGET: 'shop:3000', JOB: 'shop' })).toEqual({
      target: 'shop:3000',
      job: 'shop',
      waitSeconds: 60,
    })
    expect(readRequest({ TARGET: 'a.b-c:1', JOB: 'a_b', WAIT: '0' })?.waitSeconds).toBe(0)
  })

  it.each([
    {},
    { TARGET: 'shop', JOB: 'shop' },
    { TARGET: 'http://shop:3000', JOB: 'shop' },
    { TARGET: 'shop:3000/metrics', JOB: 'shop' },
    { TARGET: 'shop:3000', JOB: 'a"b' },
    { TARGET: 'shop:3000' },
    { TARGET: 'shop:3000', JOB: 'shop', WAIT: 'long' },
  ])('does not take %j', (environment) => {
    expect(readRequest(environment)).toBeUndefined()
  })
})

describe('a page of metrics', () => {
  it('of the sample service has everything, and stays bounded', async () => {
    const page = readPage(await samplePage())
    expect(page.broken).toBeUndefined()
    expect(page.samples.length).toBeGreaterThan(50)
    const findings = [...judgeMetrics(page), ...judgeValues(page)]
    expect(findings.filter(({ verdict }) => verdict !== 'ok')).toEqual([])
  })

  it('is read with its labels unescaped, with times, without labels, with every kind of number', () => {
    const text = [
      '# HELP a b',
      'a 1',
      'a{x="1\\"2,\\n",y=""} 0.5 1795231460123',
      'a{le="+Inf",} +Inf',
      'a NaN',
      'a 1e-05',
    ].join('\n')
    const { samples, broken } = readPage(text)
    expect(broken).toBeUndefined()
    expect(samples.map(({ labels }) => labels)).toEqual([{}, { x: '1"2,\n', y: '' }, { le: '+Inf' }, {}, {}])
  })

  it.each(['<!doctype html>', 'a', 'a{x=1} 2', 'a{x="1"', '{"a":1}', 'a one'])('is none: %s', (text) => {
    expect(readPage(`ok 1\n${text}\n`).broken).toEqual({ line: 2, text })
  })

  it('without the histogram costs the overview, without the version a mark', async () => {
    const text = await samplePage()
    expect(problems(judgeMetrics(readPage(without('http_request_duration', text))))).toEqual([
      'http_request_duration_seconds_bucket is not there; lost: traffic, failures, latency, the error budget and every alert on them',
    ])
    const noVersion = judgeMetrics(readPage(without('app_build_info', text)))
    expect(problems(noVersion)).toEqual([])
    expect(notes(noVersion)).toEqual(['app_build_info is not there; lost: the marks of deploys'])
  })

  it('names the label and the buckets that are missing', () => {
    const page = readPage(
      'http_request_duration_seconds_bucket{method="GET",handler="/",status_code="200",le="0.5"} 1\n',
    )
    expect(problems(judgeMetrics(page))).toEqual(
      expect.arrayContaining([
        expect.stringContaining('http_request_duration_seconds_bucket lacks the label route'),
        expect.stringContaining('has no bucket le="0.3", le="1.2"'),
      ]),
    )
  })

  it.each([
    ['an id', { route: '/items/17' }, 'route="/items/17" is a path'],
    ['a UUID', { route: '/items/0199f2c4-7b1e-7c3a-9d52-4f0c8a6b1e27/x' }, 'is a path'],
    ['a query', { route: '/items?full=1' }, 'is a path'],
    ['a method in lower case', { method: 'get' }, 'method="get"'],
    ['a status that is none', { status_code: 'ok' }, 'status_code="ok"'],
  ])('with %s for a label value is not bounded', async (_what, labels, text) => {
    const page = readPage(await samplePage({ method: 'GET', route: '/items/:id', status_code: '200', ...labels }))
    expect(problems(judgeValues(page))).toEqual([expect.stringContaining(text)])
  })

  it.each(['/v1/items/:id', '/2fa', 'unmatched', '/', '/shops/:shop/orders'])(
    'may have the route %s',
    async (route) => {
      const page = readPage(await samplePage({ method: 'GET', route, status_code: '2xx' }))
      expect(problems(judgeValues(page))).toEqual([])
    },
  )

  it('with a label of a hundred and one values, or with more series than the limit, is not bounded', async () => {
    expect(problems(judgeValues(pageOf(101, user)))).toEqual(['the label user has 101 values'])
    const limit = /^ +sample_limit: (\d+)$/m
    const texts = await readFile(`${import.meta.dirname}/../prometheus/prometheus.yml`, 'utf8')
    const most = Number(limit.exec(texts.slice(texts.indexOf('job_name: services')))?.[1])
    expect(problems(judgeValues(pageOf(most, twoLabels)))).toEqual([])
    expect(problems(judgeValues(pageOf(most + 1, twoLabels)))).toEqual([expect.stringContaining(`${most + 1} series`)])
  })

  it.each([
    ['ENOTFOUND', 'no container is called shop there'],
    ['EAI_AGAIN', 'no container is called shop there'],
    ['ECONNREFUSED', 'nothing listens on port 3000'],
    ['404', 'GET /metrics'],
    ['The operation was aborted due to timeout', 'does it answer in time?'],
  ])('that cannot be had because of %s says what to do', (code, next) => {
    expect(judgeRefusal('shop:3000', code)).toMatchObject({
      verdict: 'problem',
      next: expect.stringContaining(next) as string,
    })
  })
})

describe('a target', () => {
  const target = { labels: { job: 'shop' }, scrapeUrl: 'http://shop:3000/metrics', health: 'up', lastError: '' }
  it.each([
    ['is scraped', [target], 'ok', 'Prometheus scrapes shop:3000 as the job shop'],
    ['is not known', [], 'problem', 'Prometheus has no target shop:3000'],
    ['has another job', [{ ...target, labels: { job: 'services' } }], 'problem', 'as the job services, not shop'],
    ['fails', [{ ...target, health: 'down', lastError: 'connection refused' }], 'problem', 'connection refused'],
    ['is new', [{ ...target, health: 'unknown' }], 'problem', 'not scraped shop:3000 yet'],
  ])('that %s is told so', (_what, targets, verdict, text) => {
    expect(judgeTarget(targets, 'shop:3000', 'shop')).toMatchObject({
      verdict,
      text: expect.stringContaining(text) as string,
    })
  })
})

describe('lines', () => {
  const streams = [
    { job: 'shop', env: 'local', kind: 'request', level: 'info', filename: '/var/log/services/shop/a.log' },
  ]
  const fine = { byKind: [kind('request', 9), kind('general', 2)], streams, jobs: ['shop'] }

  it('of both kinds are fine', () => {
    expect(judgeLines(fine, 'shop')).toEqual([{ verdict: 'ok', text: '11 lines in 5 minutes: 9 request, 2 general' }])
  })

  it('that are not there are told with the jobs that are', () => {
    expect(problems(judgeLines({ ...fine, byKind: [], jobs: ['app', 'shp'] }, 'shop'))).toEqual([
      'Loki has no line of the job shop in the last 5 minutes; it has app, shp',
    ])
  })

  it('that cannot be read are counted, with one of them', () => {
    const byKind = [...fine.byKind, kind('malformed', 3)]
    expect(problems(judgeLines({ ...fine, byKind, malformed: 'GET / 200' }, 'shop'))).toEqual([
      '3 of them malformed, such as "GET / 200"',
    ])
  })

  it('without a request, with a label too many, or in too many streams are told', () => {
    expect(problems(judgeLines({ ...fine, byKind: [kind('general', 2)] }, 'shop'))).toEqual(['no line of a request'])
    const labelled = [{ ...streams[0], user: '17' }] as Record<string, string>[]
    expect(problems(judgeLines({ ...fine, streams: labelled }, 'shop'))).toEqual(['Loki labels beyond the five: user'])
    const many = Array.from({ length: 201 }, () => streams).flat()
    expect(problems(judgeLines({ ...fine, streams: many }, 'shop'))).toEqual(['201 streams in an hour'])
  })
})

describe('queries', () => {
  it('without rows name the panel and what it says', () => {
    const findings = judgeQueries([asked('min(up)', 1), asked('min(x)', 0, { noValue: 'Not scraped' })], 1)
    expect(problems(findings)).toEqual(['panel 1 "Is it up?" says "Not scraped": min(x)'])
    expect(findings.at(-1)?.text).toBe('1 of 2 queries of the overview have something to show')
  })

  it('about what fires or fails may be empty', () => {
    const quiet = [asked('max(ALERTS{alertstate="firing"})', 0), asked('{job=~"shop",level=~"error|fatal"}', 0)]
    expect(problems(judgeQueries(quiet, 1))).toEqual([])
  })

  it('about the sample service are no problem', () => {
    const findings = judgeQueries([asked('sum(rate(cat_facts_served_total[1m]))', 0)], 1)
    expect(problems(findings)).toEqual([])
    expect(notes(findings)).toEqual(['panel 1 "Is it up?" is about the sample service'])
  })

  it('that fail are told with what the store says', () => {
    expect(problems(judgeQueries([asked('min(', 0, { error: 'parse error' })], 1))).toEqual([
      'panel 1 "Is it up?": parse error',
    ])
  })

  it('without any request are not told one by one', () => {
    expect(problems(judgeQueries([asked('min(x)', 0), asked('max(x)', 0)], 0))).toEqual([
      'no request in the last minute, so most panels are empty',
    ])
  })
})
