/** Tokens whose signature has been checked. */
import type { JwtClaims, JwtHeader } from "../Jwt.js"
import type { VerificationKey } from "../VerificationKey.js"
import { deepFreeze } from "./frozen.js"

export interface VerifiedToken {
  readonly header: JwtHeader
  readonly claims: JwtClaims
  readonly key: VerificationKey
  readonly verifiedAt: number
}

interface Entry {
  readonly token: string
  readonly verified: VerifiedToken
  used: boolean
}

export interface VerifiedTokens {
  readonly get: (token: string) => VerifiedToken | undefined
  /** Whether it is remembered; that it was asked for is not. */
  readonly has: (token: string) => boolean
  readonly add: (token: string, verified: VerifiedToken) => void
  readonly remove: (token: string) => void
  readonly size: () => number
}

/** How much of the end of a token makes its slot: the better part of any signature. */
const tail = 48

/**
 * Bounded; a token is found by its end, then compared as a whole. When full, the
 * oldest that was not asked for since it was last passed over goes (the clock
 * algorithm), so that a flood of new tokens does not drive out those in use.
 */
export const make = (capacity: number): VerifiedTokens => {
  const entries = new Map<string, Entry>()
  const makeRoom = () => {
    for (const [slot, entry] of entries) {
      entries.delete(slot)
      if (!entry.used) return
      entry.used = false
      entries.set(slot, entry)
    }
  }
  return {
    get: (token) => {
      const entry = entries.get(token.slice(-tail))
      if (entry === undefined || entry.token !== token) return undefined
      entry.used = true
      return entry.verified
    },
    has: (token) => entries.get(token.slice(-tail))?.token === token,
    add: (token, verified) => {
      const slot = token.slice(-tail)
      if (!entries.has(slot) && entries.size >= capacity) makeRoom()
      // The same claims are given to whoever presents the token.
      deepFreeze(verified.claims)
      deepFreeze(verified.header)
      entries.set(slot, { token, verified, used: false })
    },
    remove: (token) => {
      const slot = token.slice(-tail)
      if (entries.get(slot)?.token === token) entries.delete(slot)
    },
    size: () => entries.size
  }
}
