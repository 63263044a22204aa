/** What `TestIssuer` does not do by itself: SAML assertions, and grants for another domain. */
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as Effect from "effect/Effect"

const formOf = (request: Request): Effect.Effect<URLSearchParams> =>
  Effect.promise(async () => new URLSearchParams(await request.clone().text()))

/** The server takes any XML in base64url as the assertion of `ada` (RFC 7522 section 2.1). */
export const takesSaml = (server: TestIssuer.TestIssuer.Service): Effect.Effect<void> =>
  server.misbehave(
    "token",
    Misbehaviour.custom((request, honest) =>
      Effect.gen(function* () {
        const form = yield* formOf(request)
        if (form.get("grant_type") !== "urn:ietf:params:oauth:grant-type:saml2-bearer") return yield* honest
        if (!/^[\w-]+$/.test(form.get("assertion") ?? "")) {
          return Response.json({ error: "invalid_grant" }, { status: 400 })
        }
        const access_token = yield* server.mintAccessToken({ sub: "ada" })
        return Response.json({ access_token, token_type: "Bearer", expires_in: 600 })
      })
    )
  )

/** A company's identity provider, which issues ID-JAGs to its wiki, and a chat that trusts it. */
export const company = Effect.gen(function* () {
  const secret = "the secret of the wiki"
  const idp = yield* TestIssuer.make({
    issuer: "https://idp.test",
    resources: ["https://idp.test/api"],
    users: [{ sub: "ada" }],
    clients: [{ clientId: "wiki", secret }]
  })
  const chat = yield* TestIssuer.make({
    issuer: "https://chat.test",
    resources: ["https://chat.test/api"],
    clients: [{ clientId: "wiki-at-chat", secret }]
  })
  yield* chat.trust(idp.issuer, yield* idp.jwks)
  yield* idp.misbehave(
    "token",
    Misbehaviour.custom((request, honest) =>
      Effect.gen(function* () {
        const form = yield* formOf(request)
        const type = "urn:ietf:params:oauth:token-type:id-jag"
        if (form.get("requested_token_type") !== type) return yield* honest
        const access_token = yield* idp.mintAccessToken({
          sub: "ada",
          audience: form.get("audience") ?? "",
          clientId: "wiki-at-chat",
          lifetime: "5 minutes",
          header: { typ: "oauth-id-jag+jwt" },
          claims: { scope: form.get("scope") ?? undefined }
        })
        return Response.json({ access_token, issued_token_type: type, token_type: "N_A", expires_in: 300 })
      })
    )
  )
  return { idp, chat, http: TestIssuer.combine([idp, chat]) }
})
