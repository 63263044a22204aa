/** Who is calling (RFC 6749 section 2.3, RFC 7523 section 3). */
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Redacted from "effect/Redacted"
import { decodeJwt } from "jose"
import type { AuthenticationMethod, TestClient } from "../TestClient.js"
import * as Routes from "./routes.js"
import * as Reply from "./reply.js"
import type { State } from "./state.js"
import * as Tokens from "./tokens.js"

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

const denied = (description: string, basic: boolean): Reply.Refusal =>
  Reply.refuse("invalid_client", description, {
    status: 401,
    headers: basic ? { "www-authenticate": 'Basic realm="token", charset="UTF-8"' } : {}
  })

/** The methods a client may use. */
const allowed = (client: TestClient): ReadonlyArray<AuthenticationMethod> => {
  if (client.authentication !== undefined) return [client.authentication]
  if (client.jwks !== undefined) return ["private_key_jwt"]
  if (client.secret !== undefined) return ["client_secret_basic", "client_secret_post"]
  return ["none"]
}

const find = (
  state: State,
  clientId: string,
  method: AuthenticationMethod
): Effect.Effect<TestClient, Reply.Refusal> => {
  const basic = method === "client_secret_basic"
  const client = state.clients.get(clientId)
  if (client === undefined) return denied("No such client", basic)
  if (!allowed(client).includes(method)) return denied(`This client may not use ${method}`, basic)
  return Effect.succeed(client)
}

const checkSecret = (
  client: TestClient,
  secret: string,
  basic: boolean
): Effect.Effect<TestClient, Reply.Refusal> => {
  const known = Redacted.isRedacted(client.secret) ? Redacted.value(client.secret) : client.secret
  return known === secret ? Effect.succeed(client) : denied("The client secret is wrong", basic)
}

/** One half of the credentials: `application/x-www-form-urlencoded`, as RFC 6749 section 2.3.1 has it. */
const formDecode = (text: string): Effect.Effect<string, Reply.Refusal> =>
  Effect.try({
    try: () => decodeURIComponent(text.replace(/\+/g, " ")),
    catch: () => denied("The Basic credentials are not form-encoded", true)
  })

const basicCredentials = (header: string): Effect.Effect<readonly [string, string], Reply.Refusal> =>
  Effect.gen(function* () {
    const match = /^Basic +([A-Za-z0-9+/]+=*)$/i.exec(header)
    if (match === null) return yield* denied("The Authorization header is not Basic credentials", true)
    const text = yield* Effect.mapError(Encoding.decodeBase64String(match[1] ?? ""), () =>
      denied("The Basic credentials are not base64", true)
    )
    const colon = text.indexOf(":")
    if (colon < 0) return yield* denied("The Basic credentials have no colon", true)
    return [yield* formDecode(text.slice(0, colon)), yield* formDecode(text.slice(colon + 1))] as const
  })

const assertion = (
  state: State,
  token: string,
  exchange: Reply.Exchange,
  formClientId: string | null
): Effect.Effect<TestClient, Reply.Refusal> =>
  Effect.gen(function* () {
    const claimed = yield* Effect.try({
      try: () => decodeJwt(token),
      catch: () => denied("The client assertion is not a JWT", false)
    })
    const clientId = claimed.sub ?? ""
    if (formClientId !== null && formClientId !== clientId) {
      return yield* denied("client_id is not the subject of the client assertion", false)
    }
    const client = yield* find(state, clientId, "private_key_jwt")
    const { issuer, assertionAudience } = state.settings
    const endpoint = Routes.urls(issuer).token
    const audience =
      assertionAudience === "issuer"
        ? [issuer]
        : assertionAudience === "token_endpoint"
          ? [endpoint]
          : [issuer, endpoint]
    const { payload } = yield* Tokens.verify(token, client.jwks ?? { keys: [] }, {
      issuer: clientId,
      subject: clientId,
      audience,
      now: exchange.now,
      requiredClaims: ["jti", "aud"]
    }).pipe(Effect.mapError((refusal) => denied(refusal.description, false)))
    const id = `${clientId} ${payload.jti ?? ""}`
    if (state.assertionIds.has(id)) return yield* denied("The client assertion was used before (jti)", false)
    state.assertionIds.add(id)
    return client
  })

/** Finds the client and checks its one credential. */
export const authenticate = (
  state: State,
  exchange: Reply.Exchange
): Effect.Effect<TestClient, Reply.Refusal> =>
  Effect.gen(function* () {
    const { form, headers, url } = exchange.request
    if (url.searchParams.has("client_secret") || url.searchParams.has("client_assertion")) {
      return yield* Reply.refuse(
        "invalid_request",
        "Credentials may not be in the URL (RFC 6749 section 2.3.1)"
      )
    }
    const authorization = headers["authorization"]
    const secret = form.get("client_secret")
    const jwt = form.get("client_assertion")
    const clientId = form.get("client_id")
    if (
      [authorization, secret ?? undefined, jwt ?? undefined].filter((value) => value !== undefined).length > 1
    ) {
      return yield* Reply.refuse("invalid_request", "More than one way of client authentication was used")
    }
    if (authorization !== undefined) {
      const [id, password] = yield* basicCredentials(authorization)
      if (clientId !== null && clientId !== id)
        return yield* denied("client_id is not the one of the header", true)
      return yield* checkSecret(yield* find(state, id, "client_secret_basic"), password, true)
    }
    if (jwt !== null) {
      if (form.get("client_assertion_type") !== assertionType) {
        return yield* Reply.refuse("invalid_request", `client_assertion_type must be ${assertionType}`)
      }
      return yield* assertion(state, jwt, exchange, clientId)
    }
    if (clientId === null) return yield* denied("There is no client_id", false)
    if (secret !== null) {
      return yield* checkSecret(yield* find(state, clientId, "client_secret_post"), secret, false)
    }
    return yield* find(state, clientId, "none")
  })
