/** A client by hand, so that the double is not tested with the toolkit it tests. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import type { TestClient } from "effect-oauth-testing/TestClient"
import type { Decision } from "effect-oauth-testing/TestUser"
import * as jose from "jose"

export const redirectUri = "https://app.test/callback"
/** RFC 7636 appendix B. */
export const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
export const challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

export const app: TestClient = { clientId: "app", redirectUris: [redirectUri] }
export const service: TestClient = { clientId: "service", secret: "s3cret" }

export type Parameters = Readonly<Record<string, string | ReadonlyArray<string> | undefined>>

const search = (parameters: Parameters): URLSearchParams => {
  const all = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of [value ?? []].flat()) all.append(name, one)
  }
  return all
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  readonly json: Readonly<Record<string, unknown>>
}

const read = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<Answer> =>
  response.text.pipe(
    Effect.orDie,
    Effect.map((text) => {
      let json: unknown
      try {
        json = JSON.parse(text)
      } catch {
        json = {}
      }
      return {
        status: response.status,
        headers: response.headers,
        text,
        json: Predicate.isReadonlyRecord(json) ? json : {}
      }
    })
  )

export const execute = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.flatMap(HttpClient.HttpClient, (client) => client.execute(request))

export const get = (url: string, headers: Readonly<Record<string, string>> = {}) =>
  execute(HttpClientRequest.get(url, { headers })).pipe(Effect.orDie, Effect.flatMap(read))

export const post = (url: string, parameters: Parameters, headers: Readonly<Record<string, string>> = {}) =>
  execute(
    HttpClientRequest.post(url, { headers }).pipe(
      HttpClientRequest.bodyText(search(parameters).toString(), "application/x-www-form-urlencoded")
    )
  ).pipe(Effect.orDie, Effect.flatMap(read))

export const token = (parameters: Parameters, headers: Readonly<Record<string, string>> = {}) =>
  Effect.flatMap(TestIssuer.TestIssuer, ({ urls }) => post(urls.token, parameters, headers))

export const authorizationUrl = (parameters: Parameters = {}) =>
  Effect.map(
    TestIssuer.TestIssuer,
    ({ urls }) =>
      `${urls.authorization}?${search({
        response_type: "code",
        client_id: "app",
        redirect_uri: redirectUri,
        state: "st",
        scope: "openid notes",
        nonce: "n-1",
        code_challenge: challenge,
        code_challenge_method: "S256",
        ...parameters
      })}`
  )

/** The parameters of the callback. */
export const callback = (parameters: Parameters = {}, decision?: Decision) =>
  Effect.gen(function* () {
    const issuer = yield* TestIssuer.TestIssuer
    return new URL(yield* issuer.authorize(yield* authorizationUrl(parameters), decision)).searchParams
  })

export const code = (parameters: Parameters = {}, decision?: Decision) =>
  Effect.map(callback(parameters, decision), (search) => search.get("code") ?? "")

export const redeem = (code: string, parameters: Parameters = {}) =>
  token({
    grant_type: "authorization_code",
    client_id: "app",
    code,
    redirect_uri: redirectUri,
    code_verifier: verifier,
    ...parameters
  })

export const basic = (id: string, secret: string) => ({ authorization: `Basic ${btoa(`${id}:${secret}`)}` })
export const asService = basic("service", "s3cret")

/** Verifies a token of the issuer with jose and the JWKS it serves. */
export const verify = (jwt: unknown, options: jose.JWTVerifyOptions = {}) =>
  Effect.gen(function* () {
    const issuer = yield* TestIssuer.TestIssuer
    const jwks = yield* issuer.jwks
    const millis = yield* Clock.currentTimeMillis
    return yield* Effect.tryPromise(() =>
      jose.jwtVerify(String(jwt), jose.createLocalJWKSet(jwks), {
        issuer: issuer.issuer,
        currentDate: new Date(millis),
        ...options
      })
    )
  })
