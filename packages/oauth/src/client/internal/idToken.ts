import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { IdTokenClaims } from "../../keys/Claims.js"
import * as JwtProfile from "../../keys/JwtProfile.js"
import type { JwtVerifier, VerifiedJwt } from "../../keys/JwtVerifier.js"
import type { JwtError, KeyringError } from "../../protocol/OAuthError.js"
import type { TokenSet } from "../../protocol/TokenSet.js"
import type { OAuthClient } from "../OAuthClient.js"

/** What an ID token must say besides who issued it and for whom. */
export interface Expectation {
  readonly nonce?: string | undefined
  /** In seconds. */
  readonly maxAge?: number | undefined
}

/**
 * Verifies the ID token of a token response against the keys of its server
 * (OpenID Connect Core section 3.1.3.7), and that it belongs to the access
 * token beside it (section 3.1.3.8).
 */
export const verify = (
  client: OAuthClient.Service,
  verifier: JwtVerifier.Service,
  tokens: TokenSet,
  idToken: Redacted.Redacted<string>,
  expectation: Expectation
): Effect.Effect<VerifiedJwt<IdTokenClaims>, OAuthClient.MetadataError | JwtError | KeyringError> =>
  Effect.flatMap(client.metadata, (metadata) =>
    verifier.verify(
      idToken,
      JwtProfile.idToken({
        issuer: client.issuer,
        clientId: client.clientId,
        nonce: expectation.nonce,
        maxAge: expectation.maxAge,
        algorithms: metadata.id_token_signing_alg_values_supported,
        accessToken: Redacted.value(tokens.accessToken)
      })
    )
  )

/** The verified ID token where there is one to verify. */
export type MaybeIdToken = Option.Option<VerifiedJwt<IdTokenClaims>>
