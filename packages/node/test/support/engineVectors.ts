import type { JsonWebKey } from "effect-oauth/Jwk"
import { isJsonWebKey } from "effect-oauth/Jwk"
import { isJwtAlgorithm } from "effect-oauth/JwtAlgorithm"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../oauth/test/vectors/${name}`, import.meta.url), "utf8"))

const Jwk = Schema.declare((value): value is JsonWebKey => isJsonWebKey(value))
const Algorithm = Schema.declare(isJwtAlgorithm)

/** RFC 7515 appendix A.1 to A.4, RFC 8037 appendix A, RFC 9449 figure 2: public keys and tokens. */
export const published = Schema.decodeUnknownSync(
  Schema.Struct({
    jws: Schema.Array(Schema.Struct({ ref: Schema.String, jwk: Jwk, alg: Algorithm, compact: Schema.String }))
  })
)(read("rfc-published.json")).jws

const Example = Schema.Struct({
  reproducible: Schema.optionalWith(Schema.Boolean, { default: () => false }),
  input: Schema.Struct({ key: Jwk, alg: Algorithm }),
  signing: Schema.Struct({ "sig-input": Schema.String, sig: Schema.String })
})

/** RFC 7520 section 4, and an example of RFC 8037 in its form: private keys and signatures. */
export const cookbook = [
  ["RFC 7520 4.1 (RS256)", "jws/4_1.rsa_v15_signature.json"],
  ["RFC 7520 4.2 (PS384)", "jws/4_2.rsa-pss_signature.json"],
  ["RFC 7520 4.3 (ES512)", "jws/4_3.ecdsa_signature.json"],
  ["RFC 7520 4.4 (HS256)", "jws/4_4.hmac-sha2_integrity_protection.json"],
  ["RFC 8037 (EdDSA)", "curve25519/jws.json"]
].map(([title, file]) => {
  const { input, reproducible, signing } = Schema.decodeUnknownSync(Example)(read(`rfc7520/${file}`))
  return {
    title,
    reproducible,
    key: input.key,
    alg: input.alg,
    signingInput: signing["sig-input"],
    signature: signing.sig
  }
})
