/**
 * JWT client assertions (RFC 7523 section 2.2 and 3).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type { JwtAlgorithm } from "../keys/JwtAlgorithm.js"
import * as JwtSigner from "../keys/JwtSigner.js"
import type { KeyringService } from "../keys/Keyring.js"
import type { JwtError, KeyringError } from "../protocol/OAuthError.js"

/**
 * Signs assertions by which a client authenticates.
 *
 * `ClientAuthentication.privateKeyJwt()` uses it for every request of an
 * `OAuthClient`; by itself it serves a request that the toolkit does not make.
 *
 * @since 0.1.0
 * @category services
 */
export class ClientAssertion extends Context.Tag("effect-oauth/ClientAssertion")<
  ClientAssertion,
  ClientAssertion.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace ClientAssertion {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * A fresh assertion: `iss` and `sub` are the client, `aud` one audience,
     * `iat` now, `exp` after the lifetime, `jti` random; `typ` JWT.
     */
    readonly sign: (options: Options) => Effect.Effect<Redacted.Redacted<string>, KeyringError | JwtError>
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Options {
    readonly clientId: string
    /** Whom the assertion is for: the issuer of the server, or the URL of its token endpoint. */
    readonly audience: string
    /** The JWS algorithm; else that of the key. */
    readonly algorithm?: JwtAlgorithm | undefined
    /** The algorithms that the server takes. */
    readonly algorithms?: ReadonlyArray<string> | undefined
    readonly kid?: string | undefined
    /** 60 seconds unless given. */
    readonly lifetime?: Duration.DurationInput | undefined
  }
}

/**
 * Makes the service from the keys of the `KeyringService`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<ClientAssertion.Service, never, KeyringService> = Effect.map(
  JwtSigner.make,
  (signer): ClientAssertion.Service => ({
    sign: ({ algorithm, algorithms, audience, clientId, kid, lifetime }) =>
      signer.sign(
        { iss: clientId, sub: clientId, aud: audience },
        {
          typ: "JWT",
          algorithm,
          algorithms,
          kid,
          lifetime: lifetime ?? "60 seconds"
        }
      )
  })
)

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<ClientAssertion, never, KeyringService> = Layer.effect(ClientAssertion, make)
