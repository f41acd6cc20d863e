/** Every Markdown file against the tree: links, file names, `make` targets, commands, and the README against the stack. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { parse as parseYaml } from 'yaml'
import { describe, expect, it } from 'vitest'
import { anchorsOf, blocksOf, linksOf, proseOf } from '../markdown.ts'

const root = join(import.meta.dirname, '../..')
const LEFT_OUT = new Set(['node_modules', '.git', '.fast', 'coverage'])
const files = globSync('**/*', { cwd: root, exclude: (path) => LEFT_OUT.has(path.split('/').at(-1) ?? '') })
  // `**` passes over what begins with a dot.
  .concat(globSync('.{github,ci}/**/*', { cwd: root }), globSync('.*', { cwd: root }))
const names = new Set(files.map((file) => file.split('/').at(-1)))
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

const documents = files.filter((file) => file.endsWith('.md')).toSorted((a, b) => a.localeCompare(b))
const texts = documents.map((file) => ({ file, text: read(file) }))

const makefile = read('Makefile')
const targets = new Set([...makefile.matchAll(/^([a-z][a-z0-9-]*):/gm)].map(([, name]) => name))

/** `break-` stands for all that begin like that. */
const isTarget = (name: string): boolean =>
  name.endsWith('-') ? [...targets].some((target) => target?.startsWith(name)) : targets.has(name)

// Which test reads the blocks of a name.
const RUN_BY: Record<string, string> = {
  service: 'tests/e2e/take-home.test.ts',
  stack: 'tests/e2e/take-home.test.ts',
  copy: 'tests/config/adopt.test.ts',
  plain: 'tests/config/adopt.test.ts',
  python: 'tests/config/adopt.test.ts',
  json: 'tests/config/json-logs.test.ts',
}

// What a reader makes, or what is not a file of this repository.
const NOT_HERE = new Set([
  '.env',
  'docker-compose.override.yml',
  'gateway/tls/cert.pem',
  'gateway/tls/key.pem',
  'gateway/tls/',
  'gateway/tls',
  'prometheus/targets/shop.yml',
])

/** Code in running text. */
const codeIn = (text: string): string[] => [...proseOf(text).matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code)

const EXTENSION = /\.(?:ts|js|yml|yaml|json|md|sh|mjs|env|example)$/

/** The file names among the code, with `:17` and what a place within a file is called cut off. */
const fileNamesIn = (text: string): string[] =>
  codeIn(text)
    .map((code) => code.replace(/:\d+$/, ''))
    .filter((code) => /^[\w.@*-]+(?:\/[\w.@*-]+)*\/?$/.test(code))
    .filter((code) => !/^(?:@|node_modules)/.test(code))
    .filter((code) =>
      code.includes('/')
        ? existsSync(join(root, code.split('/')[0] ?? ''))
        : EXTENSION.test(code) && !code.startsWith('*'),
    )

function exists(name: string, from: string): boolean {
  if (NOT_HERE.has(name)) return true
  if (name.includes('*')) return globSync(name, { cwd: root }).length > 0
  return existsSync(join(root, name)) || existsSync(join(root, dirname(from), name)) || names.has(name)
}

