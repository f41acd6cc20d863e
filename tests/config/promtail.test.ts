import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse as parseYaml } from 'yaml'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GENERAL_LINE, LEVELS, REQUEST_LINE } from '../../app/src/log-line.ts'
import { hasImage, run } from '../docker.ts'
import type { Pushed } from './push-receiver.ts'

const root = new URL('../..', import.meta.url).pathname
const read = (name: string): string => readFileSync(`${root}${name}`, 'utf8')

interface Sample {
  name: string
  line: string
  kind: string
  level: string
  /** Null for a malformed line: it gets the time of the line before it, plus a nanosecond. */
  timestamp: string | null
  metadata: Record<string, string>
}

const samples = JSON.parse(read('promtail/samples.json')) as Sample[]

/** All values of `key` in a tree, in the order they are written. */
function valuesOf(key: string, tree: unknown): unknown[] {
  if (typeof tree !== 'object' || tree === null) return []
  return Object.entries(tree).flatMap(([name, value]) => (name === key ? [value] : valuesOf(key, value)))
}

const groupsOf = (text: string): string[] => [...text.matchAll(/\(\?<(\w+)>/g)].map(([, name = '']) => name)

describe('promtail/promtail.yml', () => {
  const config = parseYaml(read('promtail/promtail.yml')) as unknown
  const expressions = valuesOf('expression', config).filter((text) => String(text).includes('<timestamp>'))

  it('reads lines by the very expressions of log-line.ts', () => {
    expect(expressions).toEqual([`(?s)${GENERAL_LINE.source}`, `(?s)${REQUEST_LINE.source}`])
  })

  it('makes metadata of the groups of those expressions, and of no other name', () => {
    const groups = new Set([...groupsOf(GENERAL_LINE.source), ...groupsOf(REQUEST_LINE.source)])
    const metadata = new Set(valuesOf('structured_metadata', config).flatMap((names) => Object.keys(names as object)))
    // A timestamp is the line's time, a level its label; a message is the rest of the line; `aborted` stands in the line.
    for (const name of ['timestamp', 'level', 'message', 'aborted']) groups.delete(name)
    expect(metadata).toEqual(groups)
  })

  // `status` does not stay: the labels of what Promtail sends are compared below.
  it('makes labels of job, kind, level and filename alone, and of status to tell the kind', () => {
    const stages = ['labels', 'static_labels'].flatMap((stage) => valuesOf(stage, config))
    const labels = new Set(stages.flatMap((names) => Object.keys(names as object)))
    expect(labels).toEqual(new Set(['__path__', 'filename', 'job', 'kind', 'level', 'status']))
  })
})

describe('promtail/samples.json', () => {
  it('has every kind, every level, and at least twenty lines, each once', () => {
    expect(new Set(samples.map(({ kind }) => kind))).toEqual(new Set(['general', 'request', 'malformed']))
    const levels = samples.filter(({ kind }) => kind === 'general').map(({ level }) => level)
    expect(new Set(levels)).toEqual(new Set(LEVELS.map((level) => level.toLowerCase())))
    expect(new Set(samples.map(({ line }) => line)).size).toBe(samples.length)
    expect(new Set(samples.map(({ name }) => name)).size).toBe(samples.length)
    expect(samples.length).toBeGreaterThanOrEqual(20)
  })
})

/** `2026-11-21T03:24:20.123456789Z` in nanoseconds since the epoch. */
function nanoseconds(timestamp: string): bigint {
  const [, seconds = '', fraction = ''] = /^(.{19})(?:\.(\d+))?Z$/.exec(timestamp) ?? []
  return BigInt(Date.parse(`${seconds}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, '0'))
}

const docker = (...args: string[]) => run('docker', args, { timeoutMs: 60_000 })

const compose = parseYaml(read('docker-compose.yml')) as {
  services: { promtail: { image: string; command: string[]; user: string } }
}
const { image, command, user } = compose.services.promtail
const NODE_IMAGE = /^FROM (\S+)/m.exec(read('app/Dockerfile'))?.[1] ?? ''

const missing: string[] = []
for (const needed of [image, NODE_IMAGE]) if (!(await hasImage(needed))) missing.push(needed)
const skipped = missing.length > 0 ? ` (skipped: cannot be had here: ${missing.join(', ')})` : ''

describe.skipIf(skipped !== '')(`Promtail, reading a file with these lines${skipped}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'samples-'))
  const name = `promtail-samples-${process.pid}`
  const LONG_LINE = 'z'.repeat(300_000)
  let pushed: Pushed[] = []
  let metrics = ''

  const received = async (): Promise<Pushed[]> =>
    (await docker('logs', `${name}-receiver`)).stdout
      .split('\n')
      .filter(Boolean)
      .map((json) => JSON.parse(json) as Pushed)

  beforeAll(async () => {
    await run('chmod', ['755', folder])
    mkdirSync(join(folder, 'sample-service'))
    const lines = [...samples.map(({ line }) => line), LONG_LINE]
    writeFileSync(join(folder, 'sample-service', 'a.log'), lines.map((line) => `${line}\n`).join(''))

    // In place of Loki: under its name, and where Promtail's container has its network.
    const receiver = `${root}tests/config/push-receiver.ts:/push-receiver.ts:ro`
    const place = ['--name', `${name}-receiver`, '--add-host', 'loki:127.0.0.1', '--volume', receiver]
    await docker('run', '--detach', ...place, '--network', 'none', NODE_IMAGE, 'node', '/push-receiver.ts')
    const mounts = ['--volume', `${root}promtail:/etc/promtail:ro`, '--volume', `${folder}:/var/log/services:ro`]
    const joined = ['--network', `container:${name}-receiver`, '--user', user, '--read-only', '--tmpfs', '/var/tmp']
    const args = command.map((argument) => argument.replace('${ENV_NAME:-local}', 'test'))
    await docker('run', '--detach', '--name', name, ...joined, ...mounts, image, ...args)

    const deadline = Date.now() + 40_000
    while (pushed.length < lines.length && Date.now() < deadline) {
      await sleep(250)
      pushed = await received()
    }
    const ask = `fetch('http://127.0.0.1:9080/metrics').then((answer) => answer.text()).then(console.log)`
    metrics = (await docker('exec', `${name}-receiver`, 'node', '-e', ask)).stdout
  })

  afterAll(async () => {
    await run('docker', ['rm', '--force', '--volumes', name, `${name}-receiver`], { mayFail: true })
    rmSync(folder, { recursive: true })
  })

  it('sends each line once, as it stands', () => {
    expect(pushed.map(({ line }) => line).toSorted()).toEqual(
      [...samples.map(({ line }) => line), LONG_LINE].toSorted(),
    )
  })

  it.each(samples.map((sample, index) => [sample.name, sample, index] as const))('reads %s', (_name, sample, index) => {
    const { labels, time, metadata } = pushed.find(({ line }) => line === sample.line) ?? {}
    expect(labels).toEqual({
      env: 'test',
      filename: '/var/log/services/sample-service/a.log',
      job: 'sample-service',
      kind: sample.kind,
      level: sample.level,
    })
    expect(metadata).toEqual(sample.metadata)
    const before = pushed.find(({ line }) => line === samples[index - 1]?.line)
    const expected = sample.timestamp === null ? BigInt(before?.time ?? 0) + 1n : nanoseconds(sample.timestamp)
    expect(time).toBe(String(expected))
  })

  it('counts the malformed lines for each service', () => {
    const malformed = samples.filter(({ kind }) => kind === 'malformed').length + 1
    expect(metrics).toContain(`promtail_custom_log_lines_malformed_total{job="sample-service"} ${malformed}\n`)
  })
})
