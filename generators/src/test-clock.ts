/** For tests: a clock that moves when it is told to. */
export function createClock() {
  let time = 0
  return {
    now: () => time,
    pass(milliseconds: number): void {
      time += milliseconds
    },
  }
}
