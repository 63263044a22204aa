import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as JwtAlgorithm from "../../keys/JwtAlgorithm.js"
import * as JwtProfile from "../../keys/JwtProfile.js"
import type { VerifiedJwt } from "../../keys/JwtVerifier.js"
import * as JwtVerifier from "../../keys/JwtVerifier.js"
import * as RemoteJwks from "../../keys/RemoteJwks.js"
import type { AuthorizationServerMetadata } from "../../protocol/AuthorizationServerMetadata.js"
import type { JwtError, KeyringError } from "../../protocol/OAuthError.js"

/** What an ID token must say besides who issued it and for whom. */
export type Expectation = Omit<JwtProfile.IdTokenOptions, "issuer" | "clientId" | "algorithms">

/** The tokens of one server, as its client judges them. */
export interface ServerTokens {
  readonly keys: RemoteJwks.RemoteJwks
  /**
   * Verifies an ID token against the keys of the server (OpenID Connect Core
   * section 3.1.3.7). The algorithms are the asymmetric ones that the server
   * lists, all of them where it lists none.
   */
  readonly verifyIdToken: (
    idToken: Redacted.Redacted<string>,
    metadata: AuthorizationServerMetadata,
    expectation: Expectation
  ) => Effect.Effect<VerifiedJwt<JwtProfile.IdTokenClaims>, JwtError | KeyringError>
}

/** The whole of verification, in a module that is loaded when the first token is to be verified. */
export const make = (
  options: RemoteJwks.Options & { readonly clientId: string }
): Effect.Effect<ServerTokens, never, Scope.Scope> =>
  Effect.gen(function* () {
    const keys = yield* RemoteJwks.make(options)
    const verifier = yield* JwtVerifier.fromKeyring(keys)
    return {
      keys,
      verifyIdToken: (idToken, metadata, expectation) => {
        const listed = metadata.id_token_signing_alg_values_supported
        return verifier.verify(
          idToken,
          JwtProfile.idToken({
            ...expectation,
            issuer: options.issuer,
            clientId: options.clientId,
            algorithms: JwtAlgorithm.asymmetric.filter((algorithm) => listed?.includes(algorithm) ?? true)
          })
        )
      }
    }
  })
