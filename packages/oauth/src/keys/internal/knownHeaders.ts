/** Headers that came with a good signature before: issuers have few, and need not be parsed for every token. */
import type { JwtHeader } from "../Jwt.js"

export interface Known {
  /** The text of the header, and the dot after it. */
  readonly start: string
  readonly header: JwtHeader
}

export interface KnownHeaders {
  /** The header that a token begins with, if it is known. */
  readonly of: (token: string) => Known | undefined
  readonly add: (segment: string, header: JwtHeader) => void
}

const most = 256

export const make = (): KnownHeaders => {
  const known = new Map<string, Known>()
  // Most tokens begin as the one before did.
  let last: Known | undefined
  return {
    of: (token) => {
      if (last !== undefined && token.slice(0, last.start.length) === last.start) return last
      const found = known.get(token.slice(0, token.indexOf(".") + 1))
      if (found !== undefined) last = found
      return found
    },
    add: (segment, header) => {
      if (known.size >= most) known.clear()
      const start = `${segment}.`
      known.set(start, { start, header })
    }
  }
}
