/** Authorization servers as an HttpClient: one at every host, each with a token endpoint; all that is sent is kept. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as HttpLimits from "effect-oauth/HttpLimits"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as TokenExchange from "effect-oauth/TokenExchange"
import { AccessToken } from "effect-oauth-resource-server/AccessToken"

export interface Sent {
  readonly host: string
  readonly path: string
  readonly authorization: string
  readonly form: URLSearchParams
}

export interface Authorities {
  readonly sent: Array<Sent>
  /** Exchanges, in the order in which they came. */
  readonly exchanges: () => ReadonlyArray<Sent>
  readonly layer: Layer.Layer<HttpClient.HttpClient>
}

type Answer = (sent: Sent) => Effect.Effect<object>

/** What a token endpoint says: a token that tells whose it was and what for, or an error. */
export const issue: Answer = ({ form }) =>
  Effect.succeed(
    form.get("resource") === "https://forbidden.example"
      ? { error: "invalid_target" }
      : {
          access_token: `for ${form.get("resource")} by ${form.get("subject_token")}`,
          issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
          token_type: "Bearer",
          expires_in: 3600
        }
  )

export const authorities = (answer: Answer = issue): Authorities => {
  const sent: Array<Sent> = []
  const client = HttpClient.make((request, url) =>
    Effect.gen(function* () {
      const text = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""
      const one: Sent = {
        host: url.host,
        path: url.pathname,
        authorization: request.headers["authorization"] ?? "",
        form: new URLSearchParams(text)
      }
      sent.push(one)
      const issuer = url.origin
      const body =
        one.path === "/token"
          ? yield* answer(one)
          : {
              issuer,
              token_endpoint: `${issuer}/token`,
              introspection_endpoint: `${issuer}/introspect`,
              jwks_uri: `${issuer}/jwks`,
              response_types_supported: ["code"]
            }
      const status = "error" in body ? 400 : 200
      return HttpClientResponse.fromWeb(request, Response.json(body, { status }))
    })
  )
  return {
    sent,
    exchanges: () => sent.filter(({ path }) => path === "/token"),
    layer: Layer.succeed(HttpClient.HttpClient, client)
  }
}

/** The client of an API at an issuer, with a secret of its own. */
export const client = (issuer: string, secret = "s3cret") =>
  TokenExchange.layer.pipe(
    Layer.provideMerge(
      OAuthClient.layer({
        issuer,
        clientId: "api",
        authentication: ClientAuthentication.clientSecretBasic(Redacted.make(secret))
      })
    ),
    Layer.provide(HttpLimits.layer({ retries: 0 }))
  )

/** Who calls. */
export const caller = (
  issuer: string,
  token: string,
  more: Partial<AccessToken.Principal> = {}
): AccessToken.Principal => ({
  resource: "https://api.example",
  issuer,
  subject: Option.some("alice"),
  clientId: Option.some("app"),
  scope: [],
  audience: ["https://api.example"],
  actor: Option.none(),
  confirmation: Option.none(),
  authorizationDetails: [],
  acr: Option.none(),
  authTime: Option.none(),
  expiresAt: Option.none(),
  claims: {},
  token: Redacted.make(token),
  ...more
})

/** Runs as in a request of that caller. */
export const as =
  (principal: AccessToken.Principal) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.provideService(effect, AccessToken, principal)
