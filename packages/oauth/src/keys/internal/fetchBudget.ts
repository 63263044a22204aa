/** What unknown names may cost: a few fetches in a while, and none twice for the same name. */

const maxMissed = 128

export class FetchBudget {
  #spent: ReadonlyArray<number> = []
  #missed: Map<string, number> | undefined

  /** Counts a fetch, whatever it was for; of the last `limit` it is remembered when they began. */
  spend(now: number, limit: number): void {
    this.#spent = [...this.#spent, now].slice(-Math.max(limit, 1))
  }

  /** Whether an unknown name may be worth a fetch: fewer than the limit began within the window. */
  allows(now: number, limit: number, window: number): boolean {
    return this.#spent.filter((at) => now - at < window).length < limit
  }

  /** Remembers until when a name that the issuer's current set does not have is not looked for again. */
  miss(name: string, now: number, until: number): void {
    if (this.#missed !== undefined && this.#missed.size >= maxMissed) {
      this.#missed = new Map([...this.#missed].filter(([, end]) => end > now).slice(maxMissed / 2))
    }
    this.#missed ??= new Map()
    this.#missed.set(name, until)
  }

  isMissed(name: string, now: number): boolean {
    return (this.#missed?.get(name) ?? 0) > now
  }
}
