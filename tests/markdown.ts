/** Markdown as the tests of the documents read it. */

export interface Block {
  /** The whole info string: `sh test=service`. */
  info: string
  language: string
  /** What stands behind the language: `{ test: 'service' }`. */
  attributes: Record<string, string>
  text: string
  /** Counted from 1. */
  line: number
}

/** The fenced blocks, in order. */
export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = []
  let open: { fence: string; info: string; line: number; text: string[]; indent: number } | undefined
  for (const [index, line] of markdown.split('\n').entries()) {
    const [, indent = '', fence = '', info = ''] = /^( *)(`{3,}|~{3,})(.*)$/.exec(line) ?? []
    if (open === undefined) {
      if (fence !== '') open = { fence, info: info.trim(), line: index + 1, text: [], indent: indent.length }
    } else if (fence.startsWith(open.fence) && info.trim() === '') {
      const [language = '', ...rest] = open.info.split(/\s+/)
      const attributes = Object.fromEntries(
        rest.map((word): [string, string] => {
          const [name = '', value = ''] = word.split('=')
          return [name, value]
        }),
      )
      blocks.push({ info: open.info, language, attributes, text: `${open.text.join('\n')}\n`, line: open.line })
      open = undefined
    } else open.text.push(line.slice(open.indent))
  }
  return blocks
}

/** The blocks that a test runs under this name: ```` ```sh test=NAME ````. */
export const commandsOf = (markdown: string, name: string): Block[] =>
  blocksOf(markdown).filter(({ attributes }) => attributes['test'] === name)

/** The text without its fenced blocks and comments. */
export const proseOf = (markdown: string): string =>
  markdown.replaceAll(/^( *)(`{3,}|~{3,})[^\n]*\n[\s\S]*?^\1\2`*~*[ ]*$/gm, '').replaceAll(/<!--[\s\S]*?-->/g, '')

/** The anchors of the headings, as GitHub makes them. */
export function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of proseOf(markdown).matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const text = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
      .replaceAll(' ', '-')
    let anchor = text
    for (let n = 1; anchors.has(anchor); n++) anchor = `${text}-${n}`
    anchors.add(anchor)
  }
  return anchors
}

/** Where the links and images lead. */
export const linksOf = (markdown: string): string[] =>
  [
    ...proseOf(markdown)
      .replaceAll(/`[^`\n]*`/g, '``')
      .matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)|<(https?:[^>\s]+)>/g),
  ].map(([, target, bare]) => target ?? bare ?? '')
