import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { JwtDecrypter } from "../../keys/JwtDecrypter.js"
import * as JwtProfile from "../../keys/JwtProfile.js"
import type { Keyring } from "../../keys/Keyring.js"
import type { VerifiedJwt } from "../../keys/JwtVerifier.js"
import * as JwtVerifier from "../../keys/JwtVerifier.js"
import * as RemoteJwks from "../../keys/RemoteJwks.js"
import type { AuthorizationServerMetadata } from "../../protocol/AuthorizationServerMetadata.js"
import { JwtError } from "../../protocol/OAuthError.js"
import type { KeyringError } from "../../protocol/OAuthError.js"
import type { Quirks } from "../Quirks.js"
import { opened } from "./encrypted.js"
import { algorithms } from "./algorithms.js"

/** What an ID token must say besides who issued it and for whom. */
export interface Expectation extends Omit<JwtProfile.IdTokenOptions, "issuer" | "clientId" | "algorithms"> {
  /** The issuer of the ID token before: of those that a server speaks for, no other will do, since a subject is its issuer's. */
  readonly issuer?: string | undefined
}

/** The tokens of one server, as its client judges them. */
export interface ServerTokens {
  /** Those of every issuer that the server speaks for. */
  readonly keys: Keyring
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
  options: RemoteJwks.Options & {
    readonly clientId: string
    readonly quirks?: Quirks | undefined
    readonly decrypter?: JwtDecrypter.Service | undefined
  }
): Effect.Effect<ServerTokens, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { clientId, decrypter, issuer } = options
    const keys = yield* RemoteJwks.make(options)
    const issuers = options.quirks?.issuers
    const nonceless = options.quirks?.switches.omitNonce === true
    const ofAll = issuers === undefined ? keys : keysOfAll(keys, issuer, issuers)
    const verifier = yield* JwtVerifier.fromKeyring(ofAll)
    const verify = <A>(token: Redacted.Redacted<string>, profile: JwtProfile.JwtProfile<A>) =>
      Effect.flatMap(opened(decrypter, token), (signed) => verifier.verify(signed, profile))
    return {
      keys: ofAll,
      verifyIdToken: (idToken, metadata, expectation) =>
        Effect.filterOrFail(
          verify(
            idToken,
            JwtProfile.idToken({
              ...expectation,
              nonceOptional: nonceless || expectation.nonceOptional,
              issuer:
                issuers === undefined
                  ? issuer
                  : (of) => issuers.accepts(of) && of === (expectation.issuer ?? of),
              clientId,
              algorithms: algorithms(metadata.id_token_signing_alg_values_supported)
            })
          ),
          ({ claims }) => issuers?.agrees(claims) ?? true,
          foreignTenant
        )
    }
  })

/** The keys of a server as those of every issuer that it speaks for. */
const keysOfAll = (keys: Keyring, own: string, { accepts }: NonNullable<Quirks["issuers"]>): Keyring => ({
  ...keys,
  verificationKey: (issuer, header) =>
    accepts(issuer)
      ? Effect.map(keys.verificationKey(own, header), (key) => ({
          issuer,
          onlyFor: key.onlyFor,
          kid: key.kid,
          algorithms: key.algorithms,
          jwk: key.jwk,
          prepare: (engine, algorithm) => key.prepare(engine, algorithm)
        }))
      : keys.verificationKey(issuer, header)
})

const foreignTenant = (): JwtError =>
  new JwtError({
    operation: "JwtVerifier.verify",
    reason: "issuer",
    claim: "iss",
    message: "JwtVerifier.verify: the token does not tell the tenant that is in its issuer."
  })
