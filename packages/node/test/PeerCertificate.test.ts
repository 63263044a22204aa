/** RFC 8705 section 3: the certificate that a client has shown, and who is a proxy. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as PeerCertificate from "effect-oauth-node/PeerCertificate"
import { IncomingMessage } from "node:http"
import { Socket } from "node:net"

const from = (remoteAddress: string | undefined) => ({
  source: new IncomingMessage(Object.defineProperty(new Socket(), "remoteAddress", { value: remoteAddress }))
})

describe("PeerCertificate", () => {
  it.effect("none without TLS, and none of what is no request", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* PeerCertificate.thumbprint(from("127.0.0.1")), Option.none())
      for (const source of [{}, { socket: { getPeerX509Certificate: () => ({ raw: "x" }) } }]) {
        assert.deepStrictEqual(yield* PeerCertificate.thumbprint({ source }), Option.none())
      }
    })
  )

  it("isFrom: addresses and networks, of both families", () => {
    const declared = PeerCertificate.isFrom(["127.0.0.1", "10.1.0.0/16", "fd00::/8", "::1"])
    for (const address of [
      "127.0.0.1",
      "::ffff:127.0.0.1",
      "10.1.2.3",
      "::ffff:10.1.255.255",
      "fd12::1",
      "::1"
    ]) {
      assert.isTrue(declared(from(address)), address)
    }
    for (const address of ["127.0.0.2", "10.2.0.1", "fe80::1", "::2", "evil", "", undefined]) {
      assert.isFalse(declared(from(address)), address)
    }
    assert.isFalse(declared({ source: {} }))
  })

  it("isFrom: what is no address or network is in none", () => {
    const declared = PeerCertificate.isFrom([
      "",
      "proxy.example",
      "10.0.0.0/33",
      "10.0.0.0/x",
      "1.2.3.4/8/8",
      "10.0.0.0/"
    ])
    for (const address of ["10.0.0.0", "10.0.0.1", "1.2.3.4", "::1", "0.0.0.0"])
      assert.isFalse(declared(from(address)))
    assert.isFalse(PeerCertificate.isFrom([])(from("127.0.0.1")))
  })
})
