/**
 * base64url as JOSE writes it (RFC 7515 section 2): no padding, no whitespace,
 * one spelling per value. `atob` and `btoa` are native everywhere and cost a
 * fraction of a loop in JavaScript; what they forgive is checked around them.
 */

/** The values of the last character that leave no bits over, by the length of the text modulo 4. */
const lastOfTwo = "AQgw"
const lastOfThree = "AEIMQUYcgkosw048"

const endsWell = (text: string): boolean => {
  const last = text.charAt(text.length - 1)
  switch (text.length & 3) {
    case 0:
      return true
    case 2:
      return lastOfTwo.includes(last)
    case 3:
      return lastOfThree.includes(last)
    default:
      return false
  }
}

/** Bytes as the characters U+0000 to U+00FF, or nothing when the text is not the one spelling of them. */
export const decodeBinary = (text: string): string | undefined => {
  if (!endsWell(text) || text.includes("+") || text.includes("/")) return undefined
  try {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"))
    // Whitespace and padding shorten the result.
    return binary.length === (text.length * 3) >> 2 ? binary : undefined
  } catch {
    return undefined
  }
}

const alphabet = /^[\w-]+$/

/** Whether a text is base64url in its one spelling, of one byte or more. */
export const isBase64Url = (text: string): boolean => endsWell(text) && alphabet.test(text)

export const decodeBytes = (text: string): Uint8Array<ArrayBuffer> | undefined => {
  const binary = decodeBinary(text)
  return binary === undefined ? undefined : bytesOf(binary)
}

const bytesOf = (binary: string): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}

const beyondAscii = /[\u0080-\u00ff]/
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/** Encoding a text natively and looking at how long it became takes a fifth of the time of an expression. */
const isAscii = (binary: string, scratch: Uint8Array | undefined): boolean => {
  if (scratch === undefined || scratch.length < binary.length) return !beyondAscii.test(binary)
  const { read, written } = encoder.encodeInto(binary, scratch)
  return read === binary.length && written === read
}

/**
 * The UTF-8 text behind a segment; nothing when either encoding is broken. Who decodes often brings some
 * memory to write on, which decides nothing but the time it takes.
 */
export const decodeText = (segment: string, scratch?: Uint8Array): string | undefined => {
  const binary = decodeBinary(segment)
  if (binary === undefined || isAscii(binary, scratch)) return binary
  try {
    return utf8.decode(bytesOf(binary))
  } catch {
    return undefined
  }
}

const fromBase64 = (base64: string): string => {
  const end = base64.indexOf("=")
  return (end < 0 ? base64 : base64.slice(0, end)).replaceAll("+", "-").replaceAll("/", "_")
}

export const encodeBytes = (bytes: Uint8Array): string => {
  let binary = ""
  for (let from = 0; from < bytes.length; from += 4096) {
    binary += String.fromCharCode(...bytes.subarray(from, from + 4096))
  }
  return fromBase64(btoa(binary))
}

const ascii = /^[\u0000-\u007f]*$/

/** A text as UTF-8 in base64url. */
export const encodeText = (text: string): string =>
  ascii.test(text) ? fromBase64(btoa(text)) : encodeBytes(encoder.encode(text))

/** A text as UTF-8. */
export const utf8Bytes = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text)
