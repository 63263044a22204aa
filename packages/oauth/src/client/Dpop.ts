/**
 * Tokens bound to a key (RFC 9449), for a client.
 *
 * @since 0.1.0
 */
import type * as Headers from "@effect/platform/Headers"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as DpopProof from "../keys/DpopProof.js"
import * as Keyring from "../keys/Keyring.js"
import type { JwtError, KeyringError } from "../protocol/OAuthError.js"

/**
 * A key that tokens are bound to, and what servers have asked for in its
 * proofs. Give it to `OAuthClient.layer` as `dpop`: then the token and PAR
 * requests of the client carry proofs, the authorization code is bound to the
 * key (`dpop_jkt`, section 10), and a token that is not bound is refused.
 *
 * A public client's refresh token is bound to the key as well (section 5):
 * keep the key with the session.
 *
 * @since 0.1.0
 * @category models
 */
export interface Dpop {
  /** The RFC 7638 thumbprint of the key. */
  readonly thumbprint: string
  /** A proof for one request, with the nonce that the origin last asked for. */
  readonly proof: (
    method: string,
    url: string,
    accessToken?: Redacted.Redacted<string>
  ) => Effect.Effect<Redacted.Redacted<string>, KeyringError | JwtError>
  /** Remembers the `DPoP-Nonce` of an answer for its origin (section 8.2); tells whether it was a new one. */
  readonly learn: (url: string, headers: Headers.Headers) => Effect.Effect<boolean>
  readonly allowBearer: boolean
}

/**
 * How tokens are bound.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The keyring whose current key is used; a new P-256 key unless given. */
  readonly keyring?: Keyring.Keyring | undefined
  /** Accept an unbound token from a server that does not do DPoP, which gives the protection up. false. */
  readonly allowBearer?: boolean | undefined
}

/** Origins whose nonce is remembered; the one asked for longest ago goes. */
const maxOrigins = 100

/** A nonce is a short text of visible characters (section 8.1). */
const isNonce = (text: string | undefined): text is string =>
  text !== undefined && /^[\x21\x23-\x5B\x5D-\x7E]{1,1024}$/.test(text)

/**
 * Makes the binding to a key.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<Dpop, KeyringError> =>
  Effect.gen(function* () {
    const keyring = options.keyring ?? (yield* Keyring.generate({ alg: "ES256" }))
    const prover = yield* DpopProof.make(keyring)
    const nonces = yield* Ref.make<ReadonlyMap<string, string>>(new Map())
    const originOf = (url: string) => new URL(url).origin

    return {
      thumbprint: prover.thumbprint,
      proof: (method, url, accessToken) =>
        Effect.flatMap(Ref.get(nonces), (known) =>
          prover.prove({ method, url, accessToken, nonce: known.get(originOf(url)) })
        ),
      learn: (url, headers) => {
        const nonce = headers["dpop-nonce"]
        if (!isNonce(nonce)) return Effect.succeed(false)
        return Ref.modify(nonces, (known) => {
          const origin = originOf(url)
          const others = [...known].filter(([other]) => other !== origin).slice(-(maxOrigins - 1))
          return [known.get(origin) !== nonce, new Map([...others, [origin, nonce]])]
        })
      },
      allowBearer: options.allowBearer ?? false
    }
  })
