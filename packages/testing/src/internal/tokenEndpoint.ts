/** The endpoints a client posts forms to: token, device authorization, introspection, revocation. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as ClientAuthentication from "./clientAuthentication.js"
import type * as Issue from "./issue.js"
import * as PersonGrants from "./personGrants.js"
import * as Reply from "./reply.js"
import * as Routes from "./routes.js"
import * as ServiceGrants from "./serviceGrants.js"
import type { State } from "./state.js"
import * as Targets from "./targets.js"
import * as Tokens from "./tokens.js"

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

const grants: ReadonlyMap<string, (request: Issue.GrantRequest) => Effect.Effect<Reply.Json, Reply.Refusal>> =
  new Map([
    ["authorization_code", PersonGrants.authorizationCode],
    ["refresh_token", PersonGrants.refreshToken],
    ["client_credentials", ServiceGrants.clientCredentials],
    ["urn:ietf:params:oauth:grant-type:token-exchange", ServiceGrants.tokenExchange],
    ["urn:ietf:params:oauth:grant-type:jwt-bearer", ServiceGrants.jwtBearer],
    [deviceGrant, PersonGrants.deviceCode]
  ])

/** The grants an issuer knows, for its metadata. */
export const grantTypes: ReadonlyArray<string> = [...grants.keys()]

/** Parameters that may come more than once (RFC 8707 section 2, RFC 8693 section 2.1). */
const repeatable = new Set(["resource", "audience"])

/** A form, posted once per parameter, by a client that is who it says. */
const formRequest = (
  state: State,
  exchange: Reply.Exchange,
  f: (request: Issue.GrantRequest) => Effect.Effect<Reply.Reply, Reply.Refusal>
): Effect.Effect<Reply.Reply> =>
  Effect.gen(function* () {
    const { form, headers, method } = exchange.request
    if (method !== "POST") return Reply.empty(405, { allow: "POST" })
    const type = (headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase()
    if (type !== "application/x-www-form-urlencoded") {
      return yield* Reply.refuse("invalid_request", "The body must be application/x-www-form-urlencoded")
    }
    const twice = [...form.keys()].find((name) => !repeatable.has(name) && form.getAll(name).length > 1)
    if (twice !== undefined)
      return yield* Reply.refuse("invalid_request", `${twice} was given more than once`)
    const client = yield* ClientAuthentication.authenticate(state, exchange)
    return yield* f({ state, client, form, now: exchange.now, distortion: exchange.distortion })
  }).pipe(Effect.catchTag("Refusal", (refusal) => Effect.succeed(Reply.refusal(refusal))))

const uncached = { "cache-control": "no-store", pragma: "no-cache" }

/** RFC 6749 section 3.2. */
export const token = (state: State, exchange: Reply.Exchange): Effect.Effect<Reply.Reply> =>
  formRequest(state, exchange, (request) => {
    const grantType = request.form.get("grant_type") ?? ""
    const grant = grants.get(grantType)
    if (grantType === "") return Reply.refuse("invalid_request", "grant_type is missing")
    if (grant === undefined) return Reply.refuse("unsupported_grant_type", "This grant is not supported")
    if (!Targets.mayUse(request.client, grantType)) {
      return Reply.refuse("unauthorized_client", "This client may not use this grant")
    }
    return Effect.map(grant(request), (value) => Reply.json(value, 200, uncached))
  })

/** RFC 8628 section 3.1. */
export const deviceAuthorization = (state: State, exchange: Reply.Exchange): Effect.Effect<Reply.Reply> =>
  formRequest(state, exchange, (request) =>
    Targets.mayUse(request.client, deviceGrant)
      ? Effect.map(
          PersonGrants.deviceAuthorization(request, Routes.urls(state.settings.issuer).verification),
          (value) => Reply.json(value, 200, uncached)
        )
      : Reply.refuse("unauthorized_client", "This client may not use device codes")
  )

/** RFC 7662 section 2: what does not hold is inactive, and nothing more is said of it. */
export const introspection = (state: State, exchange: Reply.Exchange): Effect.Effect<Reply.Reply> =>
  formRequest(state, exchange, ({ form, now }) =>
    Effect.gen(function* () {
      const given = form.get("token") ?? ""
      const refresh = state.refreshTokens.get(given)
      if (refresh !== undefined) {
        const active =
          !refresh.used &&
          refresh.expires > now &&
          !state.revokedFamilies.has(refresh.family) &&
          !state.revokedTokens.has(given)
        const { clientId, expires, scope, sub } = refresh
        return Reply.json(
          active ? { active, sub, client_id: clientId, exp: expires, scope: scope.join(" ") } : { active },
          200,
          uncached
        )
      }
      const read = yield* Tokens.inspect(state, given)
      const value = Option.match(read, {
        onNone: () => ({ active: false }),
        onSome: ({ claims }) => ({ active: true, token_type: "Bearer", ...claims })
      })
      return Reply.json(value, 200, uncached)
    })
  )

/** RFC 7009 section 2: 200 for whatever was sent; a refresh token takes its family with it. */
export const revocation = (state: State, exchange: Reply.Exchange): Effect.Effect<Reply.Reply> =>
  formRequest(state, exchange, ({ client, form }) =>
    Effect.sync(() => {
      const given = form.get("token") ?? ""
      const refresh = state.refreshTokens.get(given)
      if (refresh !== undefined) {
        if (refresh.clientId === client.clientId) state.revokedFamilies.add(refresh.family)
      } else if (state.accessTokens.get(given)?.claims["client_id"] === client.clientId) {
        state.revokedTokens.add(given)
      }
      return Reply.empty(200)
    })
  )
