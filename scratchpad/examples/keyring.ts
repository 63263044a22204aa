/** Keys of one's own: made, published, and rotated without a token becoming invalid (RFC 7517, RFC 7638). */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as JwtSigner from "effect-oauth/JwtSigner"
import * as JwtVerifier from "effect-oauth/JwtVerifier"
import * as Keyring from "effect-oauth/Keyring"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

const issuer = "https://agent.example"
const audience = "https://notes.example/api"
const profile = JwtProfile.accessToken({ issuer, audience })

/** What a service signs with whatever key comes first in its keyring. */
const issue = (keyring: Keyring.Keyring) =>
  Effect.flatMap(JwtSigner.fromKeyring(keyring), (signer) =>
    signer.sign({ iss: issuer, sub: "ada", aud: audience, client_id: "agent" }, { typ: "at+jwt" })
  )

/** What an API trusts: the public halves, as the service publishes them. */
const accepts = (published: Keyring.Keyring) =>
  Effect.gen(function* () {
    const jwks = yield* published.jwks
    yield* Console.log(`published  ${jwks.keys.map((key) => `${key.alg} ${key.kid}`).join(", ")}`)
    return yield* JwtVerifier.fromKeyring(yield* Keyring.fromJwks({ issuer, jwks }))
  })

const main = Effect.gen(function* () {
  // From `Keyring.fromPem` or `Keyring.fromJwk` where the key is kept; its name is its thumbprint unless given.
  const current = yield* Keyring.generate({ alg: "ES256" })
  const before = yield* issue(current)

  // The next key signs, and the one before is published until its last token has expired.
  const next = yield* Keyring.generate({ alg: "ES256" })
  const rotated = Keyring.combine(next, current)
  const after = yield* issue(rotated)

  const verifier = yield* accepts(rotated)
  const old = yield* verifier.verify(before, profile)
  const fresh = yield* verifier.verify(after, profile)
  yield* Console.log(`accepted   ${old.key.kid} and ${fresh.key.kid}`)

  // Once the old key is gone, so are its tokens.
  const alone = yield* accepts(next)
  yield* alone
    .verify(before, profile)
    .pipe(Effect.catchTag("JwtError", (error) => Console.log(`refused    ${error.reason}: ${error.message}`)))
})

NodeRuntime.runMain(main)
