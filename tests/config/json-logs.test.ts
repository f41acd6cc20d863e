/** The additional pipeline of examples/json-logs, appended as docs/adopt.md says, in the real Promtail. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse as parseYaml } from 'yaml'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasImage, run } from '../docker.ts'
import { commandsOf } from '../markdown.ts'
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

const samples = JSON.parse(read('examples/json-logs/samples.json')) as Sample[]
const PLAIN = '2026-11-21T03:24:20.123456Z | INFO | Module: facts | Function: serveFact | Served 3 facts'

const compose = parseYaml(read('docker-compose.yml')) as {
  services: { promtail: { image: string; command: string[]; user: string } }
}
const { image, command, user } = compose.services.promtail
const NODE_IMAGE = /^FROM (\S+)/m.exec(read('app/Dockerfile'))?.[1] ?? ''

const missing: string[] = []
for (const needed of [image, NODE_IMAGE]) if (!(await hasImage(needed))) missing.push(needed)
const skipped = missing.length > 0 ? ` (skipped: cannot be had here: ${missing.join(', ')})` : ''

const docker = (...args: string[]) => run('docker', args, { timeoutMs: 60_000 })

describe.skipIf(skipped !== '')(`Promtail with the pipeline for JSON appended${skipped}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'json-logs-'))
  const name = `promtail-json-${process.pid}`
  let pushed: Pushed[] = []
  let metrics = ''

  beforeAll(async () => {
    for (const path of ['promtail', 'examples']) cpSync(`${root}${path}`, join(folder, path), { recursive: true })
    for (const { text } of commandsOf(read('docs/adopt.md'), 'json')) await run('bash', ['-ec', text], { cwd: folder })
    const logs = join(folder, 'logs')
    mkdirSync(join(logs, 'json-service'), { recursive: true })
    mkdirSync(join(logs, 'plain-service'))
    writeFileSync(join(logs, 'json-service', 'a.ndjson'), samples.map(({ line }) => `${line}\n`).join(''))
    writeFileSync(join(logs, 'plain-service', 'a.log'), `${PLAIN}\n`)
    await run('chmod', ['-R', 'a+rX', folder])

    // In place of Loki: under its name, and where Promtail's container has its network.
    const receiver = `${root}tests/config/push-receiver.ts:/push-receiver.ts:ro`
    const place = ['--name', `${name}-receiver`, '--add-host', 'loki:127.0.0.1', '--volume', receiver]
    await docker('run', '--detach', ...place, '--network', 'none', NODE_IMAGE, 'node', '/push-receiver.ts')
    const mounts = [
      '--volume',
      `${join(folder, 'promtail')}:/etc/promtail:ro`,
      '--volume',
      `${logs}:/var/log/services:ro`,
    ]
    const joined = ['--network', `container:${name}-receiver`, '--user', user, '--read-only', '--tmpfs', '/var/tmp']
    const args = command.map((argument) => argument.replace('${ENV_NAME:-local}', 'test'))
    await docker('run', '--detach', '--name', name, ...joined, ...mounts, image, ...args)

    const deadline = Date.now() + 40_000
    while (pushed.length < samples.length + 1 && Date.now() < deadline) {
      await sleep(250)
      pushed = (await docker('logs', `${name}-receiver`)).stdout
        .split('\n')
        .filter(Boolean)
        .map((json) => JSON.parse(json) as Pushed)
    }
    const ask = `fetch('http://127.0.0.1:9080/metrics').then((answer) => answer.text()).then(console.log)`
    metrics = (await docker('exec', `${name}-receiver`, 'node', '-e', ask)).stdout
  })

  afterAll(async () => {
    await run('docker', ['rm', '--force', '--volumes', name, `${name}-receiver`], { mayFail: true })
    rmSync(folder, { recursive: true })
  })

  it.each(samples.map((sample, index) => [sample.name, sample, index] as const))('reads %s', (_name, sample, index) => {
    const found = pushed.filter(({ line }) => line === sample.line)
    expect(found).toHaveLength(1)
    expect(found[0]?.labels).toEqual({
      env: 'test',
      filename: '/var/log/services/json-service/a.ndjson',
      job: 'json-service',
      kind: sample.kind,
      level: sample.level,
    })
    expect(found[0]?.metadata).toEqual(sample.metadata)
    const before = pushed.find(({ line }) => line === samples[index - 1]?.line)
    const expected =
      sample.timestamp === null
        ? BigInt(before?.time ?? 0) + 1n
        : BigInt(Date.parse(sample.timestamp)) * 1_000_000n + BigInt(/\.\d{3}(\d{6})/.exec(sample.timestamp)?.[1] ?? 0)
    expect(found[0]?.time).toBe(String(expected))
  })

  it('reads the lines of the other services as before', () => {
    expect(pushed.find(({ line }) => line === PLAIN)?.labels).toMatchObject({ job: 'plain-service', kind: 'general' })
  })

  it('counts the malformed lines for each service', () => {
    const malformed = samples.filter(({ kind }) => kind === 'malformed').length
    expect(metrics).toContain(`promtail_custom_log_lines_malformed_total{job="json-service"} ${malformed}\n`)
    expect(metrics).not.toContain('promtail_custom_log_lines_malformed_total{job="plain-service"}')
  })
})
