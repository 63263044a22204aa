/** RFC 9449 end to end: tokens of `oidc-provider`, an API that asks for nonces, and the client of this toolkit. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Challenge from "effect-oauth/Challenge"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as Dpop from "effect-oauth/Dpop"
import * as Introspection from "effect-oauth/Introspection"
import * as IntrospectionVerifier from "effect-oauth/IntrospectionVerifier"
import * as OAuthHttpClient from "effect-oauth/OAuthHttpClient"
import * as ReplayStore from "effect-oauth/ReplayStore"
import * as DpopNonce from "effect-oauth-resource-server/DpopNonce"
import * as DpopVerifier from "effect-oauth-resource-server/DpopVerifier"
import * as ResourceServer from "effect-oauth-resource-server/ResourceServer"
import * as SenderConstraint from "effect-oauth-resource-server/SenderConstraint"
import * as N from "./support/notes.js"

const constraint = Layer.unwrapEffect(
  Effect.map(Effect.orDie(DpopNonce.make()), (nonce) =>
    SenderConstraint.layer().pipe(Layer.provide(DpopVerifier.layer({ nonce })))
  )
).pipe(Layer.provide(ReplayStore.layerMemory))

const get = (url: string, headers: Readonly<Record<string, string>>) =>
  Effect.flatMap(HttpClient.HttpClient, (http) => http.execute(HttpClientRequest.get(url, { headers })))

/** A server, an API at a path whose tokens are bound to `dpop`, and one of these. */
const setUp = (path: "/notes" | "/opaque") =>
  Effect.gen(function* () {
    const provider = yield* N.provider()
    const { issuer } = provider
    const { answered, resource } = yield* N.serve(path, (resource) =>
      Layer.provideMerge(
        path === "/notes"
          ? ResourceServer.layer({ resource, issuer })
          : Layer.merge(
              ResourceServer.layerVerifier({ resource, issuer }),
              IntrospectionVerifier.layer({ audience: resource }).pipe(
                Layer.provide(Introspection.layer),
                Layer.provide(N.client(provider))
              )
            ),
        constraint
      )
    )
    const dpop = yield* Dpop.make()
    const tokens = yield* Effect.provide(
      Effect.flatMap(ClientCredentials.ClientCredentials, (flow) =>
        flow.request({ resource, scope: ["notes:read"] })
      ),
      ClientCredentials.layer.pipe(Layer.provide(N.client(provider, { dpop })))
    )
    const client = yield* OAuthHttpClient.make({
      tokens: { get: Effect.succeed(tokens), renew: () => Effect.succeed(tokens) },
      resources: [resource],
      dpop
    })
    return { answered, client, dpop, resource, token: tokens.accessToken }
  })

const text = (response: { readonly text: Effect.Effect<string, unknown> }) => Effect.orDie(response.text)

for (const path of ["/notes", "/opaque"] as const) {
  describe(
    path === "/notes" ? "JWTs bound by DPoP" : "opaque tokens bound by DPoP (cnf of the introspection)",
    () => {
      it.scopedLive("are accepted with a proof, which has the nonce that the API asked for", () =>
        Effect.gen(function* () {
          const { answered, client, resource } = yield* setUp(path)
          for (let n = 0; n < 3; n++) {
            const response = yield* client.get(resource)
            assert.strictEqual(response.status, 200)
            assert.include(yield* text(response), '"bound":"DPoP"')
          }
          assert.deepStrictEqual(answered, ["401 use_dpop_nonce", "200", "200", "200"])
        }).pipe(Effect.provide(NodeHttpClient.layerUndici))
      )

      it.scopedLive("4c 86 and 88: are refused to whoever stole the token, or the whole request", () =>
        Effect.gen(function* () {
          const { client, dpop, resource, token } = yield* setUp(path)
          yield* client.get(resource)
          const bearer = Redacted.value(token)
          const refused = (error: string, headers: Record<string, string>) =>
            Effect.gen(function* () {
              const response = yield* get(resource, headers)
              assert.strictEqual(response.status, 401)
              const challenges = Challenge.parse(response.headers["www-authenticate"] ?? "")
              const errors = challenges.flatMap(({ parameters }) => parameters.get("error") ?? [])
              assert.deepStrictEqual(errors, [error])
              assert.deepStrictEqual(challenges.map(({ scheme }) => scheme).sort(), ["Bearer", "DPoP"])
              assert.match(response.headers["dpop-nonce"] ?? "", /^[\w-]{22}$/)
              const body = yield* text(response)
              for (const secret of [bearer, headers["dpop"] ?? "-----"]) assert.notInclude(body, secret)
              return response
            })
          const proofOf = (by: Dpop.Dpop, method = "GET") =>
            Effect.map(by.proof({ method, url: resource, accessToken: token }), Redacted.value)
          const dpopToken = `DPoP ${bearer}`

          yield* refused("invalid_token", { authorization: `Bearer ${bearer}` })
          yield* refused("invalid_token", { authorization: `Bearer ${bearer}`, dpop: yield* proofOf(dpop) })
          yield* refused("invalid_dpop_proof", { authorization: dpopToken })

          const thief = yield* Dpop.make()
          const response = yield* refused("invalid_dpop_proof", {
            authorization: dpopToken,
            dpop: yield* proofOf(thief)
          })
          yield* dpop.learn(resource, response.headers)

          yield* refused("invalid_dpop_proof", {
            authorization: dpopToken,
            dpop: yield* proofOf(dpop, "POST")
          })
          const proof = yield* proofOf(dpop)
          const first = yield* get(resource, { authorization: dpopToken, dpop: proof })
          assert.strictEqual(first.status, 200)
          yield* refused("invalid_dpop_proof", { authorization: dpopToken, dpop: proof })
          yield* refused("invalid_dpop_proof", { authorization: dpopToken, dpop: `${proof}, ${proof}` })
        }).pipe(Effect.provide(NodeHttpClient.layerUndici))
      )
    }
  )
}
