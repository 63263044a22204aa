/**
 * The identity assertion authorization grant (ID-JAG).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Telemetry from "../http/Telemetry.js"
import * as Jwt from "../keys/Jwt.js"
import { ProtocolViolation } from "../protocol/OAuthError.js"
import type { TokenSet } from "../protocol/TokenSet.js"
import * as TokenType from "../protocol/TokenType.js"
import * as RequestRules from "./internal/requestRules.js"
import * as JwtBearer from "./JwtBearer.js"
import * as OAuthClient from "./OAuthClient.js"
import type * as TokenEndpoint from "./TokenEndpoint.js"
import * as TokenExchange from "./TokenExchange.js"

/**
 * Reaches an API of another domain with the login of a person
 * (draft-ietf-oauth-identity-assertion-authz-grant): the identity provider, where
 * the person logged in, turns their ID token into a grant for the authorization
 * server of the API (`request`), and that server, which trusts it, turns the
 * grant into an access token (`redeem`). Nobody is asked for consent: the
 * identity provider decides by policy.
 *
 * Each leg speaks to the server of its `OAuthClient`: `request` to the identity
 * provider, `redeem` to the other. `between` does both.
 *
 * @since 0.1.0
 * @category services
 */
export class IdentityAssertion extends Context.Tag("effect-oauth/IdentityAssertion")<
  IdentityAssertion,
  IdentityAssertion.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace IdentityAssertion {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Request {
    /** The person's ID token, issued to this client. */
    readonly subjectToken: Redacted.Redacted<string>
    /** An ID token unless given; some identity providers take a refresh token or a SAML assertion. */
    readonly subjectTokenType?: TokenType.TokenType | undefined
    /** The issuer identifier of the authorization server of the API. */
    readonly audience: string
    /** The API; sent one parameter each. */
    readonly resource?: string | ReadonlyArray<string> | undefined
    readonly scope?: ReadonlyArray<string> | undefined
    readonly actorToken?: Redacted.Redacted<string> | undefined
    readonly actorTokenType?: TokenType.TokenType | undefined
    /** Further parameters of the server's own, such as `authorization_details`. */
    readonly parameters?: Readonly<Record<string, string>> | undefined
  }

  /**
   * A grant for another server; good until it expires, also more than once.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Grant {
    /** The identity provider that issued it. */
    readonly issuer: string
    readonly audience: string
    readonly assertion: Redacted.Redacted<string>
    /** The scope in it, which may be less than was asked for. */
    readonly scope: ReadonlyArray<string>
    /** In milliseconds since the epoch; none where the server did not say. */
    readonly expiresAt: Option.Option<number>
    readonly authorizationDetails: Option.Option<ReadonlyArray<unknown>>
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface RedeemOptions {
    /** Less than the grant has; all of it unless given. */
    readonly scope?: ReadonlyArray<string> | undefined
    /** Further parameters of the server's own. */
    readonly parameters?: Readonly<Record<string, string>> | undefined
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * The first leg (section 4.3), at the identity provider: a token exchange for
     * a token of type `id-jag`. What comes back must be one (`issued_token_type`),
     * and `token_type` must be `N_A`, since it is no access token.
     */
    readonly request: (options: Request) => Effect.Effect<Grant, TokenEndpoint.TokenEndpoint.RequestError>
    /**
     * The second leg (section 4.4), at the authorization server of the API: the
     * JWT bearer grant. A grant that can be read must be of its type and for the
     * server of this client, or it is not sent.
     */
    readonly redeem: (
      grant: Grant,
      options?: RedeemOptions
    ) => Effect.Effect<TokenSet, TokenEndpoint.TokenEndpoint.RequestError>
  }
}

