import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { JwtClaims } from "../../keys/Jwt.js"
import type { JwtDecrypter } from "../../keys/JwtDecrypter.js"
import * as JwtProfile from "../../keys/JwtProfile.js"
import type { VerifiedJwt } from "../../keys/JwtVerifier.js"
import * as JwtVerifier from "../../keys/JwtVerifier.js"
import * as RemoteJwks from "../../keys/RemoteJwks.js"
import type { AuthorizationServerMetadata } from "../../protocol/AuthorizationServerMetadata.js"
import type { JwtError, KeyringError } from "../../protocol/OAuthError.js"
import { opened } from "./encrypted.js"
import { algorithms } from "./serverJwt.js"

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
  /** Verifies an authorization response (JWT Secured Authorization Response Mode section 2.4). */
  readonly verifyResponse: (
    response: Redacted.Redacted<string>,
    metadata: AuthorizationServerMetadata
  ) => Effect.Effect<VerifiedJwt<JwtClaims>, JwtError | KeyringError>
}

/** The whole of verification, in a module that is loaded when the first token is to be verified. */
export const make = (
  options: RemoteJwks.Options & {
    readonly clientId: string
    readonly decrypter?: JwtDecrypter.Service | undefined
  }
): Effect.Effect<ServerTokens, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { clientId, decrypter, issuer } = options
    const keys = yield* RemoteJwks.make(options)
    const verifier = yield* JwtVerifier.fromKeyring(keys)
    const verify = <A>(token: Redacted.Redacted<string>, profile: JwtProfile.JwtProfile<A>) =>
      Effect.flatMap(opened(decrypter, token), (signed) => verifier.verify(signed, profile))
    return {
      keys,
      verifyIdToken: (idToken, metadata, expectation) =>
        verify(
          idToken,
          JwtProfile.idToken({
            ...expectation,
            issuer,
            clientId,
            algorithms: algorithms(metadata.id_token_signing_alg_values_supported)
          })
        ),
      verifyResponse: (response, metadata) =>
        verify(
          response,
          JwtProfile.make({
            name: "authorization response",
            issuer,
            audience: clientId,
            types: ["JWT", "oauth-authz-resp+jwt", undefined],
            algorithms: algorithms(metadata.authorization_signing_alg_values_supported),
            finish: Effect.succeed
          })
        )
    }
  })
