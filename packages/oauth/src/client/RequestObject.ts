/**
 * Signed authorization requests: JAR.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { JwtAlgorithm } from "../keys/JwtAlgorithm.js"
import * as JwtSigner from "../keys/JwtSigner.js"
import type { KeyringService } from "../keys/Keyring.js"
import type { JwtError, KeyringError } from "../protocol/OAuthError.js"
import { claimsOf } from "./internal/requestClaims.js"
import * as OAuthClient from "./OAuthClient.js"
import type { RequestEncryption } from "./RequestEncryption.js"

/**
 * Puts the parameters of an authorization request into a JWT that the client
 * signs, so that nobody can change them on the way (RFC 9101), and encrypts
 * where nobody shall read them either.
 *
 * `Authorization.layerSigned` uses it for every request; by itself it serves a
 * request that the toolkit does not make.
 *
 * @since 0.1.0
 * @category services
 */
export class RequestObject extends Context.Tag("effect-oauth/RequestObject")<
  RequestObject,
  RequestObject.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace RequestObject {
  /**
   * How request objects are signed.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Options {
    /** The JWS algorithm; else the key's, of those that the server lists. */
    readonly algorithm?: JwtAlgorithm | undefined
    /** Which of the keyring's keys signs; else its current one. */
    readonly kid?: string | undefined
    /** How long a request object may be used; 60 seconds. */
    readonly lifetime?: Duration.DurationInput | undefined
    /** What encrypts request objects once they are signed: `RequestEncryption.toServer`. They are not encrypted unless given. */
    readonly encryption?: RequestEncryption | undefined
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * A fresh request object: `typ` `oauth-authz-req+jwt`; `iss` and `client_id`
     * are the client, `aud` the issuer; `iat` and `nbf` now, `exp` after the
     * lifetime, `jti` random; and the parameters as claims: a name that comes
     * more than once as a list, `max_age` as a number, `authorization_details`
     * and `claims` as the JSON they hold (RFC 9101 sections 4 and 10.8). With
     * `encryption` it is a JWE with that in it (section 6.1).
     */
    readonly sign: (
      parameters: ReadonlyArray<readonly [name: string, value: string]>
    ) => Effect.Effect<
      Redacted.Redacted<string>,
      OAuthClient.OAuthClient.MetadataError | KeyringError | JwtError
    >
  }
}

/**
 * Makes the service from the keys of the `KeyringService`, for the
 * `OAuthClient` of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: RequestObject.Options = {}
): Effect.Effect<RequestObject.Service, never, OAuthClient.OAuthClient | KeyringService | Scope.Scope> =>
  Effect.gen(function* () {
    const client = yield* OAuthClient.OAuthClient
    const signer = yield* JwtSigner.make
    const encrypt = options.encryption === undefined ? undefined : yield* options.encryption(client)

    return {
      sign: (parameters) =>
        Effect.gen(function* () {
          const metadata = yield* client.metadata
          const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
          const signed = yield* signer.sign(
            {
              ...(yield* claimsOf("RequestObject.sign", parameters)),
              client_id: client.clientId,
              iss: client.clientId,
              aud: client.issuer,
              iat: now,
              nbf: now
            },
            {
              typ: "oauth-authz-req+jwt",
              algorithm: options.algorithm,
              algorithms: metadata.request_object_signing_alg_values_supported,
              kid: options.kid,
              lifetime: options.lifetime ?? "60 seconds"
            }
          )
          return encrypt === undefined ? signed : yield* encrypt(signed)
        })
    }
  })

/**
 * Request objects signed otherwise than by default.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerWith = (
  options: RequestObject.Options
): Layer.Layer<RequestObject, never, OAuthClient.OAuthClient | KeyringService> =>
  Layer.scoped(RequestObject, make(options))

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<RequestObject, never, OAuthClient.OAuthClient | KeyringService> = layerWith(
  {}
)
