/**
 * An `HttpClient` with a client certificate (RFC 8705).
 *
 * @since 0.1.0
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Undici from "@effect/platform-node/Undici"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { KeyringError } from "effect-oauth/OAuthError"
import * as Redirects from "effect-oauth/Redirects"
import { X509Certificate } from "node:crypto"
import { createSecureContext } from "node:tls"

/**
 * What the client shows in the handshake, in PEM.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The certificate of the client, with those between it and its root, if any. */
  readonly certificate: string
  /** Its private key. */
  readonly key: string | Redacted.Redacted<string>
  /** The passphrase of an encrypted key. */
  readonly passphrase?: Redacted.Redacted<string> | undefined
  /** Whom to trust to name servers, in place of the authorities that Node trusts. */
  readonly ca?: string | ReadonlyArray<string> | undefined
}

/**
 * Makes a client (undici) that shows the certificate to every server that asks
 * for one, and verifies servers as always. A certificate and key that do not
 * fit, or cannot be read, are a `KeyringError` with reason `malformed`.
 *
 * Use it for the clients whose certificate it is: whatever goes through it can
 * be linked by the certificate.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<HttpClient.HttpClient, KeyringError, Scope.Scope> =>
  Effect.gen(function* () {
    const { ca, certificate, key, passphrase } = options
    const tls = {
      cert: certificate,
      key: typeof key === "string" ? key : Redacted.value(key),
      ...(passphrase === undefined ? {} : { passphrase: Redacted.value(passphrase) }),
      ...(ca === undefined ? {} : { ca: typeof ca === "string" ? ca : [...ca] })
    }
    yield* Effect.try({
      try: () => {
        // Node passes over authorities that it cannot read.
        for (const one of ca === undefined ? [] : [ca].flat()) new X509Certificate(one)
        return createSecureContext(tls)
      },
      catch: unreadable
    })
    const agent = yield* Effect.acquireRelease(
      Effect.sync(() => new Undici.Agent({ connect: tls })),
      (dispatcher) => Effect.promise(() => dispatcher.destroy())
    )
    return Redirects.neverFollowed(NodeHttpClient.makeUndici(agent))
  })

/**
 * The `HttpClient` of a client that authenticates with
 * `ClientAuthentication.tlsClientAuth` or `selfSignedTlsClientAuth`, or whose
 * tokens are bound to its certificate (RFC 8705 sections 2 and 3).
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<HttpClient.HttpClient, KeyringError> =>
  Layer.scoped(HttpClient.HttpClient, make(options))

/**
 * As `layer`, from configuration.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config<Options>
): Layer.Layer<HttpClient.HttpClient, KeyringError | ConfigError.ConfigError> =>
  Layer.scoped(HttpClient.HttpClient, Effect.flatMap(config, make))

/** Without what Node says of it, which may quote the key. */
const unreadable = (): KeyringError =>
  new KeyringError({
    operation: "MutualTls.make",
    reason: "malformed",
    retriable: false,
    message:
      "MutualTls.make: the certificate, its key or the authorities cannot be read, or the key is not that of the certificate. They are PEM."
  })
