/** What unknown names may cost: a few fetches in a while, and none twice for the same name. */

export interface FetchBudget {
  /** Counts a fetch, whatever it was for. */
  readonly spend: (now: number) => void
  /** Whether an unknown name may be worth a fetch: fewer than the limit began within the window. */
  readonly allows: (now: number) => boolean
  /** Remembers a name that the issuer's current set does not have. */
  readonly miss: (name: string, now: number) => void
  /** Whether a name was missed within the window. */
  readonly isMissed: (name: string, now: number) => boolean
}

const maxMissed = 128

export const make = (limit: number, window: number): FetchBudget => {
  let spent: ReadonlyArray<number> = []
  let missed = new Map<string, number>()
  return {
    spend: (now) => {
      spent = [...spent, now].slice(-Math.max(limit, 1))
    },
    allows: (now) => spent.filter((at) => now - at < window).length < limit,
    miss: (name, now) => {
      if (missed.size >= maxMissed)
        missed = new Map([...missed].filter(([, until]) => until > now).slice(maxMissed / 2))
      missed.set(name, now + window)
    },
    isMissed: (name, now) => (missed.get(name) ?? 0) > now
  }
}
