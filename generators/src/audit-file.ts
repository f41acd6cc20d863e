/** Compares the lines of one log file with what Loki has of it, in a few bytes per line. */
import { hash } from 'node:crypto'

/** What became of the lines of a file. */
export interface FileResult {
  /** Lines in the file. */
  written: number
  /** Of those, the ones that Loki has. */
  stored: number
  missing: number
  /** Missing ones at the very end of the file: they may still be on their way. */
  waiting: number
  /** Times that Loki has a line more often than the file. */
  doubled: number
  /** Lines in Loki that the file never had. */
  forged: number
  /** Lines that Loki keeps as `kind="malformed"`. */
  malformed: number
}

/** A few texts of what is wrong, for people. */
export interface Examples {
  doubled: string[]
  forged: string[]
}

const EXAMPLES = 3

// Invalid UTF-8 is replaced by each reader in its own number of characters.
const plain = (line: string): string => line.replaceAll(/\ufffd+/g, '\ufffd')

const keyOf = (line: string): bigint => hash('md5', plain(line), 'buffer').readBigUInt64LE(0)

/** Grows as it is filled: 8 bytes per line. */
function createKeys() {
  let keys = new BigUint64Array(4096)
  let count = 0
  return {
    add(key: bigint): void {
      if (count === keys.length) {
        const grown = new BigUint64Array(count * 2)
        grown.set(keys)
        keys = grown
      }
      keys[count++] = key
    },
    all: () => keys.subarray(0, count),
  }
}

/** The first place of `key` in sorted keys, or -1. */
function find(keys: BigUint64Array, key: bigint): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] as bigint) < key) low = middle + 1
    else high = middle
  }
  return keys[low] === key ? low : -1
}

/** How many keys from `first` on are equal. */
const equalFrom = (all: BigUint64Array, first: number): number => {
  let end = first + 1
  while (end < all.length && all[end] === all[first]) end++
  return end - first
}

/** First `write` every line of the file, in its order; then `store` every line that Loki has; then ask for the result. */
export function createFileComparison() {
  const keys = createKeys()
  let sorted: BigUint64Array | undefined
  // How often Loki has the line at this place of `sorted`; counted at the first of equal ones.
  let found = new Uint32Array(0)
  let forged = 0
  let malformed = 0
  const examples: Examples = { doubled: [], forged: [] }

  function sort(): BigUint64Array {
    if (sorted === undefined) {
      sorted = keys.all().toSorted()
      found = new Uint32Array(sorted.length)
    }
    return sorted
  }

  return {
    write: (line: string): void => keys.add(keyOf(line)),

    store(line: string, isMalformed: boolean): void {
      const all = sort()
      if (isMalformed) malformed++
      const place = find(all, keyOf(line))
      if (place === -1) {
        forged++
        if (examples.forged.length < EXAMPLES) examples.forged.push(line)
      } else {
        const times = (found[place] = (found[place] ?? 0) + 1)
        if (times > equalFrom(all, place) && examples.doubled.length < EXAMPLES) examples.doubled.push(line)
      }
    },

    /** Whether Loki has the line, for showing those it has not. */
    has: (line: string): boolean => (found[find(sort(), keyOf(line))] ?? 0) > 0,

    examples,

    result(): FileResult {
      const all = sort()
      let stored = 0
      let doubled = 0
      for (let place = 0; place < all.length;) {
        const equal = equalFrom(all, place)
        const times = found[place] ?? 0
        stored += Math.min(times, equal)
        doubled += Math.max(0, times - equal)
        place += equal
      }
      const written = all.length
      const inOrder = keys.all()
      let waiting = 0
      while (waiting < written - stored && found[find(all, inOrder[written - 1 - waiting] ?? 0n)] === 0) waiting++
      return { written, stored, missing: written - stored - waiting, waiting, doubled, forged, malformed }
    },
  }
}
