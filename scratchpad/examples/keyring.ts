/** Keys of one's own: made, published, and rotated without a token becoming invalid (RFC 7517, RFC 7638). */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as JwtSigner from "effect-oauth/JwtSigner"
import * as JwtVerifier from "effect-oauth/JwtVerifier"
import * as Keyring from "effect-oauth/Keyring"
import * as KeyRotation from "effect-oauth/KeyRotation"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

const issuer = "https://agent.example"
const audience = "https://notes.example/api"
const profile = JwtProfile.accessToken({ issuer, audience })

/** What an API trusts: the public halves, as the service publishes them at the moment. */
const verifierOf = (service: Keyring.Keyring) =>
  Effect.gen(function* () {
    const jwks = yield* service.jwks
    yield* Console.log(`published  ${jwks.keys.map((key) => `${key.alg} ${key.kid}`).join(", ")}`)
    return yield* JwtVerifier.fromKeyring(yield* Keyring.fromJwks({ issuer, jwks }))
  })

const main = Effect.gen(function* () {
  // A keyring whose keys replace each other; `KeyRotation.layer` does what is due by itself. A key that
  // stays is `Keyring.fromPem`, `Keyring.fromJwk` or `Keyring.generate`. Names are thumbprints unless given.
  const service = yield* KeyRotation.make({ issuer, period: "30 days", retainFor: "1 day" })
  const signer = yield* JwtSigner.fromKeyring(service)
  const sign = signer.sign({ iss: issuer, sub: "ada", aud: audience, client_id: "agent" }, { typ: "at+jwt" })

  const before = yield* sign
  yield* service.rotate
  const after = yield* sign

  // The key of before signs nothing any more, and what it signed is still accepted.
  const verifier = yield* verifierOf(service)
  const old = yield* verifier.verify(before, profile)
  const fresh = yield* verifier.verify(after, profile)
  yield* Console.log(`accepted   ${old.header.kid} and ${fresh.header.kid}`)

  // A key that got into wrong hands is dropped at once, and its tokens with it.
  yield* service.revoke(old.header.kid ?? "")
  const later = yield* verifierOf(service)
  yield* later
    .verify(before, profile)
    .pipe(Effect.catchTag("JwtError", (error) => Console.log(`refused    ${error.reason}: ${error.message}`)))
})

NodeRuntime.runMain(main)
