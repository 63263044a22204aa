/**
 * The refresh token grant.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Telemetry from "../http/Telemetry.js"
import * as Jwt from "../keys/Jwt.js"
import type { IdTokenClaims } from "../keys/JwtProfile.js"
import type { VerifiedJwt } from "../keys/JwtVerifier.js"
import * as GrantType from "../protocol/GrantType.js"
import { JwtError, ProtocolViolation } from "../protocol/OAuthError.js"
import type { TokenSet } from "../protocol/TokenSet.js"
import { list } from "./internal/list.js"
import * as RequestRules from "./internal/requestRules.js"
import * as OAuthClient from "./OAuthClient.js"
import * as TokenEndpoint from "./TokenEndpoint.js"

/**
 * Gets fresh tokens for a refresh token (RFC 6749 section 6, OpenID Connect Core
 * section 12).
 *
 * @since 0.1.0
 * @category services
 */
export class Refresh extends Context.Tag("effect-oauth/Refresh")<Refresh, Refresh.Service>() {}

/**
 * @since 0.1.0
 */
export declare namespace Refresh {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Options {
    /** A narrower scope, or, where the server upgrades, a wider one; as before unless given. */
    readonly scope?: ReadonlyArray<string> | undefined
    /** The resources that the new access token is for (RFC 8707 section 2.2). */
    readonly resource?: string | ReadonlyArray<string> | undefined
    /** Further parameters of the server's own. */
    readonly parameters?: Readonly<Record<string, string>> | undefined
    /**
     * What becomes of tokens whose new ID token cannot be verified because the
     * server's keys cannot be had. `fail`, unless given: that of the keys, though the
     * refresh token may be spent. `keep`: the tokens, with the ID token of before. An
     * ID token that is wrong is a failure always.
     */
    readonly onKeyOutage?: "fail" | "keep" | undefined
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Result {
    /** With the refresh token and ID token of before where the server sent no new ones. */
    readonly tokens: TokenSet
    /** The new ID token, verified, where the server sent one. */
    readonly idToken: Option.Option<VerifiedJwt<IdTokenClaims>>
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Sends the refresh token of a token set, once, to the server that issued
     * it. A new ID token is verified and must be of the same issuer and subject,
     * and of the same `auth_time` where both tell one (OpenID Connect Core section
     * 12.2).
     * When this fails with a `TransportError`, it is not known whether the
     * server has rotated the token.
     */
    readonly refresh: (
      tokens: TokenSet,
      options?: Options
    ) => Effect.Effect<Result, TokenEndpoint.TokenEndpoint.RequestError>
  }
}

/**
 * Makes the service for the `OAuthClient` of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Refresh.Service, never, OAuthClient.OAuthClient> = Effect.gen(function* () {
  const client = yield* OAuthClient.OAuthClient
  const tokenEndpoint = yield* TokenEndpoint.make

  return {
    refresh: (before, options = {}) =>
      Effect.gen(function* () {
        if (before.issuer !== client.issuer) return yield* foreignTokens()
        if (Option.isNone(before.refreshToken)) return yield* noRefreshToken()
        const resource = list(options.resource)
        yield* RequestRules.resource(operation, resource)
        const after = yield* tokenEndpoint.request({
          operation,
          grantType: GrantType.refreshToken,
          parameters: [
            ["refresh_token", before.refreshToken.value],
            ...resource.map((one) => ["resource", one] as const)
          ],
          scope: options.scope,
          defaultScope: options.scope ?? before.scope,
          extra: options.parameters
        })
        const tokens: TokenSet = {
          ...after,
          refreshToken: Option.orElse(after.refreshToken, () => before.refreshToken),
          // One that nobody asked for has no login to be compared with, and must not become the login of the next refresh.
          idToken: Option.isNone(before.idToken)
            ? before.idToken
            : Option.orElse(after.idToken, () => before.idToken)
        }
        if (Option.isNone(after.idToken) || Option.isNone(before.idToken))
          return { tokens, idToken: Option.none() }
        // Verified when it was received, and kept by us since: here it is only remembered.
        const login = Option.map(Jwt.decodeUnverified(before.idToken.value), ({ claims }) => claims)
        const verified = client.verifyIdToken(after.idToken.value, {
          issuer: text(login, "iss"),
          subject: text(login, "sub") ?? "",
          nonce: text(login, "nonce"),
          nonceOptional: true,
          accessToken: after.accessToken
        })
        const idToken = yield* options.onKeyOutage === "keep"
          ? unlessKeyOutage(verified)
          : Effect.asSome(verified)
        if (Option.isNone(idToken)) return { tokens: { ...tokens, idToken: before.idToken }, idToken }
        yield* sameLogin(login, idToken.value.claims)
        return { tokens, idToken }
      }).pipe(Telemetry.flow(operation, { issuer: client.issuer, client_id: client.clientId }))
  }
})

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Refresh, never, OAuthClient.OAuthClient> = Layer.effect(Refresh, make)

const operation = "Refresh.refresh"

const text = (claims: Option.Option<Jwt.JwtClaims>, name: string): string | undefined =>
  Option.getOrUndefined(
    Option.filter(
      Option.map(claims, (all) => all[name]),
      Predicate.isString
    )
  )

/** Where both ID tokens tell when the person logged in, they tell the same. */
const sameLogin = (
  login: Option.Option<Jwt.JwtClaims>,
  after: IdTokenClaims
): Effect.Effect<void, JwtError> => {
  const before = Option.getOrUndefined(login)?.["auth_time"]
  return before === undefined || after.auth_time === undefined || before === after.auth_time
    ? Effect.void
    : new JwtError({
        operation,
        reason: "auth_time",
        claim: "auth_time",
        message:
          "The refreshed ID token tells another time of login than the one before (OpenID Connect Core section 12.2)."
      })
}

/** None where the keys could not be had; what they say of the token stands. */
const unlessKeyOutage = <A>(
  verified: Effect.Effect<A, TokenEndpoint.TokenEndpoint.RequestError>
): Effect.Effect<Option.Option<A>, TokenEndpoint.TokenEndpoint.RequestError> =>
  Effect.catchIf(
    Effect.asSome(verified),
    ({ _tag }) => _tag === "KeyringError" || _tag === "TransportError" || _tag === "DiscoveryError",
    () => Effect.succeedNone
  )

const foreignTokens = (): ProtocolViolation =>
  new ProtocolViolation({
    operation,
    reason: "mismatch",
    member: "issuer",
    rule: "RFC 6749 section 6: a refresh token goes to the server that issued it",
    message: "The tokens were issued by another server, and its refresh token is not sent to this one."
  })

const noRefreshToken = (): ProtocolViolation =>
  new ProtocolViolation({
    operation,
    reason: "missing",
    member: "refresh_token",
    rule: "RFC 6749 section 6: refresh_token is required",
    message:
      "These tokens have no refresh token. Ask for one when logging in: most servers want the scope offline_access, some access_type=offline."
  })
