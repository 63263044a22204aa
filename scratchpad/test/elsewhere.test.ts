/** People who decide at another device, against oidc-provider: the device flow and CIBA. */
import { assert, describe, it } from "@effect/vitest"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Ciba from "effect-oauth/Ciba"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as DeviceAuthorization from "effect-oauth/DeviceAuthorization"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Refresh from "effect-oauth/Refresh"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as TestServices from "effect/TestServices"
import { exportJWK, exportPKCS8, generateKeyPair } from "jose"
import {
  callCentre,
  cibaConfiguration,
  cibaServer,
  deviceConfiguration,
  signingDesk,
  television
} from "../support/elsewhere.js"
import { startProvider } from "../support/provider.js"
import { decide } from "../support/userAgent.js"
import { makeBell } from "./support/bell.js"

const DeviceLive = Layer.unwrapScoped(
  Effect.map(startProvider({ configuration: deviceConfiguration }), ({ issuer }) =>
    Layer.merge(DeviceAuthorization.layer, Refresh.layer).pipe(
      Layer.provide(OAuthClient.layer({ issuer, ...television }))
    )
  )
).pipe(Layer.provide(NodeHttpClient.layerUndici))

const CibaLive = Layer.unwrapScoped(
  Effect.map(startProvider({ configuration: cibaConfiguration }), ({ issuer }) =>
    Ciba.layer.pipe(
      Layer.provide(
        OAuthClient.layer({
          issuer,
          clientId: callCentre.clientId,
          authentication: ClientAuthentication.clientSecretBasic(callCentre.secret)
        })
      )
    )
  )
).pipe(Layer.provide(NodeHttpClient.layerUndici))

/** The desk that signs and is told, at a server of its own; and its bell. */
const DeskLive = Layer.unwrapScoped(
  Effect.gen(function* () {
    const bell = yield* makeBell
    const { jwk, keyring } = yield* Effect.promise(deskKey)
    const { issuer } = yield* startProvider({
      configuration: cibaServer({ publicJwk: jwk, bell: bell.url })
    })
    const client = OAuthClient.layer({
      issuer,
      clientId: signingDesk.clientId,
      authentication: ClientAuthentication.privateKeyJwt()
    })
    return Layer.mergeAll(Ciba.layerSigned(), Layer.succeed(Bell, bell)).pipe(
      Layer.provideMerge(client),
      Layer.provide(Layer.orDie(keyring))
    )
  })
).pipe(Layer.provide(NodeHttpClient.layerUndici))

class Bell extends Context.Tag("effect-oauth-scratchpad/Bell")<
  Bell,
  Effect.Effect.Success<typeof makeBell>
>() {}

const deskKey = async () => {
  const pair = await generateKeyPair("ES256", { extractable: true })
  const pem = Redacted.make(await exportPKCS8(pair.privateKey))
  return {
    jwk: await exportJWK(pair.publicKey),
    keyring: Keyring.layerPem({ pem, kid: signingDesk.kid })
  }
}

/** The server has the time of day; the waits are the test's. */
const today = Effect.flatMap(TestServices.provideLive(Clock.currentTimeMillis), TestClock.setTime)

/** Lets waits pass until something is done. */
const hurry = <A, E>(fiber: Fiber.RuntimeFiber<A, E>): Effect.Effect<A, E> =>
  Effect.suspend(() =>
    fiber.unsafePoll() === null
      ? TestClock.adjust("1 seconds").pipe(
          Effect.zipRight(TestServices.provideLive(Effect.sleep("20 millis"))),
          Effect.zipRight(hurry(fiber))
        )
      : Fiber.join(fiber)
  )

const pass = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.flatMap(Effect.fork(effect), hurry)

