/** A certificate authority of a test, made with node:crypto: RFC 5280 has the shapes. */
import type { KeyObject } from "node:crypto"
import { generateKeyPairSync, randomBytes, sign } from "node:crypto"

export interface Certificate {
  readonly certificate: string
  readonly key: string
  /** The certificate as a JWK has it in `x5c` (RFC 7517 section 4.7). */
  readonly x5c: string
  readonly publicKey: KeyObject
}

export interface Authority extends Certificate {
  /** Issues a certificate for a name: of a server, whose name it is, or of a client. */
  readonly issue: (name: string) => Certificate
}

const der = (tag: number, ...contents: ReadonlyArray<Uint8Array>): Buffer => {
  const content = Buffer.concat(contents)
  const { length: size } = content
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 255]
  return Buffer.concat([Buffer.from([tag, ...length]), content])
}
const sequence = (...contents: ReadonlyArray<Uint8Array>) => der(0x30, ...contents)
const oid = (hex: string) => der(0x06, Buffer.from(hex, "hex"))
const time = (text: string) => der(0x18, Buffer.from(text))
const yes = der(0x01, Buffer.from([0xff]))
const nameOf = (name: string) => sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from(name)))))
const algorithm = sequence(oid("2a8648ce3d040302"))

const certificateOf = (
  subject: string,
  issuer: { readonly name: string; readonly key: KeyObject } | undefined
): Certificate & { readonly privateKey: KeyObject } => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const extensions =
    issuer === undefined
      ? sequence(oid("551d13"), yes, der(0x04, sequence(yes)))
      : sequence(oid("551d11"), der(0x04, sequence(der(0x82, Buffer.from(subject)))))
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    nameOf(issuer?.name ?? subject),
    sequence(time("20200101000000Z"), time("21200101000000Z")),
    nameOf(subject),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(extensions))
  )
  const signature = sign("sha256", body, issuer?.key ?? privateKey)
  const x5c = sequence(body, algorithm, der(0x03, Buffer.from([0]), signature)).toString("base64")
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${x5c.replace(/(.{64})(?=.)/g, "$1\n")}\n-----END CERTIFICATE-----\n`,
    key: String(privateKey.export({ type: "pkcs8", format: "pem" })),
    x5c,
    publicKey,
    privateKey
  }
}

/** A certificate that is its own authority. */
export const makeAuthority = (name: string): Authority => {
  const own = certificateOf(name, undefined)
  return { ...own, issue: (subject) => certificateOf(subject, { name, key: own.privateKey }) }
}
