/** Issue 5: fits `HttpApiClient`, through `transformClient` and with its failures in the types. */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiClient from "@effect/platform/HttpApiClient"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as OAuthHttpClient from "effect-oauth/OAuthHttpClient"
import * as TokenManager from "effect-oauth/TokenManager"
import * as TokenStore from "effect-oauth/TokenStore"
import * as R from "./support/resource.js"

const Notes = HttpApi.make("notes").add(
  HttpApiGroup.make("notes")
    .add(HttpApiEndpoint.get("list", "/notes").addSuccess(Schema.Array(Schema.String)))
    .add(HttpApiEndpoint.post("add", "/notes").setPayload(Schema.String).addSuccess(Schema.Void))
)

const answers: R.Answer = ({ headers, method }) =>
  method === "POST"
    ? R.refusing(403, 'Bearer error="insufficient_scope", scope="notes:write"')
    : headers["authorization"] === "Bearer token-2"
      ? Response.json(["buy milk"])
      : R.refusing(401, R.invalidToken)

const setup = Effect.gen(function* () {
  const resource = R.make(answers)
  const { tokens } = R.makeTokens()
  const carrying = yield* OAuthHttpClient.transform({ tokens, resources: [R.api] })
  return { ...resource, carrying }
})

describe("HttpApiClient", () => {
  it.effect("makeWith: a step-up is a failure of the method, by its tag", () =>
    Effect.gen(function* () {
      const { arrived, carrying, client } = yield* setup
      const { notes } = yield* HttpApiClient.makeWith(Notes, { httpClient: carrying(client), baseUrl: R.api })
      assert.deepStrictEqual(yield* notes.list({}), ["buy milk"])
      const scope = yield* notes
        .add({ payload: "x" })
        .pipe(Effect.catchTag("StepUpRequired", (error) => Effect.succeed(error.scope)))
      assert.deepStrictEqual(scope, ["notes:read", "notes:write"])
      assert.strictEqual(arrived.length, 3)
    })
  )

  it.effect("make with transformClient: the same, and the failure is the cause of a RequestError", () =>
    Effect.gen(function* () {
      const { carrying, client } = yield* setup
      const { notes } = yield* HttpApiClient.make(Notes, {
        baseUrl: R.api,
        transformClient: (below) => OAuthHttpClient.toHttpClient(carrying(below))
      }).pipe(Effect.provideService(HttpClient.HttpClient, client))
      assert.deepStrictEqual(yield* notes.list({}), ["buy milk"])
      const error = yield* Effect.flip(notes.add({ payload: "x" }))
      assert.strictEqual(error._tag, "RequestError")
      const cause = error._tag === "RequestError" ? OAuthHttpClient.causeOf(error) : Option.none()
      assert.strictEqual(Option.getOrUndefined(cause)?._tag, "StepUpRequired")
    })
  )

  it.effect("the layer: the client of the program, with the tokens of its manager", () =>
    Effect.gen(function* () {
      const { arrived, client } = R.make()
      const program = Effect.gen(function* () {
        const manager = yield* TokenManager.TokenManager
        yield* manager.adopt(R.tokenSet("token-1"))
        const api = yield* OAuthHttpClient.OAuthHttpClient
        yield* api.get(R.api)
      })
      const manager = TokenManager.layer({
        key: { issuer: "https://issuer.test", clientId: "app" },
        source: {
          kind: "test",
          spends: false,
          canRenew: () => false,
          renew: () => Effect.dieMessage("nothing to renew")
        }
      })
      yield* program.pipe(
        Effect.provide(OAuthHttpClient.layer({ resources: [R.api] })),
        Effect.provide(Layer.provide(manager, TokenStore.layerMemory)),
        Effect.provideService(HttpClient.HttpClient, client)
      )
      assert.strictEqual(arrived[0]?.headers["authorization"], "Bearer token-1")
    })
  )
})
