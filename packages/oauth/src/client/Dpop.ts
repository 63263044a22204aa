/**
 * Tokens bound to a key (RFC 9449), for a client.
 *
 * @since 0.1.0
 */
import type * as Headers from "@effect/platform/Headers"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type { WireResponse } from "../http/Wire.js"
import * as DpopProof from "../keys/DpopProof.js"
import * as Keyring from "../keys/Keyring.js"
import { ProtocolViolation } from "../protocol/OAuthError.js"
import type { JwtError, KeyringError } from "../protocol/OAuthError.js"
import type { TokenSet } from "../protocol/TokenSet.js"
import type { Nonces } from "./internal/nonceMemory.js"
import * as NonceMemory from "./internal/nonceMemory.js"

export type { Nonces } from "./internal/nonceMemory.js"

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
  readonly proof: (request: Request) => Effect.Effect<Redacted.Redacted<string>, KeyringError | JwtError>
  /** Remembers the `DPoP-Nonce` of an answer for its origin (section 8.2). */
  readonly learn: (url: string, headers: Headers.Headers) => Effect.Effect<void>
  /**
   * Sends a request with a proof, and makes and sends it anew, one time, when the
   * server asks for another nonce than the one in it (sections 8 and 9).
   */
  readonly exchange: <A extends { readonly response: WireResponse }, E, R>(
    request: Request,
    send: (proof: Redacted.Redacted<string>) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | KeyringError | JwtError, R>
  /** Refuses a token that is not bound, unless that was allowed (section 5). */
  readonly requireBound: (
    operation: string,
    tokenType: TokenSet["tokenType"]
  ) => Effect.Effect<void, ProtocolViolation>
}

/**
 * The request that is proved, with the access token that goes beside the proof
 * to a resource.
 *
 * @since 0.1.0
 * @category models
 */
export type Request = Pick<DpopProof.DpopRequest, "method" | "url" | "accessToken">

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
  /** Where nonces are kept from one process to the next: what `StoredNonces.make` makes. In memory alone unless given. */
  readonly nonces?: Nonces | undefined
}

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
    const nonces = yield* NonceMemory.make(options.nonces)
    const originOf = (url: string) => new URL(url).origin

    const nonceFor = (url: string) => nonces.get(originOf(url))

    const learn: Dpop["learn"] = (url, headers) => {
      const nonce = headers["dpop-nonce"]
      return NonceMemory.isNonce(nonce) ? nonces.learn(originOf(url), nonce) : Effect.void
    }
    return {
      thumbprint: prover.thumbprint,
      proof: (request) =>
        Effect.flatMap(nonceFor(request.url), (nonce) => prover.prove({ ...request, nonce })),
      learn,
      exchange: (request, send) =>
        Effect.gen(function* () {
          // Each answer may bring the next nonce, that of the repetition too (section 8.2).
          const attempt = (nonce: string | undefined) =>
            Effect.tap(Effect.flatMap(prover.prove({ ...request, nonce }), send), ({ response }) =>
              learn(request.url, response.headers)
            )
          const sent = yield* nonceFor(request.url)
          const answer = yield* attempt(sent)
          const { response } = answer
          const told = response.headers["dpop-nonce"]
          // Compared with what this proof had: others may have learned the same nonce in the meantime.
          return NonceMemory.isNonce(told) && told !== sent && wantsNonce(response)
            ? yield* attempt(told)
            : answer
        }),
      requireBound: (operation, tokenType) =>
        tokenType === "Bearer" && options.allowBearer !== true ? notBound(operation) : Effect.void
    }
  })

/** An authorization server says so in its error, a resource in its challenge. */
const wantsNonce = ({ body, headers, status }: WireResponse): boolean =>
  (status === 400 || status === 401) &&
  `${headers["www-authenticate"] ?? ""} ${new TextDecoder().decode(body)}`.includes("use_dpop_nonce")

const notBound = (operation: string): ProtocolViolation =>
  new ProtocolViolation({
    operation,
    reason: "mismatch",
    member: "token_type",
    rule: "RFC 9449 section 5: the token for a proof is of type DPoP",
    message: `${operation}: the server issued a Bearer token although a DPoP proof was sent, and whoever steals it can use it. Accept that with Dpop.make({ allowBearer: true }), or leave dpop out.`
  })

/**
 * What is wrong with a token that cannot be sent to a resource: it is none
 * (`N_A`), or it is bound to a key that is not at hand.
 *
 * @since 0.1.0
 * @category errors
 */
export const notUsable = (operation: string, tokenType: TokenSet["tokenType"]): ProtocolViolation =>
  new ProtocolViolation({
    operation,
    reason: "unsupported",
    member: "token_type",
    rule: "RFC 6749 section 7.1: a token of a type that is not understood must not be used",
    message:
      tokenType === "DPoP"
        ? `${operation}: the access token is bound to a key (DPoP), and this client has none. Give the client the dpop that the token was asked for with.`
        : `${operation}: this token is not an access token (${tokenType}).`
  })
