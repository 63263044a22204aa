import { assert, describe, it } from "@effect/vitest"
import * as Keyring from "effect-oauth/Keyring"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { AgentLive, tokenForGitHub } from "../examples/readme/service.js"

/** The service as it is, over an authorization server in memory and a key made for the test. */
const TestLive = AgentLive.pipe(
  Layer.provideMerge(Keyring.layerGenerate()),
  Layer.provideMerge(TestIssuer.layer({ issuer: "https://issuer.example" }))
)

/** Registers the service with the public half of its key, and mints the token of a person who calls it. */
const arrange = Effect.gen(function* () {
  const issuer = yield* TestIssuer.TestIssuer
  const keyring = yield* Keyring.KeyringService
  yield* issuer.addClient({ clientId: "agent", jwks: yield* keyring.jwks })
  return { issuer, subjectToken: Redacted.make(yield* issuer.mintAccessToken()) }
})

describe("the service", () => {
  it.effect("exchanges the person's token for one for GitHub", () =>
    Effect.gen(function* () {
      const { issuer, subjectToken } = yield* arrange
      yield* tokenForGitHub(subjectToken)

      const [request] = yield* issuer.requestsTo("token")
      assert.strictEqual(request?.form.get("resource"), "https://api.github.com")
    }).pipe(Effect.provide(TestLive))
  )

  it.effect("says so when the server is down", () =>
    Effect.gen(function* () {
      const { issuer, subjectToken } = yield* arrange
      yield* issuer.misbehave("token", Misbehaviour.connectionFailure)

      const error = yield* Effect.flip(tokenForGitHub(subjectToken))
      assert.strictEqual(error._tag, "TransportError")
    }).pipe(Effect.provide(TestLive))
  )
})
