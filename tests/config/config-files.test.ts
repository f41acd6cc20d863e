import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { hasImage, run } from '../docker.ts'

const root = new URL('../..', import.meta.url).pathname

interface Program {
  image: string
  /** The folder with its configuration, and where it is mounted. */
  folder: string
  mount: string
  file: string
  /** Arguments of `docker run`: the program's own check. */
  check: string[]
}

const imageOf = (name: string): string =>
  new RegExp(`image: (${name}:\\S+)`).exec(readFileSync(`${root}docker-compose.yml`, 'utf8'))?.[1] ?? ''

const programs: Program[] = [
  {
    image: imageOf('grafana/promtail'),
    folder: 'promtail',
    mount: '/etc/promtail',
    file: 'promtail.yml',
    check: ['-config.file=/etc/promtail/promtail.yml', '-check-syntax'],
  },
  {
    image: imageOf('grafana/loki'),
    folder: 'loki',
    mount: '/etc/loki',
    file: 'loki.yml',
    check: ['-config.file=/etc/loki/loki.yml', '-verify-config'],
  },
  {
    image: imageOf('prom/prometheus'),
    folder: 'prometheus',
    mount: '/etc/prometheus',
    file: 'prometheus.yml',
    check: ['check', 'config', '/etc/prometheus/prometheus.yml'],
  },
]

function check({ image, folder, mount, check: args }: Program, from = root) {
  const entrypoint = folder === 'prometheus' ? ['--entrypoint', '/bin/promtool'] : []
  const options = ['--rm', '--network', 'none', '--env', 'ENV_NAME=test', '--volume', `${from}/${folder}:${mount}:ro`]
  return run('docker', ['run', ...options, ...entrypoint, image, ...args], { mayFail: true, timeoutMs: 50_000 })
}

/** Runs `body` in a folder that is readable for every user and gone afterwards. */
async function inCopy(paths: string[], body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'config-'))
  try {
    for (const path of paths) cpSync(`${root}${path}`, join(folder, path), { recursive: true })
    await run('chmod', ['-R', 'a+rX', folder])
    await body(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const change = (file: string, edit: (text: string) => string): void => {
  const text = readFileSync(file, 'utf8')
  const edited = edit(text)
  expect(edited).not.toBe(text)
  writeFileSync(file, edited)
}

const typos: [what: string, edit: (text: string) => string][] = [
  ['a bracket that is never closed', (text) => `${text}\ntypo: [`],
  ['a misspelt key', (text) => `${text}\nscrape_konfigs: []\n`],
]

const available = new Map<string, boolean>()
for (const { image } of programs) available.set(image, await hasImage(image))

const table = programs.map((program) => ({
  ...program,
  program,
  note: available.get(program.image) ? '' : ` (skipped: the image ${program.image} cannot be had here)`,
}))

describe.each(table)('$folder/$file$note', ({ program, folder, file, note }) => {
  it.skipIf(note !== '')('passes the check of its own program', async () => {
    expect(await check(program)).toMatchObject({ code: 0 })
  })

  it.skipIf(note !== '').each(typos)('with %s ends in an error that names the file', async (_what, edit) => {
    await inCopy([folder], async (copy) => {
      change(join(copy, folder, file), edit)
      const { code, stdout, stderr } = await check(program, copy)
      expect(code).not.toBe(0)
      expect(stdout + stderr).toContain(file)
    })
  })
})

describe('docker-compose.yml', () => {
  it.each([
    ['a bracket that is never closed', (text: string) => `${text}\ntypo: [`],
    ['a misspelt key', (text: string) => text.replace('mem_limit:', 'memory_limit:')],
  ])('with %s ends in an error that names the file', async (_what, edit) => {
    // For a file that is no YAML, Compose names the line alone: scripts/preflight, which `make up` asks, adds the file.
    await inCopy(['docker-compose.yml', 'scripts'], async (copy) => {
      change(join(copy, 'docker-compose.yml'), edit)
      const { code, stderr } = await run('scripts/preflight', [], { cwd: copy, mayFail: true })
      expect(code).not.toBe(0)
      expect(stderr).toContain('docker-compose.yml')
    })
  })
})
