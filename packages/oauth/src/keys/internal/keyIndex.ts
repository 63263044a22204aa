/** Keys by name: what is asked for each token, at a cost that does not grow with the set. */
import { KeyringError } from "../../protocol/OAuthError.js"
import type { VerificationKey } from "../VerificationKey.js"

export interface KeyIndex {
  /** The one key that fits, or why there is none. */
  readonly find: (header: {
    readonly alg: string
    readonly kid?: string | undefined
  }) => VerificationKey | "not_found" | "ambiguous"
}

export const make = (keys: ReadonlyArray<VerificationKey>): KeyIndex => {
  const byKid = new Map<string, ReadonlyArray<VerificationKey>>()
  const byAlgorithm = new Map<string, ReadonlyArray<VerificationKey>>()
  for (const key of keys) {
    if (key.kid !== undefined) byKid.set(key.kid, [...(byKid.get(key.kid) ?? []), key])
    for (const algorithm of key.algorithms) {
      const others = byAlgorithm.get(algorithm) ?? []
      // Two are as ambiguous as a thousand.
      if (others.length < 2) byAlgorithm.set(algorithm, [...others, key])
    }
  }
  return {
    find: ({ alg, kid }) => {
      const candidates = kid === undefined ? byAlgorithm.get(alg) : byKid.get(kid)
      if (candidates === undefined) return "not_found"
      let found: VerificationKey | undefined
      for (const key of candidates) {
        if (!key.algorithms.some((algorithm) => algorithm === alg)) continue
        if (found !== undefined) return "ambiguous"
        found = key
      }
      return found ?? "not_found"
    }
  }
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
