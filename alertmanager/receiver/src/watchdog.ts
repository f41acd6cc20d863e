/** Notices that the alert which always fires has stopped arriving. */
export interface WatchdogOptions {
  timeoutSeconds: number
  /** Milliseconds since the epoch. */
  now?: () => number
  /** Told once per silence, with its length so far, in seconds. */
  onMissing: (seconds: number) => void
  /** Told when the silence ends, with its length. */
  onReturn: (seconds: number) => void
}

export type Watchdog = ReturnType<typeof createWatchdog>

/** Silence is measured from the start until the first heartbeat; `check` wants to be called every few seconds. */
export function createWatchdog({ timeoutSeconds, now = Date.now, onMissing, onReturn }: WatchdogOptions) {
  let last = now()
  let heard = false
  let missing = false
  const silence = () => Math.round((now() - last) / 1000)
  return {
    heartbeat() {
      const seconds = silence()
      last = now()
      heard = true
      if (missing) onReturn(seconds)
      missing = false
    },
    check() {
      if (missing || silence() <= timeoutSeconds) return
      missing = true
      onMissing(silence())
    },
    /** `lastSeen` in seconds since the epoch, 0 before the first heartbeat. */
    state: () => ({ missing, heard, silentSeconds: silence(), lastSeen: heard ? last / 1000 : 0 }),
  }
}