describe.each(texts)('$file', ({ file, text }) => {
  it('links to files and headings that are there', () => {
    const broken = linksOf(text)
      .filter((link) => !/^(?:https?|mailto):/.test(link))
      .filter((link) => {
        const [path = '', anchor] = decodeURI(link).split('#')
        const target = path === '' ? file : relative(root, join(root, dirname(file), path))
        if (target.startsWith('..') || !existsSync(join(root, target))) return true
        return anchor !== undefined && !anchorsOf(read(target)).has(anchor)
      })
    expect(broken).toEqual([])
  })

  it('names files that are there', () => {
    expect(fileNamesIn(text).filter((name) => !exists(name, file))).toEqual([])
  })

  it('calls targets that `make` has', () => {
    const code = [...codeIn(text), ...blocksOf(text).map((block) => block.text)].join('\n')
    const called = [...code.matchAll(/(?<![\w-])make ([a-z][a-z0-9-]*)(…?)/g)].map(([, name = '']) => name)
    expect(called.filter((name) => !isTarget(name))).toEqual([])
  })

  it('has commands that a test runs, or says of them that none does', () => {
    const lines = text.split('\n')
    const unmarked = blocksOf(text)
      .filter(({ language, info }) => /^(?:sh|bash|shell|console)$/.test(language) && !/\bnot-run\b/.test(info))
      .filter(({ attributes, line }) => {
        const { test } = attributes
        if (test === undefined)
          return !lines.slice(Math.max(0, line - 4), line - 1).some((l) => l.startsWith('<!-- not-run'))
        return !(RUN_BY[test] !== undefined && read(RUN_BY[test]).includes(`'${test}'`))
      })
    expect(unmarked.map(({ line, info }) => `line ${line}: ${info}`)).toEqual([])
  })
})

interface Service {
  image?: string
  ports?: string[]
}
const compose = parseYaml(read('docker-compose.yml')) as { services: Record<string, Service> }
const images = Object.values(compose.services).flatMap(({ image }) => image ?? [])
const ports = new Set([...read('.env.example').matchAll(/^#\w*PORT=(\d+)$/gm)].map(([, port]) => port))
const readme = read('README.md')

describe('the documents and docker-compose.yml', () => {
  it.each(texts)('agree on the versions of images in $file', ({ text }) => {
    const bases = [...images, 'node:24-bookworm-slim']
    const repositories = new Set(bases.map((image) => image.split(':')[0]))
    const mentioned = [...text.matchAll(/(?<![\w/.-])([a-z][\w./-]*):(v?\d[\w.-]*\w)/g)]
      .filter(([, repository = '']) => repositories.has(repository))
      .map(([image]) => image)
    expect(mentioned.filter((image) => !bases.includes(image))).toEqual([])
  })

  it.each(texts)('agree on the ports in $file', ({ text }) => {
    const mentioned = [...text.matchAll(/(?:localhost|127\.0\.0\.1):(\d+)/g)].map(([, port]) => port)
    // The port of the foreign service, within its own container.
    expect(mentioned.filter((port) => !ports.has(port) && port !== '3000')).toEqual([])
  })

  it('agree on which services there are, in which order, with which image', () => {
    const rows = [...readme.matchAll(/^\| `([a-z-]+)` +\| ([^|]+)\|/gm)].filter(
      ([, name = '']) => name in compose.services,
    )
    expect(rows.map(([, name]) => name)).toEqual(Object.keys(compose.services))
    const expected = rows.map(
      ([, name = '', what = '']) => compose.services[name]?.image ?? /^\[[\w/]+\/\]/.exec(what)?.[0],
    )
    const written = rows.map(([, , what = '']) =>
      what
        .trim()
        .replaceAll('`', '')
        .replace(/\]\(.*$/, ']'),
    )
    expect(written).toEqual(expected)
  })
})

describe('the tests of the documents', () => {
  it('find what is wrong', () => {
    const text = [
      '# A b',
      '```sh',
      'make up',
      '```',
      '[x](#a-b) [y](nowhere.md) `docs/nothing.md` `make nonsense`',
    ].join('\n')
    expect(linksOf(text)).toEqual(['#a-b', 'nowhere.md'])
    expect(anchorsOf(text)).toEqual(new Set(['a-b']))
    expect(fileNamesIn(text)).toEqual(['docs/nothing.md'])
    expect(exists('docs/nothing.md', 'README.md')).toBe(false)
    expect(blocksOf(text)).toMatchObject([{ language: 'sh', text: 'make up\n', line: 2 }])
    expect(targets.has('nonsense')).toBe(false)
    expect(targets.has('up')).toBe(true)
  })

  it('know every name that a block has', () => {
    const used = texts.flatMap(({ text }) => blocksOf(text).flatMap(({ attributes }) => attributes['test'] ?? []))
    expect(new Set(used)).toEqual(new Set(Object.keys(RUN_BY)))
  })
})
