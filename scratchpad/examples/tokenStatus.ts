/** An API that reads in the issuer's list which of its tokens were revoked: draft-ietf-oauth-status-list. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as Keyring from "effect-oauth/Keyring"
import * as TokenStatus from "effect-oauth/TokenStatus"
import * as TokenVerifier from "effect-oauth/TokenVerifier"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { deflateSync } from "node:zlib"

const issuer = "https://issuer.test"
const audience = "https://notes.example/"
const uri = `${issuer}/statuslists/1`

/** The issuer's part: a list of one bit for each of its tokens, signed. */
const publish = (revoked: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    const server = yield* TestIssuer.TestIssuer
    const bytes = new Uint8Array(16)
    for (const index of revoked) bytes[index >> 3] = (bytes[index >> 3] ?? 0) | (1 << (index & 7))
    const list = yield* server.mintIdToken({
      header: { typ: "statuslist+jwt" },
      claims: {
        sub: uri,
        aud: undefined,
        ttl: 1,
        status_list: { bits: 1, lst: deflateSync(bytes).toString("base64url") }
      }
    })
    yield* server.misbehave(
      "other",
      Misbehaviour.custom(() => Effect.sync(() => new Response(list)))
    )
  })

const tokenOf = (idx: number) =>
  Effect.flatMap(TestIssuer.TestIssuer, (server) =>
    Effect.map(
      server.mintAccessToken({ audience, claims: { status: { status_list: { idx, uri } } } }),
      (token) => Redacted.make(token)
    )
  )

const program = Effect.gen(function* () {
  const verifier = yield* TokenVerifier.TokenVerifier
  const token = yield* tokenOf(42)
  const use = Effect.matchEffect(verifier.verify(token), {
    onFailure: (error) => Console.log(`refused    ${error.message}`),
    onSuccess: ({ claims }) => Console.log(`accepted   ${String(claims["sub"])}`)
  })

  yield* publish([7])
  yield* use
  yield* publish([7, 42])
  yield* use
  yield* Effect.sleep("1100 millis")
  yield* use
})

// A list is kept for its ttl, here a second; 5 seconds are the least unless said.
const ApiLive = TokenStatus.layerVerifier(
  TokenVerifier.layerJwt(JwtProfile.accessToken({ issuer, audience }))
).pipe(
  Layer.provide(TokenStatus.layer({ minTimeToLive: "1 second" })),
  Layer.provide(Keyring.layerRemote({ issuers: issuer }))
)

program.pipe(
  Effect.provide(ApiLive.pipe(Layer.provideMerge(TestIssuer.layer({ resources: [audience] })))),
  NodeRuntime.runMain
)
