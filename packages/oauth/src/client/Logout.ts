/**
 * Logging out at the server, begun by the program.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Telemetry from "../http/Telemetry.js"
import * as Endpoint from "../protocol/Endpoint.js"
import * as Entropy from "../protocol/Entropy.js"
import { AuthorizationError } from "../protocol/OAuthError.js"
import * as Text from "../protocol/Text.js"
import type { TokenSet } from "../protocol/TokenSet.js"
import * as AuthorizationResponse from "./internal/authorizationResponse.js"
import { checkOwn } from "./internal/ownTokens.js"
import * as OAuthClient from "./OAuthClient.js"

/**
 * Ends a person's session at the server, by sending their browser there
 * (OpenID Connect RP-Initiated Logout 1.0).
 *
 * @since 0.1.0
 * @category services
 */
export class Logout extends Context.Tag("effect-oauth/Logout")<Logout, Logout.Service>() {}

/**
 * @since 0.1.0
 */
export declare namespace Logout {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Request {
    /** The tokens of the session: their ID token tells the server which session it is. */
    readonly tokens?: TokenSet | undefined
    /** Where the person comes back to: one of those registered, exactly. Without it they stay at the server. */
    readonly postLogoutRedirectUri?: string | undefined
    /** Who logs out, where there is no ID token to tell. */
    readonly logoutHint?: string | undefined
    readonly uiLocales?: ReadonlyArray<string> | undefined
    /** Further parameters of the server's own; none that the flow sets. */
    readonly parameters?: Readonly<Record<string, string>> | undefined
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Begun {
    /** Where to send the person. It holds the ID token: not for a log. */
    readonly url: string
    /** The same in two parts, for a form that is posted, so that the ID token stays out of histories (section 2). */
    readonly endpoint: string
    readonly parameters: ReadonlyArray<readonly [name: string, value: string]>
    /** What `complete` needs, where the person comes back. */
    readonly state: Option.Option<Redacted.Redacted<string>>
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Makes the URL of the server's `end_session_endpoint`: `id_token_hint`,
     * `client_id`, `post_logout_redirect_uri` with a fresh `state`, and what else
     * was given (section 2). End your own session as well: the server cannot.
     */
    readonly begin: (
      request?: Request
    ) => Effect.Effect<Begun, AuthorizationError | OAuthClient.OAuthClient.MetadataError>
    /**
     * Checks that whoever comes back to the redirect URI comes from this logout:
     * no parameter twice, and the `state`, in constant time (section 3).
     */
    readonly complete: (
      response: AuthorizationResponse.Response,
      state: Redacted.Redacted<string>
    ) => Effect.Effect<void, AuthorizationError>
  }
}

/**
 * Makes the service for the `OAuthClient` of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Logout.Service, never, OAuthClient.OAuthClient> = Effect.map(
  OAuthClient.OAuthClient,
  (client): Logout.Service => {
    const attributes = { issuer: client.issuer, client_id: client.clientId }
    return {
      begin: (request = {}) =>
        Effect.gen(function* () {
          const operation = "Logout.begin"
          const { postLogoutRedirectUri: returnTo, tokens } = request
          if (tokens !== undefined) yield* checkOwn(client, operation, tokens)
          const problem =
            returnTo === undefined ? Option.none() : Endpoint.redirectUriProblem(returnTo, client.wire.limits)
          if (Option.isSome(problem)) {
            return yield* refused(
              operation,
              "invalid_request",
              `the post-logout redirect URI may not be used: it ${problem.value}`
            )
          }
          const extra = Object.entries(request.parameters ?? {})
          const reserved = extra.find(([name]) => reservedParameters.has(name.toLowerCase()))
          if (reserved !== undefined) {
            return yield* refused(
              operation,
              "reserved_parameter",
              `${JSON.stringify(reserved[0])} is set by the flow`
            )
          }
          const endpoint = yield* client.endpoint(operation, "end_session_endpoint")
          const hint = Option.flatMap(Option.fromNullable(tokens), ({ idToken }) => idToken)
          const state =
            returnTo === undefined ? Option.none() : Option.some(Redacted.make(yield* Entropy.randomText(32)))
          const own: ReadonlyArray<readonly [string, string | undefined]> = [
            ["id_token_hint", Option.getOrUndefined(Option.map(hint, Redacted.value))],
            ["logout_hint", request.logoutHint],
            ["client_id", client.clientId],
            ["post_logout_redirect_uri", returnTo],
            ["state", Option.getOrUndefined(Option.map(state, Redacted.value))],
            ["ui_locales", request.uiLocales?.join(" ")],
            ...extra
          ]
          const parameters = own.flatMap(([name, value]) =>
            value === undefined || value === "" ? [] : [[name, value] as const]
          )
          const url = new URL(endpoint)
          for (const [name, value] of parameters) url.searchParams.set(name, value)
          return { url: url.href, endpoint, parameters, state }
        }).pipe(Telemetry.flow("Logout.begin", attributes)),
      complete: (response, state) =>
        Effect.gen(function* () {
          const operation = "Logout.complete"
          const parameters = yield* AuthorizationResponse.read(operation, response)
          const returned = parameters.get("state")
          if (returned === undefined) {
            return yield* refused(operation, "state_missing", "the response has no state")
          }
          if (!Text.equalsConstantTime(returned, Redacted.value(state))) {
            return yield* refused(
              operation,
              "state_mismatch",
              "the state of the response is not that of this logout"
            )
          }
        }).pipe(Telemetry.flow("Logout.complete", attributes))
    }
  }
)

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Logout, never, OAuthClient.OAuthClient> = Layer.effect(Logout, make)

const reservedParameters: ReadonlySet<string> = new Set([
  "id_token_hint",
  "logout_hint",
  "client_id",
  "post_logout_redirect_uri",
  "state",
  "ui_locales"
])

const refused = (
  operation: string,
  reason: AuthorizationError["reason"],
  problem: string
): AuthorizationError => new AuthorizationError({ operation, reason, message: `${operation}: ${problem}.` })
