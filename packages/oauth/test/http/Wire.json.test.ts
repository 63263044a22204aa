/** Documents that are nested deeper than anybody could write again (RFC 8259 section 9). */
import * as Headers from "@effect/platform/Headers"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Quirks from "effect-oauth/Quirks"
import * as Registration from "effect-oauth/Registration"
import * as Wire from "effect-oauth/Wire"
import * as A from "../client/support/answers.js"

const nested = (depth: number, inner = "") => `${"[".repeat(depth)}${inner}${"]".repeat(depth)}`

const read = (text: string) =>
  Wire.json("Test", {
    status: 200,
    headers: Headers.empty,
    body: new TextEncoder().encode(text),
    url: "https://issuer.test/"
  })

describe("Wire.json", () => {
  it.effect("RFC 8259 section 9: nesting has a limit, in lists, objects and both", () =>
    Effect.gen(function* () {
      const accepted = ["1", '"text"', "null", "{}", nested(64), nested(63, '{"a":[]}').replace("[]", "1")]
      for (const text of accepted) assert.deepStrictEqual(yield* read(text), JSON.parse(text))
      const flat = `[${"[],".repeat(10_000)}"${"[".repeat(200)}"]`
      assert.deepStrictEqual(yield* read(flat), JSON.parse(flat), "what is wide, or in a text, is not deep")
      for (const text of [nested(65), nested(100_000), `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`]) {
        const error = yield* Effect.flip(read(text))
        assert.strictEqual(`${error._tag} ${error.reason}`, "TransportError content")
      }
    })
  )
})

describe("DESIGN 1: deep JSON of a server is an error and no defect", () => {
  const issuer = "https://issuer.test"
  const metadata = { issuer, token_endpoint: `${issuer}/token` }
  const deep = nested(100_000)
  const answer = (text: string, status = 200) => new Response(text, { status })

  /** A failure that a program can handle. */
  const refused = <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.map(Effect.exit(effect), (exit) =>
      Exit.isFailure(exit) && exit.cause._tag === "Fail" ? exit.cause.error._tag : "no failure"
    )

  for (const [where, quirks] of [
    ["of a token response", undefined],
    ["of a token response that is bent", Quirks.make({ assumeTokenType: "Bearer" })]
  ] as const) {
    it.effect(where, () =>
      Effect.gen(function* () {
        const { request } = yield* ClientCredentials.ClientCredentials
        assert.strictEqual(yield* refused(request()), "TransportError")
      }).pipe(
        Effect.provide(
          A.flows({ issuer, clientId: "app", metadata, quirks }, () =>
            answer(`{"access_token":"a","token_type":"bearer","x":${deep}}`)
          )
        )
      )
    )
  }

  it.effect("of metadata that is bent", () =>
    Effect.gen(function* () {
      const client = yield* OAuthClient.OAuthClient
      assert.strictEqual(yield* refused(client.metadata), "DiscoveryError")
    }).pipe(
      Effect.provide(
        A.flows(
          {
            issuer,
            clientId: "app",
            quirks: Quirks.make({
              issuer: { template: "https://{t}.test", placeholder: "{t}", claim: "tid", tenants: "any" }
            })
          },
          () => answer(`{"issuer":"https://{t}.test","x":${deep}}`)
        )
      )
    )
  )

  it.effect("of a registration", () =>
    Effect.gen(function* () {
      const { register } = yield* Registration.Registration
      const server = { issuer, registration_endpoint: `${issuer}/register` }
      const wanted = {
        issuer,
        server,
        metadata: { redirect_uris: ["https://app.test/callback"], client_name: "x" }
      }
      assert.strictEqual(yield* refused(register(wanted)), "TransportError")
    }).pipe(
      Effect.provide(Registration.layer),
      Effect.provide(A.answering(() => answer(`{"client_id":"c","client_name":${deep}}`, 201)))
    )
  )
})