describe("the device flow against oidc-provider", () => {
  it.scoped("RFC 8628: pending until the person has typed the code in and agreed; then tokens", () =>
    Effect.gen(function* () {
      yield* today
      const device = yield* DeviceAuthorization.DeviceAuthorization
      const transaction = yield* device.begin({
        scope: ["openid", "offline_access"],
        parameters: { prompt: "consent" }
      })
      assert.match(transaction.userCode, /^[A-Z]{4}-[A-Z]{4}$/)
      assert.strictEqual(transaction.interval, 5)
      assert.isFalse(transaction.completeElsewhere)

      const events = yield* Queue.unbounded<DeviceAuthorization.DeviceAuthorization.Progress>()
      const fiber = yield* Effect.fork(
        Stream.runForEach(device.progress(transaction), (event) => Queue.offer(events, event))
      )
      assert.strictEqual((yield* pass(Queue.take(events)))._tag, "Pending")
      const complete = Option.getOrThrow(transaction.verificationUriComplete)
      assert.strictEqual(yield* decide(complete, "ada"), "The device is signed in")
      yield* hurry(fiber)

      const all = yield* Queue.takeAll(events)
      const last = [...all].at(-1)
      if (last?._tag !== "Granted") return assert.fail(String(last?._tag))
      const { idToken, tokens } = last.value
      assert.strictEqual(Option.getOrThrow(idToken).claims.sub, "ada")
      assert.deepStrictEqual(tokens.scope, ["offline_access", "openid"])

      const refresh = yield* Refresh.Refresh
      const after = yield* refresh.refresh(tokens)
      assert.strictEqual(Option.getOrThrow(after.idToken).claims.sub, "ada")
    }).pipe(Effect.provide(DeviceLive))
  )

  it.scoped("RFC 8628 section 3.5: a code is good once", () =>
    Effect.gen(function* () {
      yield* today
      const device = yield* DeviceAuthorization.DeviceAuthorization
      const transaction = yield* device.begin({ scope: ["openid"] })
      yield* decide(Option.getOrThrow(transaction.verificationUriComplete), "grace")
      const { idToken } = yield* pass(device.complete(transaction))
      assert.strictEqual(Option.getOrThrow(idToken).claims.sub, "grace")
      const error = yield* Effect.flip(pass(device.complete(transaction)))
      assert.strictEqual(`${error._tag} ${error.reason}`, "OAuthResponseError invalid_grant")
    }).pipe(Effect.provide(DeviceLive))
  )
})

describe("CIBA against oidc-provider", () => {
  it.scoped("CIBA Core section 10.1: who agrees at the phone is known to the client that asked", () =>
    Effect.gen(function* () {
      yield* today
      const ciba = yield* Ciba.Ciba
      const transaction = yield* ciba.begin({ hint: { loginHint: "ada" }, bindingMessage: "W4SCT" })
      const { idToken, tokens } = yield* pass(ciba.complete(transaction))
      assert.strictEqual(idToken.claims.sub, "ada")
      assert.deepStrictEqual(tokens.scope, ["openid"])
    }).pipe(Effect.provide(CibaLive))
  )

  it.scoped(
    "CIBA Core section 11: who says no is told apart; a server that does not ping is not asked to",
    () =>
      Effect.gen(function* () {
        yield* today
        const ciba = yield* Ciba.Ciba
        const transaction = yield* ciba.begin({ hint: { loginHint: "mallory" } })
        const denied = yield* Effect.flip(pass(ciba.complete(transaction)))
        assert.strictEqual(`${denied._tag} ${denied.reason}`, "AuthorizationError denied")
        const unsupported = yield* Effect.flip(ciba.begin({ hint: { loginHint: "ada" }, ping: true }))
        assert.strictEqual(`${unsupported._tag} ${unsupported.reason}`, "DiscoveryError unsupported")
      }).pipe(Effect.provide(CibaLive))
  )

  it.scoped(
    "CIBA Core sections 7.1.1 and 10.2: a signed request, and the notification of what came of it",
    () =>
      Effect.gen(function* () {
        yield* today
        const ciba = yield* Ciba.Ciba
        const { rung } = yield* Bell
        const transaction = yield* ciba.begin({
          hint: { loginHint: "ada" },
          bindingMessage: "W4SCT",
          ping: true
        })
        const { body, headers, method } = yield* Queue.take(rung)
        assert.strictEqual(method, "POST")
        const forged = { headers: { ...headers, authorization: "Bearer guessed" }, body }
        const refused = yield* Effect.flip(
          ciba.notified(forged, () => Effect.succeed(Option.some(transaction)))
        )
        assert.strictEqual(refused.reason, "state_mismatch")
        const known = yield* ciba.notified({ headers, body }, (id) =>
          Effect.succeed(
            id === Redacted.value(transaction.authReqId) ? Option.some(transaction) : Option.none()
          )
        )
        assert.strictEqual((yield* ciba.redeem(known)).idToken.claims.sub, "ada")
      }).pipe(Effect.provide(DeskLive))
  )

  it.scoped("CIBA Core section 7.1.1: a client that is registered to sign is refused when it does not", () =>
    Effect.gen(function* () {
      yield* today
      const plain = yield* Ciba.make
      const error = yield* Effect.flip(plain.begin({ hint: { loginHint: "ada" }, ping: true }))
      assert.strictEqual(`${error._tag} ${error.reason}`, "OAuthResponseError invalid_request")
    }).pipe(Effect.provide(DeskLive))
  )
})
