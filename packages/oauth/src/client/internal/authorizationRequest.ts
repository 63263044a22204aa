import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as AuthorizationServerMetadata from "../../protocol/AuthorizationServerMetadata.js"
import * as Entropy from "../../protocol/Entropy.js"
import type { AuthorizationError, DiscoveryError, ProtocolViolation } from "../../protocol/OAuthError.js"
import * as Pkce from "../../protocol/Pkce.js"
import * as Scope from "../../protocol/Scope.js"
import type { AuthorizationTransaction } from "../AuthorizationTransaction.js"
import type { OAuthClient } from "../OAuthClient.js"
import { refuse } from "./authorizationResponse.js"
import { list } from "./list.js"
import { chooseRedirectUri } from "./redirectUri.js"
import * as RequestRules from "./requestRules.js"

/** What a program asks for. */
export interface Request {
  readonly scope?: ReadonlyArray<string> | undefined
  /** The resources that the token is for; sent one parameter each (RFC 8707 section 2). */
  readonly resource?: string | ReadonlyArray<string> | undefined
  /** One of the client's redirect URIs, exactly; its first unless given. On the loopback interface any port (RFC 8252 section 7.3). */
  readonly redirectUri?: string | undefined
  /**
   * `form_post` has the response posted instead of put into the URL. The modes
   * with `jwt` have the server sign it (JARM); then no plain one is taken.
   * `fragment` is for `code id_token`, which otherwise is posted.
   */
  readonly responseMode?: ResponseMode | undefined
  /** `code id_token` has an ID token come with the code, which is bound to it (OpenID Connect Core section 3.3). */
  readonly responseType?: "code" | "code id_token" | undefined
  /** Hand the parameters to the server first (RFC 9126), as is done anyway where the server requires it. */
  readonly pushed?: boolean | undefined
  readonly prompt?: string | undefined
  readonly loginHint?: string | undefined
  /** How old the person's login may be; `CodeExchange` checks `auth_time`. Needs the scope `openid`. */
  readonly maxAge?: Duration.DurationInput | undefined
  readonly acrValues?: ReadonlyArray<string> | undefined
  /** How long the person may take; 10 minutes. */
  readonly timeToLive?: Duration.DurationInput | undefined
  /** Further parameters, those of `AuthorizationDetails` (RFC 9396) or of the server's own; none that the flow sets. */
  readonly parameters?: Readonly<Record<string, string>> | undefined
}

export type ResponseMode = "query" | "form_post" | "fragment" | "jwt" | "query.jwt" | "form_post.jwt"

/** The parameters of a request as the plain code flow sends them, and what of them must be remembered. */
export const prepare = (
  client: OAuthClient.Service,
  metadata: AuthorizationServerMetadata.AuthorizationServerMetadata,
  operation: string,
  request: Request
): Effect.Effect<
  { readonly parameters: URLSearchParams; readonly transaction: AuthorizationTransaction },
  AuthorizationError | DiscoveryError | ProtocolViolation
> =>
  Effect.gen(function* () {
    const redirectUri = yield* chooseRedirectUri(operation, client, request.redirectUri)
    yield* AuthorizationServerMetadata.requirePkce(operation, metadata)

    const problem = Scope.problem(request.scope ?? [])
    if (Option.isSome(problem)) return yield* refuse(operation, "invalid_request", problem.value)
    const scope = Scope.make(request.scope ?? [])
    const resource = list(request.resource)
    yield* RequestRules.resource(operation, resource)
    const pkce = yield* Pkce.generate
    const state = yield* Entropy.randomText(32)
    const nonce =
      scope.includes("openid") && !client.quirks?.switches.ignoreIdToken
        ? yield* Entropy.randomText(32)
        : undefined
    if (request.maxAge !== undefined && nonce === undefined) {
      return yield* refuse(operation, "invalid_request", "maxAge needs an ID token: ask for openid")
    }
    const maxAge = request.maxAge === undefined ? undefined : Math.floor(Duration.toSeconds(request.maxAge))

    const parameters = new URLSearchParams()
    const wanted = {
      response_type: "code",
      client_id: client.clientId,
      redirect_uri: redirectUri,
      scope: Scope.format(scope),
      state,
      code_challenge: pkce.challenge,
      code_challenge_method: pkce.method,
      nonce,
      response_mode: request.responseMode,
      prompt: request.prompt,
      login_hint: request.loginHint,
      max_age: maxAge?.toString(),
      // RFC 9449 section 10: the code is good only with a proof by this key.
      dpop_jkt: client.dpop?.thumbprint,
      acr_values: request.acrValues?.join(" ")
    }
    const reserved = Object.keys(request.parameters ?? {}).find(
      (name) => Object.hasOwn(wanted, name.toLowerCase()) || neverExtra.test(name)
    )
    if (reserved !== undefined) {
      return yield* refuse(operation, "reserved_parameter", `${JSON.stringify(reserved)} is set by the flow`)
    }
    for (const [name, value] of Object.entries({ ...wanted, ...request.parameters })) {
      if (value !== undefined && value !== "") parameters.set(name, value)
    }
    for (const one of resource) parameters.append("resource", one)
    client.quirks?.authorize(parameters)

    const transaction: AuthorizationTransaction = {
      issuer: client.issuer,
      clientId: client.clientId,
      redirectUri,
      state: Redacted.make(state),
      verifier: pkce.verifier,
      nonce: Option.map(Option.fromNullable(nonce), Redacted.make),
      scope,
      resource,
      tokenEndpoint: metadata.token_endpoint,
      maxAge: Option.fromNullable(maxAge),
      issuerRequired: metadata.authorization_response_iss_parameter_supported === true,
      expiresAt: (yield* Clock.currentTimeMillis) + Duration.toMillis(request.timeToLive ?? "10 minutes")
    }
    return { parameters, transaction }
  })

/** What would change the flow, besides what the flow sets. */
const neverExtra = /^(resource|code_verifier|client_(secret|assertion(_type)?)|request(_uri)?)$/i
