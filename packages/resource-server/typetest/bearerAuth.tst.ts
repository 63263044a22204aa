/** What protecting an API asks of a program: the compiler names a layer that is missing, and a handler that is not protected. */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { AccessToken } from "effect-oauth-resource-server/AccessToken"
import type * as Authenticator from "effect-oauth-resource-server/Authenticator"
import * as BearerAuth from "effect-oauth-resource-server/BearerAuth"
import * as Guard from "effect-oauth-resource-server/Guard"
import type * as Refusal from "effect-oauth-resource-server/Refusal"
import { Requires } from "effect-oauth-resource-server/Requirements"
import type { ResourceServerError } from "effect-oauth-resource-server/ResourceServerError"
import type * as Keyring from "effect-oauth/Keyring"
import type { TokenVerifier } from "effect-oauth/TokenVerifier"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { describe, expect, test } from "tstyche"

const endpoint = HttpApiEndpoint.get("list", "/notes").addSuccess(Schema.String)

class Guarded extends HttpApi.make("guarded").add(
  HttpApiGroup.make("notes").add(endpoint).middleware(BearerAuth.BearerAuth)
) {}
class Unguarded extends HttpApi.make("unguarded").add(HttpApiGroup.make("notes").add(endpoint)) {}

const subject = Effect.map(AccessToken, ({ issuer }) => issuer)
const identity = { resource: "https://api.example", issuer: "https://issuer.example" }

describe("handlers", () => {
  test("under BearerAuth have the AccessToken, and need BearerAuth of the program", () => {
    const _handlers = HttpApiBuilder.group(Guarded, "notes", (_) => _.handle("list", () => subject))
    expect<Layer.Layer.Context<typeof _handlers>>().type.toBe<BearerAuth.BearerAuth>()
  })

  test("without BearerAuth do not: the program would have to provide one token for all", () => {
    const _handlers = HttpApiBuilder.group(Unguarded, "notes", (_) => _.handle("list", () => subject))
    expect<Layer.Layer.Context<typeof _handlers>>().type.toBe<AccessToken>()
  })

  test("may fail as the middleware does", () => {
    const _handlers = HttpApiBuilder.group(Guarded, "notes", (_) =>
      _.handle("list", () => Effect.as(BearerAuth.authorize({ scope: ["a"] }), "list"))
    )
    expect<Layer.Layer.Context<typeof _handlers>>().type.toBe<
      BearerAuth.BearerAuth | Authenticator.Authenticator
    >()
    expect(BearerAuth.authorize({})).type.toBe<
      Effect.Effect<
        AccessToken.Principal,
        Refusal.InsufficientScope | Refusal.InsufficientUserAuthentication,
        AccessToken | Authenticator.Authenticator
      >
    >()
  })
})

describe("layers", () => {
  test("need exactly what verifies", () => {
    expect(BearerAuth.layer(Guarded, identity)).type.toBe<
      Layer.Layer<BearerAuth.Provided, ResourceServerError, HttpClient.HttpClient>
    >()
    expect(BearerAuth.layerKeyring(Guarded, identity)).type.toBe<
      Layer.Layer<BearerAuth.Provided, ResourceServerError, Keyring.KeyringService>
    >()
    expect(BearerAuth.layerVerifier(Guarded, identity)).type.toBe<
      Layer.Layer<BearerAuth.Provided, ResourceServerError, TokenVerifier>
    >()
  })

  test("cannot be made without a resource, an issuer or the API", () => {
    expect(BearerAuth.layer).type.not.toBeCallableWith(Guarded, { resource: "https://api.example" })
    expect(BearerAuth.layer).type.not.toBeCallableWith(Guarded, { issuer: "https://issuer.example" })
    expect(BearerAuth.layer).type.not.toBeCallableWith(identity)
  })
})

describe("requirements", () => {
  test("are checked where they are written", () => {
    expect(endpoint.annotate).type.toBeCallableWith(Requires, { scope: ["a"], maxAge: "5 minutes" })
    expect(endpoint.annotate).type.not.toBeCallableWith(Requires, { scope: "a" })
    expect(endpoint.annotate).type.not.toBeCallableWith(Requires, { scopes: ["a"] })
  })
})

describe("guards", () => {
  test("take the AccessToken off what an app needs, and ask for an Authenticator", () => {
    const app = Effect.as(AccessToken, HttpServerResponse.empty())
    const _guarded = HttpRouter.empty.pipe(HttpRouter.get("/", app), HttpRouter.use(Guard.protect()))
    expect<Extract<Effect.Effect.Context<typeof _guarded>, AccessToken>>().type.toBe<never>()
  })

  test("of a Web request fail with the answer", () => {
    expect(Guard.web(new Request("https://api.example"))).type.toBe<
      Effect.Effect<AccessToken.Principal, Response, Authenticator.Authenticator>
    >()
  })
})