/**
 * Makes the service for the `OAuthClient` of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<IdentityAssertion.Service, never, OAuthClient.OAuthClient> = Effect.gen(
  function* () {
    const client = yield* OAuthClient.OAuthClient
    const tokenExchange = yield* TokenExchange.make
    const jwtBearer = yield* JwtBearer.make
    const attributes = { issuer: client.issuer, client_id: client.clientId }

    return {
      request: (options) =>
        Effect.gen(function* () {
          const operation = "IdentityAssertion.request"
          const rule = `${draft} section 4.3: audience is required`
          yield* RequestRules.present(operation, "audience", options.audience, rule)
          const tokens = yield* tokenExchange.exchange({
            ...options,
            subjectTokenType: options.subjectTokenType ?? TokenType.idToken,
            requestedTokenType: TokenType.idJag
          })
          if (tokens.tokenType !== "N_A") return yield* notNotApplicable(operation)
          return {
            issuer: client.issuer,
            audience: options.audience,
            assertion: tokens.accessToken,
            scope: tokens.scope,
            expiresAt: tokens.expiresAt,
            authorizationDetails: tokens.authorizationDetails
          }
        }).pipe(Telemetry.flow("IdentityAssertion.request", attributes)),
      redeem: (grant, options = {}) =>
        Effect.gen(function* () {
          yield* check("IdentityAssertion.redeem", client.issuer, grant.assertion)
          return yield* jwtBearer.request({
            assertion: grant.assertion,
            scope: options.scope,
            parameters: options.parameters
          })
        }).pipe(Telemetry.flow("IdentityAssertion.redeem", attributes))
    }
  }
)

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<IdentityAssertion, never, OAuthClient.OAuthClient> = Layer.effect(
  IdentityAssertion,
  make
)

/**
 * Both legs in one, from a client of the identity provider and one of the
 * authorization server of the API: from the person's ID token to an access
 * token. The audience is the second client's server.
 *
 * @since 0.1.0
 * @category constructors
 */
export const between = (clients: {
  readonly identityProvider: OAuthClient.OAuthClient.Service
  readonly resourceServer: OAuthClient.OAuthClient.Service
}): ((
  options: Omit<IdentityAssertion.Request, "audience">
) => Effect.Effect<TokenSet, TokenEndpoint.TokenEndpoint.RequestError>) => {
  const { identityProvider, resourceServer } = clients
  const first = Effect.provideService(make, OAuthClient.OAuthClient, identityProvider)
  const second = Effect.provideService(make, OAuthClient.OAuthClient, resourceServer)
  return (options) =>
    Effect.gen(function* () {
      const grant = yield* (yield* first).request({ ...options, audience: resourceServer.issuer })
      return yield* (yield* second).redeem(grant)
    })
}

const draft = "draft-ietf-oauth-identity-assertion-authz-grant"

/** Whether a grant is what it should be and for this server; one that is encrypted is for the server to judge. */
const check = (
  operation: string,
  issuer: string,
  assertion: Redacted.Redacted<string>
): Effect.Effect<void, ProtocolViolation> =>
  Option.match(Jwt.decodeUnverified(assertion), {
    onNone: () => Effect.void,
    onSome: ({ claims, header }) => {
      if (header.typ?.toLowerCase().replace(/^application\//, "") !== "oauth-id-jag+jwt") {
        return RequestRules.refuse(
          operation,
          "assertion",
          `${draft} section 3.1: typ is oauth-id-jag+jwt`,
          "the assertion is not an identity assertion grant"
        )
      }
      const audiences = Jwt.audiences(claims)
      return audiences.length === 1 && audiences[0] === issuer
        ? Effect.void
        : RequestRules.refuse(
            operation,
            "assertion",
            `${draft} section 4.4.1: aud is the authorization server`,
            `the grant was issued for another server, and is not sent to ${issuer}`
          )
    }
  })

const notNotApplicable = (operation: string): ProtocolViolation =>
  new ProtocolViolation({
    operation,
    reason: "mismatch",
    member: "token_type",
    rule: `${draft} section 4.3.4: token_type is N_A`,
    message: `${operation}: the answer has a token_type that makes an access token of what is none (${draft} section 4.3.4).`
  })
