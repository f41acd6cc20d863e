/** What was sent and what came back. */

interface EndpointTally {
  sent: number
  /** Answers by status code. */
  answered: Record<string, number>
  /** Requests without a whole answer, by error code. */
  failed: Record<string, number>
}

const total = (counts: Record<string, number>) => Object.values(counts).reduce((sum, count) => sum + count, 0)

function add(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1
}

export function createTally() {
  const endpoints: Record<string, EndpointTally> = {}
  const answered: Record<string, number> = {}
  const failed: Record<string, number> = {}
  let sent = 0
  let skipped = 0

  const of = (endpoint: string): EndpointTally => (endpoints[endpoint] ??= { sent: 0, answered: {}, failed: {} })

  return {
    sent(endpoint: string): void {
      sent++
      of(endpoint).sent++
    },
    answered(endpoint: string, status: number): void {
      add(answered, String(status))
      add(of(endpoint).answered, String(status))
    },
    failed(endpoint: string, code: string): void {
      add(failed, code)
      add(of(endpoint).failed, code)
    },
    /** A request that was due while every client waited for an answer. */
    skipped(): void {
      skipped++
    },
    get total() {
      return sent
    },
    /** All counts since the start; `sent` is `answered` plus `failed` plus `inFlight`. */
    summary() {
      const answers = total(answered)
      const failures = total(failed)
      return {
        sent,
        answered: answers,
        failed: failures,
        inFlight: sent - answers - failures,
        skipped,
        statuses: { ...answered },
        errors: { ...failed },
        endpoints: structuredClone(endpoints),
      }
    },
  }
}

export type Tally = ReturnType<typeof createTally>
