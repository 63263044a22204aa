/**
 * The client's certificate as a proxy tells it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Text from "effect-oauth/Text"
import type { Received } from "./Incoming.js"
import { ClientCertificate } from "./Incoming.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * Whether a request came from the proxy that sets the header, and that takes
   * the header of anybody else away: otherwise whoever calls could show any
   * certificate, since certificates are public. `() => true` only where nothing
   * but that proxy reaches this server; `PeerCertificate.isFrom` of
   * `effect-oauth-node` compares the address of the connection.
   */
  readonly proxy: (received: Received) => boolean
  /** The name of the header. `client-cert` (RFC 9440). */
  readonly header?: string | undefined
  /**
   * How the certificate is written: `rfc9440` (`:base64 of DER:`), or `pem`, in
   * percent-encoding, as nginx (`$ssl_client_escaped_cert`) and load balancers
   * have it. `rfc9440`.
   */
  readonly encoding?: "rfc9440" | "pem" | undefined
}

/** The longest header that is read, in characters. */
const maxLength = 16_384

/**
 * Reads the SHA-256 of the certificate (`x5t#S256`, RFC 8705 section 3.1) from a
 * header. None without one, with one that is malformed or that came more than
 * once, and with a request that did not come from the proxy.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): ((received: Received) => Effect.Effect<Option.Option<string>>) => {
  const { encoding = "rfc9440", proxy } = options
  const name = (options.header ?? "client-cert").toLowerCase()
  return (received) => {
    const value = received.headers[name]
    return value === undefined || value.length > maxLength || !proxy(received)
      ? Effect.succeedNone
      : Option.match(encoding === "pem" ? fromPem(value) : fromStructuredField(value), {
          onNone: () => Effect.succeedNone,
          onSome: (der) => Effect.asSome(thumbprint(der))
        })
  }
}

/**
 * Compares tokens that are bound to a certificate with the one that a proxy
 * tells of.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<ClientCertificate> =>
  Layer.succeed(ClientCertificate, make(options))

const thumbprint = (der: Uint8Array): Effect.Effect<string> =>
  Effect.map(
    Effect.promise(() => crypto.subtle.digest("SHA-256", new Uint8Array(der))),
    (digest) => Text.base64Url(new Uint8Array(digest))
  )

/** A byte sequence (RFC 8941 section 3.3.5), without parameters. */
const fromStructuredField = (value: string): Option.Option<Uint8Array> =>
  decoded(/^:([A-Za-z0-9+/]+={0,2}):$/.exec(value.trim())?.[1])

const fromPem = (value: string): Option.Option<Uint8Array> => {
  if (!/^(?:[^%]|%[0-9A-Fa-f]{2})*$/.test(value)) return Option.none()
  const text = value.replace(/%([0-7][0-9A-Fa-f])/g, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16))
  )
  const block = /^-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----(?!.*BEGIN)/s.exec(
    text.trim()
  )
  return decoded(block?.[1]?.replace(/\s+/g, ""))
}

/** A certificate is a DER sequence. */
const decoded = (base64: string | undefined): Option.Option<Uint8Array> =>
  base64 === undefined
    ? Option.none()
    : Option.filter(Either.getRight(Encoding.decodeBase64(base64)), (der) => der[0] === 0x30)
