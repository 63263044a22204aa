/**
 * Encrypted request objects (RFC 9101 section 6.1).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { ContentEncryption } from "../keys/JwtDecrypter.js"
import * as JwtEncrypter from "../keys/JwtEncrypter.js"
import type { AuthorizationServerMetadata } from "../protocol/AuthorizationServerMetadata.js"
import { DiscoveryError } from "../protocol/OAuthError.js"
import type { KeyringError } from "../protocol/OAuthError.js"
import type { OAuthClient } from "./OAuthClient.js"

/**
 * Encrypts the signed requests of a client to its server: `encryption` of
 * `Authorization.layerSigned` and `RequestObject.layerWith`.
 *
 * @since 0.1.0
 * @category models
 */
export type RequestEncryption = (
  client: OAuthClient.Service
) => Effect.Effect<
  (
    signed: Redacted.Redacted<string>
  ) => Effect.Effect<Redacted.Redacted<string>, OAuthClient.MetadataError | KeyringError>,
  never,
  Scope.Scope
>

/**
 * What has been agreed upon with the server, as in
 * `request_object_encryption_alg` and `request_object_encryption_enc` of the
 * registration, and how its keys are kept.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Pick<JwtEncrypter.RemoteOptions, "sameOrigin" | "timeToLive"> {
  /** Else the first of `JwtEncrypter.keyManagement` that the server lists and publishes a key for. */
  readonly algorithm?: JwtEncrypter.PublicKeyManagement | undefined
  /** Else the first of `JwtEncrypter.contentEncryption` that the server lists; A128CBC-HS256 where it lists none. */
  readonly encryption?: ContentEncryption | undefined
  /** Which of the server's keys; else the first that fits, one with `use` `enc` before others. */
  readonly kid?: string | undefined
}

/**
 * Encrypts requests to a key of the server's `jwks_uri`, after they are signed,
 * so that neither the browser nor what is on the way can read what is asked for.
 * A server that lists what it decrypts
 * (`request_object_encryption_alg_values_supported`, and `..._enc_...`) without
 * what is wanted, or lists nothing and was not agreed with on an `algorithm`, is
 * a `DiscoveryError` with reason `unsupported`.
 *
 * Encryption with the client secret (`dir`, `A256KW`) is not among it: the key
 * would be no better kept than the secret.
 *
 * @since 0.1.0
 * @category constructors
 */
export const toServer =
  ({ algorithm, encryption, kid, sameOrigin, timeToLive }: Options = {}): RequestEncryption =>
  (client) =>
    Effect.map(
      JwtEncrypter.remote({
        issuer: client.issuer,
        jwksUri: client.endpoint(operation, "jwks_uri"),
        wire: client.wire,
        sameOrigin,
        timeToLive
      }),
      (encrypter) => (signed) =>
        Effect.gen(function* () {
          const metadata = yield* client.metadata
          return yield* encrypter.encrypt(signed, {
            algorithms: yield* algorithmsFor(metadata, algorithm),
            encryption: yield* encryptionFor(metadata, encryption),
            kid
          })
        })
    )

const operation = "RequestObject.sign"

const algorithmsFor = (
  metadata: AuthorizationServerMetadata,
  wanted: Options["algorithm"]
): Effect.Effect<ReadonlyArray<JwtEncrypter.PublicKeyManagement>, DiscoveryError> => {
  const listed = metadata.request_object_encryption_alg_values_supported
  const wishes = wanted === undefined ? JwtEncrypter.keyManagement : [wanted]
  const agreed = wishes.filter((one) => listed?.includes(one) ?? wanted !== undefined)
  return agreed.length > 0
    ? Effect.succeed(agreed)
    : unsupported(metadata, "request_object_encryption_alg_values_supported", wishes)
}

const encryptionFor = (
  metadata: AuthorizationServerMetadata,
  wanted: Options["encryption"]
): Effect.Effect<ContentEncryption, DiscoveryError> => {
  const listed = metadata.request_object_encryption_enc_values_supported
  // What a registration means that does not say (OpenID Connect Dynamic Client Registration section 2).
  if (listed === undefined) return Effect.succeed(wanted ?? "A128CBC-HS256")
  const wishes = wanted === undefined ? JwtEncrypter.contentEncryption : [wanted]
  const agreed = wishes.find((one) => listed.includes(one))
  return agreed === undefined
    ? unsupported(metadata, "request_object_encryption_enc_values_supported", wishes)
    : Effect.succeed(agreed)
}

const unsupported = (
  metadata: AuthorizationServerMetadata,
  member: string,
  wishes: ReadonlyArray<string>
): Effect.Effect<never, DiscoveryError> =>
  new DiscoveryError({
    operation,
    reason: "unsupported",
    expected: wishes.join(", "),
    message: `${operation}: ${metadata.issuer} does not say in ${member} that it decrypts requests by ${wishes.join(" or ")} (RFC 9101 section 6.1). Leave the encryption out, or push the request.`
  })
