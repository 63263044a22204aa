/**
 * The client at the other end of a TLS connection, for a server that accepts
 * tokens bound to certificates (RFC 8705 section 3).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { createHash } from "node:crypto"
import { IncomingMessage } from "node:http"
import { BlockList, isIP } from "node:net"
import { TLSSocket } from "node:tls"

/**
 * What the server received: an `HttpServerRequest` of `@effect/platform-node`,
 * or anything else with the `IncomingMessage` of Node as its `source`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Received {
  readonly source: unknown
}

/**
 * The SHA-256 of the certificate that the client showed in the handshake, in
 * base64url (`x5t#S256`). None on a connection without TLS, or without one.
 *
 * The server must ask for certificates (`requestCert: true`). It need not trust
 * their authority (`rejectUnauthorized: false`), since the handshake proves that
 * the client has the key, and the token says which certificate it is bound to
 * (section 3; also self-signed ones, section 2.2).
 *
 * @since 0.1.0
 * @category reading
 */
export const thumbprint = ({ source }: Received): Effect.Effect<Option.Option<string>> =>
  Effect.sync(() => {
    const socket = source instanceof IncomingMessage ? source.socket : undefined
    const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined
    return Option.map(Option.fromNullable(certificate), ({ raw }) =>
      createHash("sha256").update(raw).digest("base64url")
    )
  })

/**
 * Whether a connection comes from one of these addresses (`10.0.0.7`) or
 * networks (`10.0.0.0/8`, `fd00::/8`): the proxies that are declared. What is
 * no address or network is in none.
 *
 * @since 0.1.0
 * @category guards
 */
export const isFrom = (addresses: ReadonlyArray<string>): ((received: Received) => boolean) => {
  const known = new BlockList()
  for (const address of addresses) {
    const [network = "", prefix, ...rest] = address.split("/")
    const family = familyOf(network)
    if (family === undefined || rest.length > 0) continue
    const bits = prefix === undefined || !/^\d{1,3}$/.test(prefix) ? undefined : Number(prefix)
    if (prefix === undefined) known.addAddress(network, family)
    else if (bits !== undefined && bits <= (family === "ipv4" ? 32 : 128))
      known.addSubnet(network, bits, family)
  }
  return ({ source }) => {
    const remote = source instanceof IncomingMessage ? source.socket.remoteAddress : undefined
    // An IPv4 client of a server that listens on both families.
    const address = remote?.replace(/^::ffff:(?=\d+\.)/i, "")
    const family = address === undefined ? undefined : familyOf(address)
    return address !== undefined && family !== undefined && known.check(address, family)
  }
}

const familyOf = (address: string): "ipv4" | "ipv6" | undefined => {
  const version = isIP(address)
  return version === 4 ? "ipv4" : version === 6 ? "ipv6" : undefined
}
