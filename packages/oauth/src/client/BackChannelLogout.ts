/**
 * Logging out, told by the server.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Telemetry from "../http/Telemetry.js"
import * as JwtProfile from "../keys/JwtProfile.js"
import * as JwtVerifier from "../keys/JwtVerifier.js"
import { AuthorizationError } from "../protocol/OAuthError.js"
import type { JwtError, KeyringError } from "../protocol/OAuthError.js"
import * as AuthorizationResponse from "./internal/authorizationResponse.js"
import { opened } from "./internal/encrypted.js"
import { makeOnce } from "./internal/once.js"
import { algorithms } from "./internal/algorithms.js"
import * as OAuthClient from "./OAuthClient.js"

/**
 * Reads the requests by which the server tells that a person has logged out
 * (OpenID Connect Back-Channel Logout 1.0).
 *
 * @since 0.1.0
 * @category services
 */
export class BackChannelLogout extends Context.Tag("effect-oauth/BackChannelLogout")<
  BackChannelLogout,
  BackChannelLogout.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace BackChannelLogout {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Options {
    /** How long ago a logout token may have been issued; 2 minutes. */
    readonly maxAge?: JwtProfile.Options<unknown>["maxAge"]
    /**
     * Whether a logout token is new, by its `jti`, to be remembered until an
     * instant in milliseconds since the epoch: for several processes that share
     * one memory. In this process alone unless given.
     */
    readonly firstUse?: ((tokenId: string, until: number) => Effect.Effect<boolean>) | undefined
    /** Forgets a logout token that `firstUse` remembers, since the sessions could not be ended. */
    readonly forget?: ((tokenId: string) => Effect.Effect<void>) | undefined
  }

  /**
   * Who has logged out: a session, or all sessions of a subject.
   *
   * @since 0.1.0
   * @category models
   */
  export interface LoggedOut {
    /** The `sub` of ID tokens; at a server of many issuers, of those whose `iss` is that of the claims. */
    readonly subject: Option.Option<string>
    /** The `sid` of ID tokens: only that session is to end. Without it, every session of the subject. */
    readonly sessionId: Option.Option<string>
    readonly claims: JwtProfile.LogoutTokenClaims
  }

  /**
   * @since 0.1.0
   * @category errors
   */
  export type VerifyError =
    AuthorizationError | OAuthClient.OAuthClient.MetadataError | JwtError | KeyringError

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Verifies the posted form of a logout request: `logout_token`, once; its
     * signature against the server's keys, by an algorithm of the server's ID
     * tokens; `iss`, `aud`, `iat`, `exp`, the logout event, `sub` or `sid`, no
     * `nonce`; and that its `jti` comes for the first time (section 2.6).
     *
     * Answer 200 once the sessions have ended, and 400 to an `AuthorizationError`
     * or a `JwtError`, with `Cache-Control: no-store` (section 2.8). Any other
     * failure says nothing about the request, and is a 503.
     *
     * Give what ends the sessions as `end`: where that fails or is interrupted,
     * the logout token has not been used, and the server may send it again.
     */
    readonly verify: <E = never, R = never>(
      form: AuthorizationResponse.Response,
      end?: (loggedOut: LoggedOut) => Effect.Effect<unknown, E, R>
    ) => Effect.Effect<LoggedOut, VerifyError | E, R>
  }
}

/**
 * Makes the service for the `OAuthClient` of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: BackChannelLogout.Options = {}
): Effect.Effect<BackChannelLogout.Service, never, OAuthClient.OAuthClient> =>
  Effect.gen(function* () {
    const client = yield* OAuthClient.OAuthClient
    const verifier = yield* JwtVerifier.fromKeyring(client.serverKeys)
    const once = yield* makeOnce
    const { firstUse = once.claim, forget = options.firstUse === undefined ? once.release : nothing } =
      options

    const read = (form: AuthorizationResponse.Response) =>
      Effect.gen(function* () {
        const token = (yield* AuthorizationResponse.read(operation, form)).get("logout_token")
        if (token === undefined || token === "") {
          return yield* refused("malformed", "the request has no logout_token")
        }
        const metadata = yield* client.metadata
        const { claims } = yield* verifier.verify(
          yield* opened(client.decrypter, Redacted.make(token)),
          JwtProfile.logoutToken({
            issuer: client.quirks?.issuers?.accepts ?? client.issuer,
            clientId: client.clientId,
            algorithms: algorithms(metadata.id_token_signing_alg_values_supported),
            maxAge: options.maxAge
          })
        )
        return {
          subject: Option.fromNullable(claims.sub),
          sessionId: Option.fromNullable(claims.sid),
          claims
        }
      })

    /** Reads one that comes for the first time; from there on only `end` can be interrupted. */
    const claimed = (reading: ReturnType<typeof read>) =>
      Effect.tap(reading, ({ claims }) =>
        // Past `exp` and the leeway of the verifier it would be refused anyway.
        Effect.filterOrFail(
          firstUse(claims.jti, (claims.exp + 60) * 1000),
          (isFirst) => isFirst,
          () => refused("replayed", "this logout token has come before")
        )
      ).pipe(Telemetry.flow(operation, { issuer: client.issuer, client_id: client.clientId }))

    return {
      verify: (form, end) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.tap(claimed(restore(read(form))), (loggedOut) =>
            end === undefined
              ? Effect.void
              : Effect.onError(restore(end(loggedOut)), () => forget(loggedOut.claims.jti))
          )
        )
    }
  })

/**
 * Logout requests read otherwise than by default.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerWith = (
  options: BackChannelLogout.Options
): Layer.Layer<BackChannelLogout, never, OAuthClient.OAuthClient> =>
  Layer.effect(BackChannelLogout, make(options))

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<BackChannelLogout, never, OAuthClient.OAuthClient> = layerWith({})

const operation = "BackChannelLogout.verify"

const nothing = (): Effect.Effect<void> => Effect.void

const refused = (reason: AuthorizationError["reason"], problem: string): AuthorizationError =>
  new AuthorizationError({ operation, reason, message: `${operation}: ${problem}.` })
