/** Keys in PEM (RFC 7468): PKCS#8, SPKI, PKCS#1, SEC1, and the key of a certificate. */
import * as Effect from "effect/Effect"
import { KeyringError } from "../../protocol/OAuthError.js"
import type { JsonWebKey } from "../Jwk.js"
import type { Element } from "./der.js"
import {
  elementAt,
  elements,
  encode,
  hex,
  INTEGER,
  OBJECT_IDENTIFIER,
  OCTET_STRING,
  SEQUENCE
} from "./der.js"

/** A private key in PKCS#8, or a public key in SPKI. */
interface Container {
  readonly format: "pkcs8" | "spki"
  readonly der: Uint8Array<ArrayBuffer>
  /** The content of its AlgorithmIdentifier, in hexadecimal. */
  readonly algorithm: ReadonlyArray<string>
}

class Refused {
  constructor(
    readonly reason: "malformed" | "unsupported",
    readonly problem: string
  ) {}
}

const malformed = (problem: string): Refused => new Refused("malformed", problem)

const maxLength = 64 * 1024
const header = /^-----BEGIN ([A-Z0-9 ]{1,40})-----/

/** One block and nothing around it: what stands before the header of a PEM has made verifiers take it for a secret. */
const block = (pem: string): { readonly label: string; readonly der: Uint8Array<ArrayBuffer> } | Refused => {
  const text = pem.trim()
  if (text.length > maxLength) return malformed("the PEM is too long")
  const label = header.exec(text)?.[1]
  if (label === undefined) return malformed("the text does not begin with a PEM header (-----BEGIN ...-----)")
  const begin = `-----BEGIN ${label}-----`
  const end = `-----END ${label}-----`
  if (!text.endsWith(end))
    return malformed("the PEM does not end with the END line of its header, or holds more than one key")
  const body = text.slice(begin.length, text.length - end.length)
  if (body.includes(":")) return new Refused("unsupported", "the key is encrypted; decrypt it first")
  try {
    const binary = atob(body.replace(/\s/g, ""))
    return { label, der: Uint8Array.from(binary, (char) => char.charCodeAt(0)) }
  } catch {
    return malformed("the body of the PEM is not base64")
  }
}

const whole = (der: Uint8Array): Element | undefined => {
  const element = elementAt(der, 0, der.length)
  return element !== undefined && element.tag === SEQUENCE && element.to === der.length ? element : undefined
}

const algorithmOf = (der: Uint8Array, identifier: Element | undefined): ReadonlyArray<string> =>
  identifier === undefined || identifier.tag !== SEQUENCE
    ? []
    : elements(der, identifier)
        .filter((element) => element.tag === OBJECT_IDENTIFIER)
        .map((element) => hex(der, element))

const RSA = "2a864886f70d010101"
const EC = "2a8648ce3d0201"
const ED25519 = "2b6570"

const bytesOf = (text: string): Uint8Array =>
  Uint8Array.from({ length: text.length / 2 }, (_, i) => parseInt(text.slice(i * 2, i * 2 + 2), 16))

const oid = (text: string): Uint8Array => encode(OBJECT_IDENTIFIER, bytesOf(text))

/** RFC 5958: version 0, algorithm, the key in an octet string. */
const wrap = (der: Uint8Array, algorithm: ReadonlyArray<string>, parameters: Uint8Array): Container => ({
  format: "pkcs8",
  algorithm,
  der: encode(
    SEQUENCE,
    encode(INTEGER, Uint8Array.of(0)),
    encode(SEQUENCE, oid(algorithm[0] ?? ""), parameters),
    encode(OCTET_STRING, der)
  )
})

const container = (label: string, der: Uint8Array<ArrayBuffer>): Container | Refused => {
  const outer = whole(der)
  if (outer === undefined) return malformed("the PEM does not hold one DER sequence")
  const parts = elements(der, outer)
  switch (label) {
    case "PRIVATE KEY":
      return { format: "pkcs8", der, algorithm: algorithmOf(der, parts[1]) }
    case "PUBLIC KEY":
      return { format: "spki", der, algorithm: algorithmOf(der, parts[0]) }
    case "RSA PRIVATE KEY":
      return wrap(der, [RSA], Uint8Array.of(5, 0))
    case "EC PRIVATE KEY": {
      // RFC 5915: the curve is in [0].
      const curve = parts.find((part) => part.tag === 0xa0)
      const name = curve === undefined ? undefined : elements(der, curve)[0]
      if (name === undefined) return malformed("the EC key does not name its curve")
      const algorithm = [EC, hex(der, name)]
      return wrap(der, algorithm, oid(algorithm[1] ?? ""))
    }
    case "CERTIFICATE": {
      // RFC 5280 section 4.1: [0] version, serial, signature, issuer, validity, subject, then the key.
      const certificate = parts[0] === undefined ? [] : elements(der, parts[0])
      const key = certificate[certificate[0]?.tag === 0xa0 ? 6 : 5]
      if (key === undefined || key.tag !== SEQUENCE) return malformed("the certificate holds no public key")
      return {
        format: "spki",
        der: der.slice(key.start, key.to),
        algorithm: algorithmOf(der, elements(der, key)[0])
      }
    }
    case "ENCRYPTED PRIVATE KEY":
      return new Refused("unsupported", "the key is encrypted; decrypt it first")
    default:
      return new Refused(
        "unsupported",
        "the PEM is none of PRIVATE KEY, PUBLIC KEY, RSA PRIVATE KEY, EC PRIVATE KEY and CERTIFICATE"
      )
  }
}

const curves: ReadonlyMap<string, string> = new Map([
  ["2a8648ce3d030107", "P-256"],
  ["2b81040022", "P-384"],
  ["2b81040023", "P-521"]
])

const importParameters = (
  algorithm: ReadonlyArray<string>
): { name: string } | EcKeyImportParams | RsaHashedImportParams | undefined => {
  const [type, parameter] = algorithm
  if (type === RSA) return { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }
  if (type === ED25519) return { name: "Ed25519" }
  const namedCurve = type === EC ? curves.get(parameter ?? "") : undefined
  return namedCurve === undefined ? undefined : { name: "ECDSA", namedCurve }
}

/** The key of a PEM as a JWK, without any statement about its use. */
export const toJwk = (operation: string, pem: string): Effect.Effect<JsonWebKey, KeyringError> => {
  const fail = (refused: Refused) =>
    Effect.fail(
      new KeyringError({
        operation,
        reason: refused.reason,
        retriable: false,
        message: `${operation}: ${refused.problem}.`
      })
    )
  const found = block(pem)
  if (found instanceof Refused) return fail(found)
  const held = container(found.label, found.der)
  if (held instanceof Refused) return fail(held)
  const parameters = importParameters(held.algorithm)
  if (parameters === undefined) {
    return fail(new Refused("unsupported", "the key is none of RSA, P-256, P-384, P-521 and Ed25519"))
  }
  return Effect.tryPromise({
    try: async (): Promise<JsonWebKey> => {
      const usage = held.format === "pkcs8" ? "sign" : "verify"
      const key = await crypto.subtle.importKey(held.format, held.der, parameters, true, [usage])
      const {
        alg: _alg,
        ext: _ext,
        key_ops: _ops,
        kty,
        use: _use,
        ...material
      } = await crypto.subtle.exportKey("jwk", key)
      return { ...material, kty: kty ?? "" }
    },
    catch: () =>
      new KeyringError({
        operation,
        reason: "malformed",
        retriable: false,
        message: `${operation}: the key in the PEM could not be read.`
      })
  })
}
