/** Draws from weighted choices. */

export type Weighted<T> = readonly (readonly [weight: number, value: T])[]

/** Makes a draw: each value as often as its weight's share of all weights. `random` is uniform in [0, 1). */
export function createChoice<T>(choices: Weighted<T>, random: () => number): () => T {
  const last = choices.at(-1)
  if (!last) throw new RangeError('nothing to choose from')
  const total = choices.reduce((sum, [weight]) => sum + weight, 0)
  return () => {
    let rest = random() * total
    for (const [weight, value] of choices) {
      rest -= weight
      if (rest < 0) return value
    }
    // Rounding may leave a crumb behind the last weight.
    return last[1]
  }
}
