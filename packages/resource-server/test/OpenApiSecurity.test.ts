import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { assert, describe, it } from "@effect/vitest"
import { BearerAuth } from "effect-oauth-resource-server/BearerAuth"
import * as OpenApiSecurity from "effect-oauth-resource-server/OpenApiSecurity"
import { Requires } from "effect-oauth-resource-server/Requirements"
import { Api } from "./support/api.js"

const authorizationUrl = "https://issuer.test/authorize"
const tokenUrl = "https://issuer.test/token"
const openIdConnectUrl = "https://issuer.test/.well-known/openid-configuration"

describe("the OpenAPI document of a protected API", () => {
  it("shows an oauth2 scheme with every scope, and with each endpoint those it needs", () => {
    const described = Api.pipe(
      OpenApiSecurity.describe({
        flows: { authorizationCode: { authorizationUrl, tokenUrl }, clientCredentials: { tokenUrl } },
        scopes: { "notes:read": "Read notes", "notes:share": "Share notes" },
        description: "Tokens of the issuer"
      })
    )
    const spec = OpenApi.fromApi(described)
    const scopes = {
      admin: "",
      "notes:read": "Read notes",
      "notes:share": "Share notes",
      "notes:write": "",
      "users:read": ""
    }
    assert.deepStrictEqual<unknown>(spec.components.securitySchemes, {
      oauth2: {
        description: "Tokens of the issuer",
        type: "oauth2",
        flows: {
          authorizationCode: { authorizationUrl, tokenUrl, scopes },
          clientCredentials: { tokenUrl, scopes }
        }
      }
    })
    const securityOf = (path: string, method: "get" | "post" = "get") => spec.paths[path]?.[method]?.security
    assert.deepStrictEqual(securityOf("/me"), [{ oauth2: [] }])
    assert.deepStrictEqual(securityOf("/notes"), [{ oauth2: ["notes:read"] }])
    assert.deepStrictEqual(securityOf("/notes", "post"), [{ oauth2: ["notes:read", "notes:write"] }])
    assert.deepStrictEqual(securityOf("/admin/users"), [{ oauth2: ["admin", "users:read"] }])
    assert.deepStrictEqual(securityOf("/health"), [])
  })

  it("shows an openIdConnect scheme under a name of its own, also for an API that is protected as a whole", () => {
    const api = HttpApi.make("whole")
      .add(
        HttpApiGroup.make("notes").add(
          HttpApiEndpoint.get("one", "/notes/:id").annotate(Requires, { scope: ["a"] })
        )
      )
      .middleware(BearerAuth)
      .annotate(OpenApi.Transform, (spec) => ({ ...spec, "x-before": true }))
      .pipe(OpenApiSecurity.describe({ name: "provider", openIdConnectUrl }))
    const spec = OpenApi.fromApi(api)
    assert.deepStrictEqual<unknown>(spec.components.securitySchemes, {
      provider: { type: "openIdConnect", openIdConnectUrl }
    })
    assert.deepStrictEqual(spec.paths["/notes/{id}"]?.get?.security, [{ provider: ["a"] }])
    assert.deepStrictEqual(spec.security, [])
    assert.propertyVal(spec, "x-before", true)
  })

  it("shows what is refused: 400, 401, 403 and 503, and nothing of the kind for what is open", () => {
    const spec = OpenApi.fromApi(Api)
    const statuses = (path: string) => Object.keys(spec.paths[path]?.get?.responses ?? {})
    assert.includeMembers(statuses("/notes"), ["200", "400", "401", "403", "503"])
    assert.notIncludeMembers(statuses("/health"), ["401", "403", "503"])
    // Without the annotation it is the platform's own bearer scheme.
    assert.deepStrictEqual(spec.components.securitySchemes["oauth2"], { type: "http", scheme: "bearer" })
  })

  it("leaves the groups of an API alone that it is put into", () => {
    const outer = HttpApi.make("outer").addHttpApi(Api.pipe(OpenApiSecurity.describe({ openIdConnectUrl })))
    assert.deepStrictEqual(
      OpenApi.fromApi(outer).tags.map(({ name }) => name),
      ["notes", "admin", "health"]
    )
  })
})
