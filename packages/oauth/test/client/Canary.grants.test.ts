/** Peers 4c 96: no secret of the grants without a redirect appears in any error, log line or span. */
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Ciba from "effect-oauth/Ciba"
import type { CibaTransaction } from "effect-oauth/CibaTransaction"
import * as DeviceAuthorization from "effect-oauth/DeviceAuthorization"
import type { DeviceTransaction } from "effect-oauth/DeviceTransaction"
import * as IdentityAssertion from "effect-oauth/IdentityAssertion"
import * as Impersonation from "effect-oauth/Impersonation"
import * as JwtBearer from "effect-oauth/JwtBearer"
import * as Saml2Bearer from "effect-oauth/Saml2Bearer"
import * as TokenExchange from "effect-oauth/TokenExchange"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as C from "./support/canaries.js"
import * as K from "./support/canaryClient.js"
import * as H from "./support/setup.js"

const xml = `<Assertion>${C.vendorSecret}</Assertion>`
const subjectToken = Redacted.make(C.subjectToken)
const actorToken = Redacted.make(C.actorToken)

const device: DeviceTransaction = {
  issuer: H.issuer,
  clientId: "app",
  deviceCode: Redacted.make("canary-device-code"),
  userCode: "ABCD-EFGH",
  verificationUri: "https://issuer.test/device",
  verificationUriComplete: Option.none(),
  completeElsewhere: false,
  interval: 1,
  expiresAt: 15_000,
  scope: ["openid"],
  resource: []
}

const ciba: CibaTransaction = {
  issuer: H.issuer,
  clientId: "app",
  authReqId: Redacted.make("canary-auth-req-id"),
  notificationToken: Option.some(Redacted.make("canary-notification-token")),
  interval: 1,
  expiresAt: 15_000,
  scope: ["openid"],
  resource: []
}

/** What posts to the token endpoint. */
const grants = [
  C.leaksNothing(
    H.asTimePasses(
      Effect.flatMap(DeviceAuthorization.DeviceAuthorization, ({ complete }) => complete(device))
    )
  ),
  C.leaksNothing(
    H.asTimePasses(
      Effect.flatMap(DeviceAuthorization.DeviceAuthorization, ({ progress }) =>
        Stream.runCollect(Stream.tap(progress(device), (event) => Effect.log(event)))
      )
    )
  ),
  C.leaksNothing(H.asTimePasses(Effect.flatMap(Ciba.Ciba, ({ complete }) => complete(ciba)))),
  C.leaksNothing(H.asTimePasses(Effect.flatMap(Ciba.Ciba, ({ redeem }) => redeem(ciba)))),
  C.leaksNothing(
    H.asTimePasses(Effect.flatMap(JwtBearer.JwtBearer, ({ request }) => request({ assertion: subjectToken })))
  ),
  C.leaksNothing(
    H.asTimePasses(
      Effect.flatMap(Saml2Bearer.Saml2Bearer, ({ request }) => request({ assertion: Redacted.make(xml) }))
    )
  ),
  C.leaksNothing(
    H.asTimePasses(
      Effect.flatMap(IdentityAssertion.IdentityAssertion, ({ request }) =>
        request({ subjectToken, actorToken, audience: "https://chat.test" })
      )
    )
  ),
  C.leaksNothing(
    H.asTimePasses(
      Effect.flatMap(TokenExchange.TokenExchange, ({ exchangeEach }) =>
        exchangeEach({ subjectToken, actorToken, resources: ["https://api.test", "https://b.test"] })
      )
    )
  ),
  C.leaksNothing(
    H.asTimePasses(
      Effect.flatMap(Impersonation.Impersonation, ({ impersonate }) =>
        impersonate({ user: "canary-user@example.com", resource: "https://api.test", actor: "client" })
      )
    )
  )
] as const

const M = Misbehaviour
const json = (members: Readonly<Record<string, unknown>>) => M.rawBody(JSON.stringify(members))
const tokens = { access_token: C.accessToken, refresh_token: C.refreshToken, vendor: C.vendorSecret }

const answers: ReadonlyArray<readonly [what: string, bend: Misbehaviour.Misbehaviour]> = [
  ["what it should", json({ ...tokens, token_type: "Bearer" })],
  ["an ID token that is none", json({ ...tokens, token_type: "Bearer", id_token: C.accessToken })],
  ["a token type that is a token", json({ ...tokens, token_type: C.accessToken })],
  ["a foreign issued_token_type", json({ ...tokens, token_type: "N_A", issued_token_type: "urn:other" })],
  ["an error that says everything back", C.echo(400)],
  ["an error in a 200 that says everything back", C.echo(200)],
  ["an outage that says everything back", C.echo(503)],
  ["a page", M.html(502, `<p>${C.accessToken}</p>`)]
]

describe("canaries of the grants without a redirect", () => {
  for (const [what, bend] of answers) {
    it.effect(`when the server answers ${what}`, () =>
      Effect.gen(function* () {
        yield* H.misbehave("token", bend)
        for (const grant of grants) yield* grant
      }).pipe(Effect.provide(K.layerOf("post")))
    )
  }

  it.effect("beginnings: at a server that takes them, and at one that says everything back", () =>
    Effect.gen(function* () {
      const { begin } = yield* DeviceAuthorization.DeviceAuthorization
      const backchannel = yield* Ciba.Ciba
      yield* H.misbehave(
        "metadata",
        M.changedMember("backchannel_authentication_endpoint", `${H.issuer}/token`)
      )
      yield* C.leaksNothing(begin(), {
        alsoSecret: ({ deviceCode }) => [Redacted.value(deviceCode)]
      })
      yield* H.misbehave("device_authorization", C.echo(400))
      yield* C.leaksNothing(begin({ scope: ["openid"] }))
      yield* H.misbehave("token", C.echo(400))
      yield* C.leaksNothing(
        backchannel.begin({
          hint: { loginHintToken: Redacted.make("canary-login-hint-token") },
          userCode: Redacted.make("canary-user-code"),
          ping: true
        })
      )
    }).pipe(Effect.provide(K.layerOf("basic")))
  )
})
