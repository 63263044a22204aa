/** The compact serialisation (RFC 7515 section 7.1). */
import type { JwtClaims, JwtHeader } from "./jwt.js"
import * as Base64Url from "./base64url.js"
import { hasDuplicateMember, parseObject } from "./json.js"

/** Where the dots are: exactly two, with something before, between and after. The first may be known already. */
export const split = (
  token: string,
  first = token.indexOf(".")
): { readonly first: number; readonly second: number } | undefined => {
  if (first < 1) return undefined
  const second = token.indexOf(".", first + 1)
  if (second < first + 2 || second === token.length - 1) return undefined
  return token.indexOf(".", second + 1) < 0 ? { first, second } : undefined
}

/** The longest `kid` that is looked up. */
const maxKid = 1024

/** A header, or what is wrong with it in words that hold nothing of it. */
export const parseHeader = (segment: string): JwtHeader | string => {
  const text = Base64Url.decodeText(segment)
  if (text === undefined) return "is not base64url of UTF-8 text"
  const header = parseObject(text)
  if (header === undefined) return "is not a JSON object"
  if (hasDuplicateMember(text)) return "names a member twice"
  const { alg, kid, typ } = header
  if (typeof alg !== "string" || alg === "") return "has no alg"
  if (kid !== undefined && (typeof kid !== "string" || kid.length > maxKid))
    return "has a kid that is not a short text"
  if (typ !== undefined && typeof typ !== "string") return "has a typ that is not text"
  return { ...header, alg, ...(kid === undefined ? {} : { kid }), ...(typ === undefined ? {} : { typ }) }
}

export const parseClaims = (segment: string, scratch?: Uint8Array): JwtClaims | undefined => {
  const text = Base64Url.decodeText(segment, scratch)
  return text === undefined ? undefined : parseObject(text)
}
