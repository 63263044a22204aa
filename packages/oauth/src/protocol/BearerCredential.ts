/**
 * The credential of a request to a protected resource: RFC 6750 section 2.1,
 * RFC 9449 section 7.1.
 *
 * @since 0.1.0
 */
import * as Redacted from "effect/Redacted"

/**
 * What a request brought.
 *
 * - `None`: no Authorization header
 * - `Token`: one token, of a scheme that is accepted; not verified yet
 * - `OtherScheme`: one credential of a scheme that is not accepted here
 * - `Malformed`: an Authorization header that is not one whole credential;
 *   `description` says why, and has nothing of the header in it
 *
 * @since 0.1.0
 * @category models
 */
export type BearerCredential =
  | { readonly _tag: "None" }
  | { readonly _tag: "Token"; readonly scheme: Scheme; readonly token: Redacted.Redacted<string> }
  | { readonly _tag: "OtherScheme" }
  | {
      readonly _tag: "Malformed"
      readonly reason: "several" | "too_large" | "no_token" | "characters"
      readonly description: string
    }

/**
 * The schemes that carry an access token.
 *
 * @since 0.1.0
 * @category models
 */
export type Scheme = "Bearer" | "DPoP"

/**
 * How a credential is read.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The schemes that are accepted; `["Bearer"]` unless said. */
  readonly schemes?: ReadonlyArray<Scheme> | undefined
  /** Tells a token that is the same as a good one before it: its characters are not looked at again. */
  readonly isKnown?: ((token: string) => boolean) | undefined
}

/**
 * The longest Authorization header that is read, in characters.
 *
 * @since 0.1.0
 * @category constants
 */
export const maximumLength: number = 16_384

/**
 * Reads the credential from the headers of a request, whose names are compared
 * without regard to case. Exactly one Authorization value is accepted.
 *
 * @since 0.1.0
 * @category parsing
 */
export const fromHeaders = (
  headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>,
  options?: Options
): BearerCredential =>
  fromValues(
    Object.entries(headers).flatMap(([name, value]) =>
      name.toLowerCase() === "authorization" && value !== undefined ? value : []
    ),
    options
  )

/**
 * Reads the credential from the value of an Authorization header. The scheme is
 * compared without regard to case (RFC 9110 section 11.1); the token has the
 * characters of `b64token` (RFC 6750 section 2.1) and no others, so two headers
 * that something joined with a comma are refused.
 *
 * @since 0.1.0
 * @category parsing
 */
export const fromHeader = (value: string | undefined, options?: Options): BearerCredential =>
  fromValues(value === undefined ? [] : [value], options)

const fromValues = (values: ReadonlyArray<string>, options: Options = {}): BearerCredential => {
  const [value] = values
  if (value === undefined) return { _tag: "None" }
  if (values.length > 1) return malformed("several", "There is more than one Authorization header")
  if (value.length > maximumLength) return malformed("too_large", "The Authorization header is too large")
  return plain(value, options) ?? read(value, options)
}

/** How nearly every credential is written: nothing but the scheme, a space and the token. */
const plain = (value: string, { isKnown, schemes = bearer }: Options): BearerCredential | undefined => {
  const space = value.indexOf(" ")
  if (space < 0) return undefined
  const scheme = schemeOf(value.slice(0, space), schemes)
  const token = value.slice(space + 1)
  return scheme !== undefined && token !== "" && (isKnown?.(token) === true || isToken(token))
    ? { _tag: "Token", scheme, token: Redacted.make(token) }
    : undefined
}

const isToken = (text: string): boolean => /^[A-Za-z0-9\-._~+/]+=*$/.test(text)

const bearer: ReadonlyArray<Scheme> = ["Bearer"]

const schemeOf = (written: string, schemes: ReadonlyArray<Scheme>): Scheme | undefined =>
  schemes.find((candidate) => candidate === written) ??
  schemes.find((candidate) => candidate.toLowerCase() === written.toLowerCase())

const read = (value: string, { schemes = bearer }: Options): BearerCredential => {
  const match = /^[ \t]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?: +(.*))?$/s.exec(value)
  if (match === null) return malformed("characters", "The Authorization header has no scheme")
  const [, written = "", rest = ""] = match
  const scheme = schemeOf(written, schemes)
  if (scheme === undefined) return { _tag: "OtherScheme" }
  if (/^[ \t]*$/.test(rest))
    return malformed("no_token", "The Authorization header has a scheme and no token")
  const token = /^([A-Za-z0-9\-._~+/]+=*)[ \t]*$/.exec(rest)?.[1]
  if (token === undefined)
    return malformed("characters", "The token in the Authorization header is malformed")
  return { _tag: "Token", scheme, token: Redacted.make(token) }
}

const malformed = (
  reason: "several" | "too_large" | "no_token" | "characters",
  description: string
): BearerCredential => ({ _tag: "Malformed", reason, description })
