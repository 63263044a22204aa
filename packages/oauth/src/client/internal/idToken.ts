import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as JwtAlgorithm from "../../keys/JwtAlgorithm.js"
import * as JwtProfile from "../../keys/JwtProfile.js"
import type { JwtVerifier, VerifiedJwt } from "../../keys/JwtVerifier.js"
import type { JwtError, KeyringError } from "../../protocol/OAuthError.js"
import type { OAuthClient } from "../OAuthClient.js"

/** What an ID token must say besides who issued it and for whom. */
export type Expectation = Omit<JwtProfile.IdTokenOptions, "issuer" | "clientId" | "algorithms">

/**
 * Verifies an ID token against the keys of its server (OpenID Connect Core
 * section 3.1.3.7). The algorithms are the asymmetric ones that the server
 * lists, all of them where it lists none.
 */
export const verify = (
  client: OAuthClient.Service,
  verifier: JwtVerifier.Service,
  idToken: Redacted.Redacted<string>,
  expectation: Expectation
): Effect.Effect<
  VerifiedJwt<JwtProfile.IdTokenClaims>,
  OAuthClient.MetadataError | JwtError | KeyringError
> =>
  Effect.flatMap(client.metadata, (metadata) => {
    const listed = metadata.id_token_signing_alg_values_supported
    return verifier.verify(
      idToken,
      JwtProfile.idToken({
        ...expectation,
        issuer: client.issuer,
        clientId: client.clientId,
        algorithms: JwtAlgorithm.asymmetric.filter((algorithm) => listed?.includes(algorithm) ?? true)
      })
    )
  })
