/**
 * The authorization request and its response, with PKCE.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Telemetry from "../http/Telemetry.js"
import * as AuthorizationServerMetadata from "../protocol/AuthorizationServerMetadata.js"
import * as Endpoint from "../protocol/Endpoint.js"
import * as Entropy from "../protocol/Entropy.js"
import { AuthorizationError } from "../protocol/OAuthError.js"
import * as Pkce from "../protocol/Pkce.js"
import * as Scope from "../protocol/Scope.js"
import type { AuthorizationCode, AuthorizationTransaction } from "./AuthorizationTransaction.js"
import * as AuthorizationResponse from "./internal/authorizationResponse.js"
import { makeOnce } from "./internal/once.js"
import { list } from "./internal/list.js"
import * as OAuthClient from "./OAuthClient.js"

/**
 * Sends a person to the authorization endpoint and reads what comes back
 * (RFC 6749 section 4.1, RFC 7636, RFC 9207, RFC 8707, OpenID Connect Core 3.1).
 *
 * @since 0.1.0
 * @category services
 */
export class Authorization extends Context.Tag("effect-oauth/Authorization")<
  Authorization,
  Authorization.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace Authorization {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Request {
    readonly scope?: ReadonlyArray<string> | undefined
    /** The resources that the token is for; sent one parameter each (RFC 8707 section 2). */
    readonly resource?: string | ReadonlyArray<string> | undefined
    /** One of the client's redirect URIs, exactly; its first unless given. On the loopback interface any port (RFC 8252 section 7.3). */
    readonly redirectUri?: string | undefined
    /** `form_post` has the response posted instead of put into the URL. */
    readonly responseMode?: "query" | "form_post" | undefined
    readonly prompt?: string | undefined
    readonly loginHint?: string | undefined
    /** How old the person's login may be; `CodeExchange` checks `auth_time`. Needs the scope `openid`. */
    readonly maxAge?: Duration.DurationInput | undefined
    readonly acrValues?: ReadonlyArray<string> | undefined
    /** How long the person may take; 10 minutes. */
    readonly timeToLive?: Duration.DurationInput | undefined
    /** Further parameters of the server's own; none that the flow sets. */
    readonly parameters?: Readonly<Record<string, string>> | undefined
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Begun {
    /** Where to send the person. It holds no secret but the `state`, which the person's browser may know. */
    readonly url: string
    /** What `complete` needs; keep it where only this person's session can use it. */
    readonly transaction: AuthorizationTransaction
  }

  /**
   * The parameters of an authorization response: the URL that the browser came
   * back to, its query or posted form as text, or pairs.
   *
   * @since 0.1.0
   * @category models
   */
  export type Response = AuthorizationResponse.Response

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Makes a fresh state, PKCE verifier and (for `openid`) nonce, and the URL
     * with them. Refuses a server whose metadata lists PKCE methods without
     * S256.
     */
    readonly begin: (
      request?: Request
    ) => Effect.Effect<Begun, AuthorizationError | OAuthClient.OAuthClient.MetadataError>
    /**
     * Checks a response against its transaction and gives the code. In this
     * order: no parameter twice; `state`, in constant time; not expired; not
     * completed before (in this process); `iss`; then the server's `error`;
     * then a code and nothing that does not belong beside one. A wrong state
     * leaves the transaction open; whatever comes after it closes it.
     */
    readonly complete: (
      response: Response,
      transaction: AuthorizationTransaction
    ) => Effect.Effect<AuthorizationCode, AuthorizationError>
    /**
     * Begins again with more scope: the union of what is granted and what a
     * resource asked for (`insufficient_scope`, RFC 6750 section 3.1). Fails with
     * reason `invalid_request` where that adds nothing, since asking again
     * would loop.
     */
    readonly stepUp: (
      request: Request & { readonly granted: ReadonlyArray<string>; readonly required: ReadonlyArray<string> }
    ) => Effect.Effect<Begun, AuthorizationError | OAuthClient.OAuthClient.MetadataError>
  }
}

