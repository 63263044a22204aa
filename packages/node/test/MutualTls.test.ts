import { assert, describe, it } from "@effect/vitest"
import * as MutualTls from "effect-oauth-node/MutualTls"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { generateKeyPairSync } from "node:crypto"
import { selfSigned } from "./support/selfSigned.js"

// The client against a server that asks for its certificate is in scratchpad/test/clientAuthentication.test.ts.
describe("MutualTls", () => {
  const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey
  const otherPem = String(other.export({ type: "pkcs8", format: "pem" }))

  it.scopedLive("a key of another certificate, or no PEM, is refused before anything is sent, unseen", () =>
    Effect.gen(function* () {
      const { cert, key } = selfSigned("client.example")
      const line = otherPem.split("\n")[1] ?? "?"
      for (const options of [
        { certificate: cert, key: Redacted.make(otherPem) },
        { certificate: "nonsense", key },
        { certificate: cert, key: Redacted.make(`nonsense ${line}`) },
        { certificate: cert, key, ca: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----" }
      ]) {
        const error = yield* Effect.flip(MutualTls.make(options))
        assert.strictEqual(`${error._tag} ${error.reason}`, "KeyringError malformed")
        assert.notInclude(JSON.stringify(error), line)
      }
    })
  )

  it.scopedLive("is made from configuration, encrypted keys included", () =>
    Effect.gen(function* () {
      const { cert } = selfSigned("client.example")
      const config = Config.all({ certificate: Config.string("CERT"), key: Config.redacted("KEY") })
      const error = yield* Effect.flip(Layer.build(MutualTls.layerConfig(config))).pipe(
        Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["CERT", cert]])))
      )
      assert.include(String(error), "KEY")
    })
  )
})
