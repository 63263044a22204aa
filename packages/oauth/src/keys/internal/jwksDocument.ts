/** What an issuer publishes: its keys, and how long they may be kept. */
import * as Option from "effect/Option"
import type { JsonWebKey } from "../Jwk.js"
import * as Jwk from "../Jwk.js"
import type { VerificationKey } from "../VerificationKey.js"
import * as VerificationKeys from "../VerificationKey.js"
import { isObject } from "./json.js"

/**
 * The keys of a set that are fit to verify with. A private key and a secret are
 * compromised by having been published and are left out, as is what is weak,
 * for another use, or not a key at all: one bad entry does not spoil the rest.
 * A key that was there before stays the same value. Nothing when the document
 * is not a key set.
 */
export const keysOf = (
  issuer: string,
  document: unknown,
  before: ReadonlyArray<VerificationKey>
): ReadonlyArray<VerificationKey> | undefined => {
  if (!isObject(document) || !Array.isArray(document["keys"])) return undefined
  const known = new Map(before.map((key) => [fingerprint(key.jwk, key.onlyFor), key]))
  const keys = new Map<string, VerificationKey>()
  for (const entry of document["keys"]) {
    if (!Jwk.isJsonWebKey(entry) || entry.kty === "oct" || Jwk.isPrivate(entry)) continue
    const name = fingerprint(Jwk.toPublic(entry), entry["issuer"])
    const key = known.get(name) ?? Option.getOrUndefined(VerificationKeys.fromJwk(issuer, entry))
    if (key !== undefined) keys.set(name, key)
  }
  return [...keys.values()]
}

/** A key for another issuer is another key. */
const fingerprint = (jwk: JsonWebKey, onlyFor: unknown): string =>
  onlyFor === undefined ? JSON.stringify(jwk) : JSON.stringify([jwk, onlyFor])

/** The `max-age` of `Cache-Control` in milliseconds, 0 where storing is forbidden (RFC 9111 section 5.2.2). */
export const maxAge = (cacheControl: string | undefined): number | undefined => {
  if (cacheControl === undefined) return undefined
  const directives = cacheControl
    .toLowerCase()
    .split(",", 50)
    .map((directive) => directive.trim())
  if (directives.includes("no-store") || directives.includes("no-cache")) return 0
  const seconds = directives.map((directive) => /^max-age="?(\d{1,9})"?$/.exec(directive)?.[1]).find(Boolean)
  return seconds === undefined ? undefined : Number(seconds) * 1000
}
