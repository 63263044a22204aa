/** An API whose tokens refer to a status list: what a caller is told of a revocation, and of an outage. */
import { assert, describe, it } from "@effect/vitest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Authenticator from "effect-oauth-resource-server/Authenticator"
import * as Guard from "effect-oauth-resource-server/Guard"
import * as ResourceServer from "effect-oauth-resource-server/ResourceServer"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as HttpLimits from "effect-oauth/HttpLimits"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as Keyring from "effect-oauth/Keyring"
import * as TokenStatus from "effect-oauth/TokenStatus"
import * as TokenVerifier from "effect-oauth/TokenVerifier"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { issuer, request, resource, sender } from "./support/api.js"
import { challengeOf, mint } from "./support/asking.js"

const uri = `${issuer}/statuslists/1`

const verifier = TokenStatus.layerVerifier(
  TokenVerifier.layerJwt(JwtProfile.accessToken({ issuer, audience: resource }))
).pipe(Layer.provide(TokenStatus.layer()), Layer.provide(Keyring.layerRemote({ issuers: issuer })))

const authenticator = Authenticator.layer.pipe(
  Layer.provide(ResourceServer.layerVerifier({ resource, issuer })),
  Layer.provide(verifier),
  Layer.provide(HttpLimits.layer({ retries: 0 }))
)

const serve = (answer: (list: string) => Response) =>
  Effect.gen(function* () {
    const server = yield* TestIssuer.TestIssuer
    const list = yield* server.mintIdToken({
      header: { typ: "statuslist+jwt" },
      // The example of section 4.1: bit 0 is set, bit 1 is not.
      claims: { sub: uri, aud: undefined, status_list: { bits: 1, lst: "eNrbuRgAAhcBXQ" } }
    })
    yield* server.misbehave(
      "other",
      Misbehaviour.custom(() => Effect.sync(() => answer(list)))
    )
  })

describe("an API whose tokens refer to a status list", () => {
  it.scoped(
    "RFC 6750 section 3.1: 401 for a revoked token, 503 when the list is away, 200 for a good one",
    () =>
      Effect.gen(function* () {
        const context = yield* Layer.build(authenticator)
        const app = Guard.protect({})(Effect.succeed(HttpServerResponse.text("notes")))
        const send = yield* sender(Effect.provide(app, context))
        const ask = (idx: number) =>
          Effect.flatMap(mint({ claims: { status: { status_list: { idx, uri } } } }), (token) =>
            send(request("/notes", { authorization: `Bearer ${token}` }))
          )

        yield* serve(() => new Response("", { status: 500 }))
        const away = yield* ask(1)
        assert.strictEqual(away.status, 503)
        assert.isNotNull(away.headers.get("retry-after"))
        assert.isNull(away.headers.get("www-authenticate"))

        yield* serve((list) => new Response(list))
        assert.strictEqual((yield* ask(1)).status, 200)
        const revoked = yield* ask(0)
        assert.strictEqual(revoked.status, 401)
        assert.strictEqual(challengeOf(revoked)["error"], "invalid_token")
        assert.notInclude(yield* Effect.promise(() => revoked.text()), "status")
      }).pipe(Effect.provide(TestIssuer.layer()))
  )
})
