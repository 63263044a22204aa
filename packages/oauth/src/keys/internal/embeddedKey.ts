/** The key in the header of a proof of possession (RFC 9449 section 4.2). */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { KeyringError } from "../../protocol/OAuthError.js"
import type { JsonWebKey } from "../Jwk.js"
import * as Jwk from "../Jwk.js"
import type { JwtHeader } from "../Jwt.js"
import * as VerificationKey from "../VerificationKey.js"

/** The public key of a header; undefined for anything else, such as one with private members. */
export const jwkOf = ({ jwk }: JwtHeader): JsonWebKey | undefined =>
  Jwk.isJsonWebKey(jwk) && !Jwk.isPrivate(jwk) ? jwk : undefined

const operation = "JwtVerifier.verify"

const refuse = (): KeyringError =>
  new KeyringError({
    operation,
    reason: "not_found",
    retriable: false,
    message: `${operation}: the header has no public key that is fit for signatures.`
  })

/** The name under which the key of a thumbprint is known (RFC 9278). */
export const nameOf = (thumbprint: string): string =>
  `urn:ietf:params:oauth:jwk-thumbprint:sha-256:${thumbprint}`

/** The key, under its thumbprint (RFC 9278) as the issuer. */
export const embeddedKey = (
  header: JwtHeader
): Effect.Effect<VerificationKey.VerificationKey, KeyringError> => {
  const jwk = jwkOf(header)
  return jwk === undefined
    ? Effect.fail(refuse())
    : Effect.flatMap(Jwk.thumbprint(jwk), (thumbprint) =>
        Option.match(VerificationKey.fromJwk(nameOf(thumbprint), jwk), {
          onNone: () => Effect.fail(refuse()),
          onSome: Effect.succeed
        })
      ).pipe(Effect.mapError(refuse))
}
