/** Rules about the numbers inside a key. */
import * as Base64Url from "./base64url.js"

const firstSignificant = (binary: string): number => {
  let i = 0
  while (i < binary.length && binary.charCodeAt(i) === 0) i++
  return i
}

/** The length of a base64url big-endian number in bits. */
export const modulusBits = (n: string | undefined): number | undefined => {
  const binary = n === undefined ? undefined : Base64Url.decodeBinary(n)
  if (binary === undefined) return undefined
  const from = firstSignificant(binary)
  return from === binary.length ? 0 : (binary.length - from) * 8 - (Math.clz32(binary.charCodeAt(from)) - 24)
}

/** Odd, at least 3, at most 32 bits. */
export const saneExponent = (e: string): boolean => {
  const binary = Base64Url.decodeBinary(e)
  if (binary === undefined) return false
  const from = firstSignificant(binary)
  const bytes = binary.length - from
  if (bytes < 1 || bytes > 4) return false
  const last = binary.charCodeAt(binary.length - 1)
  return (last & 1) === 1 && !(bytes === 1 && last < 3)
}

/**
 * The encodings of points of order 1, 2, 4 and 8 on edwards25519, without the
 * sign bit, in hexadecimal; the last two are second spellings of the first two.
 */
const smallOrder: ReadonlySet<string> = new Set([
  "00".repeat(32),
  "01" + "00".repeat(31),
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ec" + "ff".repeat(30) + "7f",
  "ed" + "ff".repeat(30) + "7f",
  "ee" + "ff".repeat(30) + "7f"
])

/** Whether a public key of Ed25519 is a point of small order. */
export const isWeakEd25519 = (x: string): boolean => {
  const bytes = Base64Url.decodeBytes(x)
  if (bytes === undefined || bytes.length !== 32) return true
  bytes[31] = (bytes[31] ?? 0) & 0x7f
  return smallOrder.has(Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(""))
}
