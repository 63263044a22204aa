/** Keys by name: what is asked for each token, at a cost that does not grow with the set. */
import { KeyringError } from "../../protocol/OAuthError.js"
import type { VerificationKey } from "../VerificationKey.js"

interface Header {
  readonly alg: string
  readonly kid?: string | undefined
}

export interface KeyIndex {
  readonly keys: ReadonlyArray<VerificationKey>
  /** Of a set large enough for looking through it to cost something. */
  readonly byName: ByName | undefined
}

interface ByName {
  readonly kid: ReadonlyMap<string, ReadonlyArray<VerificationKey>>
  readonly algorithm: ReadonlyMap<string, ReadonlyArray<VerificationKey>>
}

const few = 8

export const make = (keys: ReadonlyArray<VerificationKey>): KeyIndex => ({ keys, byName: byName(keys) })

/** The names of a set that is large enough for them. */
export const byName = (keys: ReadonlyArray<VerificationKey>): ByName | undefined => {
  if (keys.length <= few) return undefined
  const kid = new Map<string, ReadonlyArray<VerificationKey>>()
  const algorithm = new Map<string, ReadonlyArray<VerificationKey>>()
  for (const key of keys) {
    if (key.kid !== undefined) kid.set(key.kid, [...(kid.get(key.kid) ?? []), key])
    for (const name of key.algorithms) {
      const others = algorithm.get(name) ?? []
      // Two are as ambiguous as a thousand.
      if (others.length < 2) algorithm.set(name, [...others, key])
    }
  }
  return { kid, algorithm }
}

/** The one key that fits, or why there is none. */
export const find = (index: KeyIndex, { alg, kid }: Header): VerificationKey | "not_found" | "ambiguous" => {
  const { byName } = index
  const candidates =
    byName === undefined ? index.keys : kid === undefined ? byName.algorithm.get(alg) : byName.kid.get(kid)
  if (candidates === undefined) return "not_found"
  let found: VerificationKey | undefined
  for (const key of candidates) {
    if ((kid !== undefined && key.kid !== kid) || !key.algorithms.some((name) => name === alg)) continue
    if (found !== undefined) return "ambiguous"
    found = key
  }
  return found ?? "not_found"
}

const operation = "Keyring.verificationKey"

/** Says that no key, or more than one, is the one; without the names in the token. */
export const noKey = (reason: "not_found" | "ambiguous", issuer: string): KeyringError =>
  new KeyringError({
    operation,
    reason,
    issuer,
    retriable: false,
    message:
      reason === "not_found"
        ? `${operation}: no key of ${issuer} has the name and the algorithm that were asked for.`
        : `${operation}: more than one key of ${issuer} has the name and the algorithm that were asked for.`
  })

/** Says that published keys are not for signing. */
export const signsNothing = (): KeyringError =>
  new KeyringError({
    operation: "Keyring.signingKey",
    reason: "not_found",
    retriable: false,
    message:
      "Keyring.signingKey: the published keys of an issuer sign nothing; combine the keyring with one of your own keys."
  })
