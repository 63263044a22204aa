/**
 * Text that came from outside, made safe to show; and the comparison of
 * secrets.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

/**
 * The most characters that `sanitize` lets through.
 *
 * @since 0.1.0
 * @category constants
 */
export const maximumLength: number = 500

/** Of a longer text only the beginning is looked at. */
const readLength = 32_768

const redacted = "<redacted>"

/**
 * Makes text of a server, a browser or a token safe to show and to log.
 *
 * White space of any kind becomes one space; control, format (bidirectional
 * overrides, zero-width), unassigned and lone surrogate characters are removed,
 * so that no terminal or log line can be forged. Each of `secrets` is replaced
 * by `<redacted>`, also in its form-encoded shape and also where the text had
 * hidden characters in between. What remains is cut at 500 characters, after
 * the redaction, so that the cut cannot bare a part of a secret.
 *
 * @since 0.1.0
 * @category sanitizing
 */
export const sanitize = (text: string, secrets: ReadonlyArray<string> = []): string => {
  const clean = flatten(text.slice(0, readLength))
  const hidden = shapesOf(secrets)
  const cut = text.length > readLength
  // What begins later than this may be the first part of a secret that the limit of reading cut.
  const end = cut ? clean.length - (hidden[0]?.length ?? 0) : clean.length
  let shown = ""
  let position = 0
  while (position < end && shown.length <= maximumLength) {
    const found = hidden.find((secret) => clean.startsWith(secret, position))
    if (found === undefined) {
      shown += clean.charAt(position)
      position += 1
    } else {
      shown += redacted
      position += found.length
    }
  }
  if (shown.length <= maximumLength && !cut) return shown
  return `${shown.slice(0, maximumLength - 1).replace(/[\uD800-\uDBFF]$/, "")}…`
}

/**
 * As `sanitize`, for the name of an error that programs compare: one of lower
 * case words (RFC 6749 section 5.2) stays whole, though a short secret, such as
 * `client`, may occur in it. A secret of 16 characters or more, or one that is
 * all of it, is hidden as ever.
 *
 * @since 0.1.0
 * @category sanitizing
 */
export const sanitizeCode = (code: string, secrets: ReadonlyArray<string> = []): string =>
  sanitize(
    code,
    /^[a-z_]{1,64}$/.test(code) ? secrets.filter((secret) => secret[15] || secret === code) : secrets
  )

/** One line, without a character that is not seen. */
const flatten = (text: string): string =>
  text
    .replace(/\s+/gu, " ")
    .replace(/\p{C}+/gu, "")
    .replace(/ {2,}/g, " ")
    .trim()

/** How each secret may appear in flattened text, the longest first. */
const shapesOf = (secrets: ReadonlyArray<string>): ReadonlyArray<string> => {
  const shapes = new Set<string>()
  for (const secret of secrets) {
    const form = new URLSearchParams([["", secret]]).toString().slice(1)
    const spaced = form.replaceAll("+", "%20")
    for (const shape of [secret, form, spaced]) {
      shapes.add(flatten(shape))
      shapes.add(flatten(shape).replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()))
    }
  }
  shapes.delete("")
  return [...shapes].sort((a, b) => b.length - a.length)
}

/**
 * Compares two texts in a time that depends on their lengths alone, not on
 * where they differ: for `state`, `nonce`, hashes and anything else that is
 * secret or proves knowledge of a secret.
 *
 * @since 0.1.0
 * @category comparing
 */
export const equalsConstantTime = (a: string, b: string): boolean => {
  let difference = a.length ^ b.length
  for (let index = 0; index < b.length; index++) {
    difference |= a.charCodeAt(index) ^ b.charCodeAt(index)
  }
  return difference === 0
}

/**
 * Bytes in base64url without padding (RFC 7515 section 2): by the platform's
 * own `btoa`, which a browser has at hand.
 *
 * @since 0.1.0
 * @category encoding
 */
export const base64Url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "")

/**
 * The SHA-256 of a text as UTF-8, in base64url: a PKCE challenge, the `ath` of a
 * DPoP proof, a name that does not show what it is of.
 *
 * @since 0.1.0
 * @category encoding
 */
export const sha256 = (text: string): Effect.Effect<string> =>
  Effect.map(
    Effect.promise(() => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))),
    (digest) => base64Url(new Uint8Array(digest))
  )
