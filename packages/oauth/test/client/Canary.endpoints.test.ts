/** Issue 2, peers 4c 96: the endpoints beside the token endpoint, and tokens bound to a key, leak nothing either. */
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as DeviceAuthorization from "effect-oauth/DeviceAuthorization"
import * as Dpop from "effect-oauth/Dpop"
import * as Introspection from "effect-oauth/Introspection"
import * as JwtBearer from "effect-oauth/JwtBearer"
import * as Keyring from "effect-oauth/Keyring"
import * as Refresh from "effect-oauth/Refresh"
import * as Revocation from "effect-oauth/Revocation"
import * as UserInfo from "effect-oauth/UserInfo"
import * as M from "effect-oauth-testing/Misbehaviour"
import * as C from "./support/canaries.js"
import * as K from "./support/canaryClient.js"
import * as H from "./support/setup.js"

const token = Redacted.make(C.accessToken)

/** Claims that name nobody: what matters is that they are not looked at before the header. */
const unsigned = Redacted.make("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.canary-assertion")

const endpoints = [
  [
    "introspection",
    Effect.flatMap(Introspection.Introspection, (service) =>
      C.leaksNothing(H.asTimePasses(service.introspect(token)))
    )
  ],
  [
    "revocation",
    Effect.flatMap(Revocation.Revocation, (service) =>
      C.leaksNothing(H.asTimePasses(service.revokeAll(K.before)))
    )
  ],
  [
    "userinfo",
    Effect.flatMap(UserInfo.UserInfo, (service) =>
      C.leaksNothing(H.asTimePasses(service.get({ ...K.before, idToken: Option.none() })))
    )
  ],
  [
    "device_authorization",
    Effect.flatMap(DeviceAuthorization.DeviceAuthorization, (service) =>
      C.leaksNothing(H.asTimePasses(service.begin({ scope: ["openid"] })), {
        alsoSecret: ({ deviceCode }) => [Redacted.value(deviceCode)]
      })
    )
  ],
  [
    "token",
    Effect.flatMap(JwtBearer.JwtBearer, (service) =>
      C.leaksNothing(H.asTimePasses(service.request({ assertion: unsigned })))
    )
  ]
] as const

const answers: ReadonlyArray<readonly [what: string, bend: M.Misbehaviour]> = [
  ["what it should", M.header("x-nothing", "x")],
  ["an error that says everything back", C.echo(400)],
  ["a 401 that says everything back", C.echo(401)],
  ["an outage that says everything back", C.echo(503)],
  ["a 200 that says everything back", C.echo(200)],
  ["a page", M.html(200, `<p>${C.accessToken}</p>`)],
  ["broken JSON", M.rawBody(`{"access_token":"${C.accessToken}",`)],
  ["a list", M.rawBody(`["${C.accessToken}"]`)],
  [
    "members of the wrong type",
    M.rawBody(
      `{"active":"${C.accessToken}","sub":["${C.refreshToken}"],"device_code":{"a":"${C.vendorSecret}"},"expires_in":"${C.accessToken}"}`
    )
  ],
  ["a redirect with the token", M.redirect(`https://evil.test/#${C.accessToken}`, 307)],
  ["half of it", M.brokenBody],
  ["nothing, ever", M.hang],
  ["no connection", M.connectionFailure]
]

describe("canaries of the other endpoints", () => {
  for (const [what, bend] of answers) {
    it.effect(`when the server answers ${what}`, () =>
      Effect.gen(function* () {
        for (const [endpoint, flow] of endpoints) {
          yield* H.misbehave(endpoint, bend)
          yield* flow
        }
      }).pipe(Effect.provide(K.layerOf("basic")))
    )
  }
})

describe("canaries of tokens bound to a key", () => {
  it.effect("RFC 9449: neither the key nor a proof comes out", () =>
    Effect.gen(function* () {
      const keyring = yield* Keyring.fromPem({ pem: Redacted.make(String(C.pem)) })
      const dpop = yield* Dpop.make({ keyring })
      yield* C.leaksNothing(Effect.succeed(dpop))
      yield* Effect.gen(function* () {
        const { refresh } = yield* Refresh.Refresh
        for (const [, bend] of answers) {
          yield* H.misbehave("token", bend)
          yield* C.leaksNothing(H.asTimePasses(refresh(K.before)))
        }
      }).pipe(Effect.provide(K.layerOf("post", { dpop })))
    }).pipe(Effect.provide(K.layerOf("post")))
  )
})