/**
 * Makes the service for the `OAuthClient` of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Authorization.Service, never, OAuthClient.OAuthClient> = Effect.gen(
  function* () {
    const client = yield* OAuthClient.OAuthClient
    const once = yield* makeOnce

    const begin: Authorization.Service["begin"] = (request = {}) =>
      Effect.gen(function* () {
        const operation = "Authorization.begin"
        const redirectUri = yield* chooseRedirectUri(operation, client, request.redirectUri)
        const extra = Object.entries(request.parameters ?? {})
        const reserved = extra.find(([name]) => reservedParameters.has(name.toLowerCase()))
        if (reserved !== undefined) {
          return yield* refused(
            operation,
            "reserved_parameter",
            `${JSON.stringify(reserved[0])} is set by the flow and cannot be an extra parameter`
          )
        }
        const metadata = yield* client.metadata
        const endpoint = yield* client.endpoint(operation, "authorization_endpoint")
        yield* AuthorizationServerMetadata.requirePkce(operation, metadata)

        const problem = Scope.problem(request.scope ?? [])
        if (Option.isSome(problem)) return yield* refused(operation, "invalid_request", problem.value)
        const scope = Scope.make(request.scope ?? [])
        const resource = list(request.resource)
        const pkce = yield* Pkce.generate
        const state = yield* Entropy.randomText(32)
        const nonce = scope.includes("openid") ? Option.some(yield* Entropy.randomText(32)) : Option.none()
        if (request.maxAge !== undefined && !scope.includes("openid")) {
          return yield* refused(
            operation,
            "invalid_request",
            "a maximum age needs the scope openid, since only an ID token tells when the person logged in"
          )
        }
        const maxAge = Option.map(Option.fromNullable(request.maxAge), (age) =>
          Math.floor(Duration.toSeconds(age))
        )

        const url = new URL(endpoint)
        const set = (name: string, value: string | undefined) => {
          if (value !== undefined && value !== "") url.searchParams.set(name, value)
        }
        set("response_type", "code")
        set("client_id", client.clientId)
        set("redirect_uri", redirectUri)
        set("scope", Scope.format(scope))
        set("state", state)
        set("code_challenge", pkce.challenge)
        set("code_challenge_method", pkce.method)
        set("nonce", Option.getOrUndefined(nonce))
        set("response_mode", request.responseMode)
        set("prompt", request.prompt)
        set("login_hint", request.loginHint)
        set("max_age", Option.getOrUndefined(Option.map(maxAge, String)))
        // RFC 9449 section 10: the code is good only with a proof by this key.
        set("dpop_jkt", client.dpop?.thumbprint)
        set("acr_values", request.acrValues?.join(" "))
        for (const [name, value] of extra) set(name, value)
        url.searchParams.delete("resource")
        for (const one of resource) url.searchParams.append("resource", one)
        client.quirks?.authorize(url.searchParams)

        return {
          url: url.href,
          transaction: {
            issuer: client.issuer,
            clientId: client.clientId,
            redirectUri,
            state: Redacted.make(state),
            verifier: pkce.verifier,
            nonce: Option.map(nonce, Redacted.make),
            scope,
            resource,
            maxAge,
            issuerRequired: metadata.authorization_response_iss_parameter_supported === true,
            expiresAt:
              (yield* Clock.currentTimeMillis) + Duration.toMillis(request.timeToLive ?? "10 minutes")
          }
        }
      }).pipe(Telemetry.flow("Authorization.begin", { issuer: client.issuer, client_id: client.clientId }))

    const complete: Authorization.Service["complete"] = (response, transaction) =>
      Effect.gen(function* () {
        const operation = "Authorization.complete"
        const parameters = yield* AuthorizationResponse.read(operation, response)
        yield* AuthorizationResponse.checkState(operation, parameters, transaction)
        if (transaction.issuer !== client.issuer || transaction.clientId !== client.clientId) {
          return yield* refused(
            operation,
            "issuer_mismatch",
            "the transaction was begun by another client or at another server"
          )
        }
        if ((yield* Clock.currentTimeMillis) >= transaction.expiresAt) {
          return yield* refused(
            operation,
            "expired",
            "the authorization took longer than it may; begin again"
          )
        }
        if (!(yield* once.claim(Redacted.value(transaction.state), transaction.expiresAt))) {
          return yield* refused(operation, "replayed", "this authorization was completed before; begin again")
        }
        const code = yield* AuthorizationResponse.code(operation, parameters, transaction)
        return { code, transaction }
      }).pipe(Telemetry.flow("Authorization.complete", { issuer: client.issuer, client_id: client.clientId }))

    return {
      begin,
      complete,
      stepUp: ({ granted, required, ...request }) => {
        const scope = Scope.union(Scope.union(granted, required), request.scope ?? [])
        return Scope.missing(scope, granted).length === 0
          ? refused(
              "Authorization.stepUp",
              "invalid_request",
              "everything that is asked for has been granted before; asking again would loop"
            )
          : begin({ ...request, scope })
      }
    }
  }
)

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Authorization, never, OAuthClient.OAuthClient> = Layer.effect(
  Authorization,
  make
)

/** What the flow sets, or what would change the flow (RFC 9101 `request`, OpenID Connect `claims` are not among them yet). */
const reservedParameters: ReadonlySet<string> = new Set([
  "response_type",
  "client_id",
  "redirect_uri",
  "scope",
  "state",
  "nonce",
  "code_challenge",
  "code_challenge_method",
  "code_verifier",
  "response_mode",
  "resource",
  "prompt",
  "login_hint",
  "max_age",
  "acr_values",
  "dpop_jkt",
  "client_secret",
  "client_assertion",
  "client_assertion_type",
  "request",
  "request_uri"
])

const refused = (
  operation: string,
  reason: AuthorizationError["reason"],
  problem: string
): AuthorizationError => new AuthorizationError({ operation, reason, message: `${operation}: ${problem}.` })

/** One of the registered redirect URIs; of a loopback one, the port is free (RFC 8252 section 7.3). */
const chooseRedirectUri = (
  operation: string,
  { redirectUris: registered, wire }: OAuthClient.OAuthClient.Service,
  wanted: string | undefined
): Effect.Effect<string, AuthorizationError> => {
  const [first] = registered
  const chosen = wanted ?? first
  if (chosen === undefined) {
    return refused(operation, "invalid_request", "no redirect URI: give one to the request or to the client")
  }
  if (registered.length === 0) {
    return Option.match(Endpoint.redirectUriProblem(chosen, wire.limits), {
      onNone: () => Effect.succeed(chosen),
      onSome: (why) => refused(operation, "invalid_request", `the redirect URI may not be used: it ${why}`)
    })
  }
  return registered.some((uri) => uri === chosen || sameButPort(uri, chosen))
    ? Effect.succeed(chosen)
    : refused(operation, "invalid_request", "the redirect URI is not one of the client's")
}

const sameButPort = (registered: string, wanted: string): boolean => {
  if (!URL.canParse(registered) || !URL.canParse(wanted)) return false
  const one = new URL(registered)
  const other = new URL(wanted)
  if (one.protocol !== "http:" || !/^(127\.0\.0\.1|\[::1\])$/.test(one.hostname)) return false
  one.port = other.port
  return one.href === other.href
}
