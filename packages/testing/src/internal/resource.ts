/** What a bearer token opens: the protected resources, and userinfo. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Reply from "./reply.js"
import * as Routes from "./routes.js"
import type { State } from "./state.js"
import * as Tokens from "./tokens.js"

/** RFC 6750 section 2.1: exactly one token in the Authorization header. */
const bearer = (header: string | undefined): string | undefined =>
  header === undefined ? undefined : /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(header)?.[1]

const challenge = (
  status: number,
  parameters: Readonly<Record<string, string>>,
  body: Reply.Json | undefined
): Reply.Reply => {
  const text = Object.entries(parameters).map(([name, value]) => `${name}="${value}"`)
  const headers = { "www-authenticate": `Bearer ${text.join(", ")}` }
  return body === undefined ? Reply.empty(status, headers) : Reply.json(body, status, headers)
}

/** Checks the token for one audience, or answers with the challenge. */
const withToken = (
  state: State,
  exchange: Reply.Exchange,
  options: {
    readonly audience: string | undefined
    readonly scope: ReadonlyArray<string>
    readonly parameters: Readonly<Record<string, string>>
  },
  f: (claims: Reply.Json) => Reply.Reply
): Effect.Effect<Reply.Reply> =>
  Effect.gen(function* () {
    const header = exchange.request.headers["authorization"]
    const { audience, parameters, scope } = options
    const scopeParameter = scope.length > 0 ? { scope: scope.join(" ") } : {}
    if (header === undefined) return challenge(401, { ...parameters, ...scopeParameter }, undefined)
    const refused = (status: number, error: string, description: string): Reply.Reply => {
      const parts = { error, error_description: description }
      return challenge(status, { ...parameters, ...scopeParameter, ...parts }, parts)
    }
    const token = bearer(header)
    if (token === undefined) return refused(400, "invalid_request", "One bearer token is expected")
    const read = yield* Tokens.inspect(state, token)
    if (Option.isNone(read) || read.value.type !== "access_token") {
      return refused(401, "invalid_token", "The access token is not valid")
    }
    const { claims } = read.value
    if (audience !== undefined && !Tokens.audiences(claims).includes(audience)) {
      return refused(401, "invalid_token", "The access token is for another audience")
    }
    const granted = Tokens.scopes(claims["scope"])
    return scope.every((name) => granted.includes(name))
      ? f(claims)
      : refused(403, "insufficient_scope", "The access token lacks a scope")
  })

/** A protected API: 401 with a challenge (RFC 9728 section 5.1), or what the token says. */
export const resource = (
  state: State,
  exchange: Reply.Exchange,
  identifier: string
): Effect.Effect<Reply.Reply> =>
  withToken(
    state,
    exchange,
    {
      audience: identifier,
      scope: state.settings.resourceScopes,
      parameters: { resource_metadata: Routes.resourceMetadataUrl(identifier) }
    },
    (claims) =>
      Reply.json(
        Reply.override(
          { resource: identifier, path: exchange.request.url.pathname },
          { sub: claims["sub"], client_id: claims["client_id"], scope: claims["scope"], act: claims["act"] }
        )
      )
  )

/** OpenID Connect Core section 5.3. */
export const userinfo = (state: State, exchange: Reply.Exchange): Effect.Effect<Reply.Reply> =>
  withToken(state, exchange, { audience: undefined, scope: ["openid"], parameters: {} }, (claims) => {
    const sub = String(claims["sub"])
    return Reply.json({ ...state.users.get(sub)?.claims, sub })
  })
