/** Follows the numbers that a process gives its lines (`seq=N`) through its segments, and counts those that are skipped. */

// `<folder>/<boot>-<n>.log`: one process, its n-th file.
const SEGMENT = /^(.*)-\d+\.log$/
const NUMBER = /\bseq=(\d+)/

export function createSequence() {
  let boot = ''
  let next: number | undefined
  let skipped = 0
  return {
    /** The next line of a file; files in the order of their age. */
    see(path: string, line: string): void {
      const number = NUMBER.exec(line)?.[1]
      if (number === undefined) return
      const [, name = path] = SEGMENT.exec(path) ?? []
      // Numbers begin anew with the process. They go on across a segment that was deleted before it was read.
      if (name !== boot) next = undefined
      boot = name
      if (next !== undefined) skipped += Math.max(0, Number(number) - next)
      next = Number(number) + 1
    },
    skipped: () => skipped,
  }
}
