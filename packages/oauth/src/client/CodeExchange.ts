/**
 * The authorization code grant at the token endpoint.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Telemetry from "../http/Telemetry.js"
import type { IdTokenClaims } from "../keys/JwtProfile.js"
import type { VerifiedJwt } from "../keys/JwtVerifier.js"
import * as GrantType from "../protocol/GrantType.js"
import type { AuthorizationError, ProtocolViolation } from "../protocol/OAuthError.js"
import type { TokenSet } from "../protocol/TokenSet.js"
import type { AuthorizationCode } from "./AuthorizationTransaction.js"
import { refuse } from "./internal/authorizationResponse.js"
import { makeOnce } from "./internal/once.js"
import { violation } from "./internal/violation.js"
import * as TokenRequest from "./internal/tokenRequest.js"
import * as OAuthClient from "./OAuthClient.js"
import type { TokenEndpoint } from "./TokenEndpoint.js"

/**
 * Exchanges an authorization code for tokens (RFC 6749 section 4.1.3, RFC 7636
 * section 4.5, RFC 8707 section 2.2) and verifies the ID token (OpenID Connect
 * Core section 3.1.3.7).
 *
 * @since 0.1.0
 * @category services
 */
export class CodeExchange extends Context.Tag("effect-oauth/CodeExchange")<
  CodeExchange,
  CodeExchange.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace CodeExchange {
  /**
   * @since 0.1.0
   * @category errors
   */
  export type ExchangeError = AuthorizationError | TokenEndpoint.RequestError

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Result {
    readonly tokens: TokenSet
    /** Who logged in: there where `openid` was asked for, and verified. */
    readonly idToken: Option.Option<VerifiedJwt<IdTokenClaims>>
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Sends the code once (one that could not be sent, since metadata or credentials
     * could not be had, may be tried again), with the verifier, the redirect URI and the resources
     * of its transaction. Where `openid` was asked for, an ID token must come
     * back: its signature is checked against the server's keys, and `iss`, `aud`,
     * `azp`, `exp`, `iat`, `nonce`, `at_hash`, (with a maximum age) `auth_time`,
     * (after `StepUp`) `acr` and, where an ID token came with the code already,
     * that both are of one subject (section 3.3.3.6).
     *
     * Nothing is sent where the server's metadata names another token endpoint than
     * when the authorization was begun: begin again.
     */
    readonly exchange: (
      code: AuthorizationCode,
      options?: { readonly parameters?: Readonly<Record<string, string>> | undefined }
    ) => Effect.Effect<Result, ExchangeError>
  }
}

/**
 * Makes the service for the `OAuthClient` of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<CodeExchange.Service, never, OAuthClient.OAuthClient> = Effect.gen(
  function* () {
    const client = yield* OAuthClient.OAuthClient
    const request = TokenRequest.make(client)
    const once = yield* makeOnce
    const operation = "CodeExchange.exchange"

    return {
      exchange: ({ code, transaction }, options) =>
        Effect.gen(function* () {
          if (
            transaction.issuer !== client.issuer ||
            transaction.clientId !== client.clientId ||
            // Whoever has changed the metadata since does not get the code.
            (transaction.tokenEndpoint &&
              transaction.tokenEndpoint !== (yield* client.metadata).token_endpoint)
          ) {
            return yield* refuse(
              operation,
              "issuer_mismatch",
              "the code is of another client, server or endpoint; begin again"
            )
          }
          const state = Redacted.value(transaction.state)
          // No server takes a code a day after; until then it is remembered as sent.
          if (!(yield* once.claim(state, transaction.expiresAt + 864e5))) {
            return yield* refuse(operation, "replayed", "this code has been exchanged before; begin again")
          }
          let sent = false
          const tokens = yield* request({
            operation,
            grantType: GrantType.authorizationCode,
            parameters: [
              ["code", code],
              ["redirect_uri", transaction.redirectUri],
              ["code_verifier", transaction.verifier],
              ...transaction.resource.map((resource) => ["resource", resource] as const)
            ],
            defaultScope: transaction.scope,
            extra: options?.parameters,
            sending: Effect.sync(() => {
              sent = true
            })
          }).pipe(Effect.onError(() => (sent ? Effect.void : once.release(state))))
          // An ID token that nobody asked for is not verified, and must not be taken for the login later.
          if (Option.isNone(transaction.nonce))
            return { tokens: { ...tokens, idToken: Option.none() }, idToken: Option.none() }
          if (Option.isNone(tokens.idToken)) return yield* missingIdToken()
          const idToken = yield* client.verifyIdToken(tokens.idToken.value, {
            nonce: transaction.nonce.value,
            maxAge: Option.getOrUndefined(Option.map(transaction.maxAge, Duration.seconds)),
            acr: transaction.acr,
            issuer: transaction.subjectIssuer,
            subject: transaction.subject,
            accessToken: tokens.accessToken
          })
          return { tokens, idToken: Option.some(idToken) }
        }).pipe(Telemetry.flow(operation, { issuer: client.issuer, client_id: client.clientId }))
    }
  }
)

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<CodeExchange, never, OAuthClient.OAuthClient> = Layer.effect(
  CodeExchange,
  make
)

const missingIdToken = (): ProtocolViolation =>
  violation(
    "CodeExchange.exchange",
    "missing",
    "id_token",
    "OpenID Connect Core section 3.1.3.3: id_token is required",
    "openid was asked for"
  )
