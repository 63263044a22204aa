/** RFC 9440 and what load balancers send, from a proxy that is declared. */
import * as Headers from "@effect/platform/Headers"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as CertificateHeader from "effect-oauth-resource-server/CertificateHeader"
import { ClientCertificate } from "effect-oauth-resource-server/Incoming"
import { createHash, randomBytes } from "node:crypto"

const der = Buffer.concat([Buffer.from([0x30, 0x82, 0x01, 0x00]), randomBytes(256)])
const thumbprint = createHash("sha256").update(der).digest("base64url")
const rfc9440 = `:${der.toString("base64")}:`
const pem = `-----BEGIN CERTIFICATE-----\n${der.toString("base64").replace(/(.{64})/g, "$1\n")}\n-----END CERTIFICATE-----\n`

const proxy = { name: "proxy" }
const client = { name: "client" }
const isProxy = ({ source }: { readonly source: unknown }) => source === proxy

const read = (
  headers: Record<string, string>,
  options: Partial<CertificateHeader.Options> = {},
  source: object = proxy
) => CertificateHeader.make({ proxy: isProxy, ...options })({ source, headers: Headers.fromInput(headers) })

describe("CertificateHeader", () => {
  it.effect("RFC 9440 section 2: a byte sequence", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* read({ "client-cert": rfc9440 }), Option.some(thumbprint))
      assert.deepStrictEqual(
        yield* read({ "X-Cert": rfc9440 }, { header: "X-Cert" }),
        Option.some(thumbprint)
      )
    })
  )

  it.effect("percent-encoded PEM, with the safe characters of nginx and of load balancers", () =>
    Effect.gen(function* () {
      const whole = encodeURIComponent(pem)
      const some = whole.replaceAll("%2B", "+").replaceAll("%2F", "/").replaceAll("%3D", "=")
      for (const value of [whole, some]) {
        assert.deepStrictEqual(
          yield* read({ "client-cert": value }, { encoding: "pem" }),
          Option.some(thumbprint)
        )
      }
    })
  )

  it.effect("the same header of anybody else is nothing", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* read({ "client-cert": rfc9440 }, {}, client), Option.none())
    })
  )

  it.effect("what is malformed, empty, too long or came twice is nothing", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* read({}), Option.none())
      for (const value of [
        "",
        "::",
        ":!:",
        der.toString("base64"),
        `${rfc9440}, ${rfc9440}`,
        `${rfc9440};a=1`,
        ":bm8gREVS:",
        `:${"A".repeat(20_000)}:`
      ]) {
        assert.deepStrictEqual(yield* read({ "client-cert": value }), Option.none(), value.slice(0, 40))
      }
      for (const value of [
        encodeURIComponent(pem + pem),
        "%zz",
        "-----BEGIN CERTIFICATE-----",
        rfc9440,
        "%00%01"
      ]) {
        assert.deepStrictEqual(yield* read({ "client-cert": value }, { encoding: "pem" }), Option.none())
      }
    })
  )

  it.effect("is where the program looks when the layer is provided", () =>
    Effect.gen(function* () {
      const find = yield* ClientCertificate
      const headers = Headers.fromInput({ "client-cert": rfc9440 })
      assert.deepStrictEqual(yield* find({ source: proxy, headers }), Option.some(thumbprint))
    }).pipe(Effect.provide(CertificateHeader.layer({ proxy: isProxy })))
  )
})
