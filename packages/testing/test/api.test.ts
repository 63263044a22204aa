import { assert, describe, it } from "@effect/vitest"
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApiClient from "@effect/platform/HttpApiClient"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/TestClock"
import { AccessToken } from "effect-oauth-resource-server/AccessToken"
import * as BearerAuth from "effect-oauth-resource-server/BearerAuth"
import { Requires } from "effect-oauth-resource-server/Requirements"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"

// --- the program: nothing in it knows of tests -------------------------------------------------

class Notes extends HttpApiGroup.make("notes")
  .add(HttpApiEndpoint.get("whoami", "/me").addSuccess(Schema.String))
  .add(
    HttpApiEndpoint.post("add", "/notes")
      .addSuccess(Schema.String)
      .annotate(Requires, { scope: ["notes:write"] })
  )
  .middleware(BearerAuth.BearerAuth) {}

class Api extends HttpApi.make("api").add(Notes) {}

const NotesLive = HttpApiBuilder.group(Api, "notes", (handlers) =>
  handlers
    .handle("whoami", () =>
      Effect.map(AccessToken, ({ subject }) => Option.getOrElse(subject, () => "nobody"))
    )
    .handle("add", () => Effect.succeed("added"))
)

const ApiLive = HttpApiBuilder.api(Api).pipe(Layer.provide(NotesLive))
const AuthLive = BearerAuth.layer(Api, { resource: "https://api.test", issuer: "https://issuer.test" })

// --- its test ----------------------------------------------------------------------------------

/** One value, which is one server wherever it is provided: another call of `layer` would be another, with other keys. */
const Issuer = TestIssuer.layer()

/** The API asks the issuer for its keys, by the client of the issuer. The test asks the API, by that of `layerTest`. */
const TestLive = HttpApiBuilder.serve().pipe(
  Layer.provide(ApiLive),
  Layer.provide(Layer.provide(AuthLive, Issuer)),
  Layer.provideMerge(NodeHttpServer.layerTest),
  Layer.provideMerge(Issuer)
)

const clientWith = (token: string) =>
  HttpApiClient.make(Api, {
    transformClient: HttpClient.mapRequest(HttpClientRequest.bearerToken(token))
  })

describe("the API", () => {
  it.effect("knows who calls", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      const { notes } = yield* clientWith(yield* issuer.mintAccessToken({ sub: "alice" }))
      assert.strictEqual(yield* notes.whoami(), "alice")
    }).pipe(Effect.provide(TestLive))
  )

  it.effect("says which scope is missing", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      const reader = yield* clientWith(yield* issuer.mintAccessToken({ scope: ["notes:read"] }))
      const error = yield* Effect.flip(reader.notes.add())
      assert.strictEqual(error._tag, "InsufficientScope")

      const writer = yield* clientWith(yield* issuer.mintAccessToken({ scope: ["notes:write"] }))
      assert.strictEqual(yield* writer.notes.add(), "added")
    }).pipe(Effect.provide(TestLive))
  )

  it.effect("refuses a token that has expired", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      const { notes } = yield* clientWith(yield* issuer.mintAccessToken())
      yield* notes.whoami()

      yield* TestClock.adjust("1 day")
      const error = yield* Effect.flip(notes.whoami())
      assert.strictEqual(error._tag, "Unauthorized")
    }).pipe(Effect.provide(TestLive))
  )
})
