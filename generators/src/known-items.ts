/** The items this generator made and may ask for. */

export function createKnownItems(random: () => number) {
  /** How many requests in flight use each item. */
  const uses = new Map<string, number>()

  function draw(ids: string[]): string | undefined {
    return ids[Math.floor(random() * ids.length)]
  }

  return {
    get size() {
      return uses.size
    },
    add(id: string): void {
      if (!uses.has(id)) uses.set(id, 0)
    },
    /** An item for reading or changing, to be given back. */
    borrow(): string | undefined {
      const id = draw([...uses.keys()])
      if (id !== undefined) uses.set(id, (uses.get(id) ?? 0) + 1)
      return id
    },
    giveBack(id: string): void {
      const count = uses.get(id)
      if (count !== undefined) uses.set(id, count - 1)
    },
    /** An item for deleting: forgotten here, and used by no request in flight, which would get a 404. */
    take(): string | undefined {
      const id = draw([...uses].filter(([, count]) => count === 0).map(([unused]) => unused))
      if (id !== undefined) uses.delete(id)
      return id
    },
    forget(id: string): void {
      uses.delete(id)
    },
    clear(): void {
      uses.clear()
    },
  }
}
