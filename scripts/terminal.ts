/** Colours, where they are seen: scripts/inside sets COLOR when it prints to a terminal. */

const CODES = { red: 31, green: 32, yellow: 33, blue: 34, grey: 90, bold: 1 } as const

export type Paint = (colour: keyof typeof CODES, text: string) => string

export const createPaint =
  (on: boolean): Paint =>
  (colour, text) =>
    on ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text

/** What a container wrote may move the cursor or worse: control characters are shown, not obeyed. */
export const harmless = (text: string): string =>
  text.replaceAll(
    // oxlint-disable-next-line no-control-regex -- control characters are what has to be found here
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )

/** Rows as columns that are as wide as they have to be; the last one is not filled up. */
export function columns(
  rows: readonly (readonly string[])[],
  paint: (text: string, row: number, column: number) => string,
): string {
  const widths = rows.reduce<number[]>((found, row) => row.map((cell, i) => Math.max(found[i] ?? 0, cell.length)), [])
  return rows
    .map((row, r) =>
      row
        .map((cell, c) => paint(cell, r, c) + (c === row.length - 1 ? '' : ' '.repeat((widths[c] ?? 0) - cell.length)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
