/**
 * What a test issuer can be told to do wrong.
 *
 * Each is a value to hand to `TestIssuer`'s `misbehave(endpoint, ...)`, alone
 * or several in one array, which then bend the same answer in that order.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { ConnectionBroken } from "./TestIssuerError.js"
import type { TokenOverrides } from "./TestToken.js"

/**
 * One way to misbehave; made with the constructors below.
 *
 * @since 0.1.0
 * @category models
 */
export type Misbehaviour =
  | { readonly _tag: "WrongIssuer"; readonly issuer: string }
  | { readonly _tag: "Members"; readonly members: Readonly<Record<string, unknown>> }
  | { readonly _tag: "DuplicatedMember"; readonly member: string; readonly value: string | undefined }
  | { readonly _tag: "Tokens"; readonly idToken: TokenOverrides; readonly accessToken: TokenOverrides }
  | { readonly _tag: "Header"; readonly name: string; readonly value: string | undefined }
  | { readonly _tag: "Status"; readonly status: number }
  | {
      readonly _tag: "Answer"
      readonly status: number
      readonly contentType: string | undefined
      readonly body: string | Uint8Array
      readonly headers: Readonly<Record<string, string>>
    }
  | { readonly _tag: "Encoding"; readonly encoding: Encoding }
  | { readonly _tag: "Gzip" }
  | { readonly _tag: "HugeBody"; readonly bytes: number }
  | { readonly _tag: "EndlessBody" }
  | { readonly _tag: "SlowBody"; readonly interval: Duration.DurationInput; readonly chunkBytes: number }
  | { readonly _tag: "StalledBody" }
  | { readonly _tag: "BrokenBody" }
  | { readonly _tag: "Slow"; readonly delay: Duration.DurationInput }
  | { readonly _tag: "Hang" }
  | { readonly _tag: "ConnectionFailure" }
  | { readonly _tag: "Custom"; readonly answer: CustomAnswer }

/**
 * How a text may be written other than in UTF-8.
 *
 * @since 0.1.0
 * @category models
 */
export type Encoding = "utf-8-bom" | "utf-16le" | "utf-16be" | "invalid-utf-8"

/**
 * Answers in place of the issuer; `honest` is what it would have answered.
 *
 * @since 0.1.0
 * @category models
 */
export type CustomAnswer = (
  request: Request,
  honest: Effect.Effect<Response, ConnectionBroken>
) => Effect.Effect<Response, ConnectionBroken>

/**
 * Speaks as another issuer: in `issuer` of metadata, in `iss` of the
 * authorization response, in `iss` of the tokens (by the endpoint it is set on).
 *
 * @since 0.1.0
 * @category content
 */
export const wrongIssuer = (issuer: string): Misbehaviour => ({ _tag: "WrongIssuer", issuer })

/**
 * Leaves a member out of the JSON object, or a parameter out of the redirect.
 *
 * @since 0.1.0
 * @category content
 */
export const missingMember = (member: string): Misbehaviour => ({
  _tag: "Members",
  members: { [member]: undefined }
})

/**
 * Gives a member of the JSON object any value, or a parameter of the redirect
 * any text.
 *
 * @since 0.1.0
 * @category content
 */
export const changedMember = (member: string, value: unknown): Misbehaviour => ({
  _tag: "Members",
  members: { [member]: value }
})

/**
 * Says a member twice: in the text of the JSON object, or as a parameter of
 * the redirect. The second value is the first one again unless given.
 *
 * @since 0.1.0
 * @category content
 */
export const duplicatedMember = (member: string, value?: string): Misbehaviour => ({
  _tag: "DuplicatedMember",
  member,
  value
})

/**
 * Bends the tokens that the token endpoint issues: claims, header, signing key.
 *
 * @since 0.1.0
 * @category tokens
 */
export const tokens = (overrides: {
  readonly idToken?: TokenOverrides
  readonly accessToken?: TokenOverrides
}): Misbehaviour => ({
  _tag: "Tokens",
  idToken: overrides.idToken ?? {},
  accessToken: overrides.accessToken ?? {}
})

/**
 * Signs ID and access tokens with a key that is not published, under the `kid`
 * of one that is.
 *
 * @since 0.1.0
 * @category tokens
 */
export const badSignature: Misbehaviour = tokens({
  idToken: { key: "unpublished" },
  accessToken: { key: "unpublished" }
})

/**
 * Puts another nonce into the ID token.
 *
 * @since 0.1.0
 * @category tokens
 */
export const wrongNonce = (nonce = "the-nonce-of-another-login"): Misbehaviour =>
  tokens({ idToken: { claims: { nonce } } })

/**
 * Puts a hash of another access token into the ID token.
 *
 * @since 0.1.0
 * @category tokens
 */
export const wrongAtHash: Misbehaviour = tokens({
  idToken: { claims: { at_hash: "AAAAAAAAAAAAAAAAAAAAAA" } }
})

/**
 * Sets a header of the answer (`WWW-Authenticate`, `Cache-Control`, ...), or
 * takes it away.
 *
 * @since 0.1.0
 * @category content
 */
export const header = (name: string, value: string | undefined): Misbehaviour => ({
  _tag: "Header",
  name: name.toLowerCase(),
  value
})

/**
 * Names another content type, or none.
 *
 * @since 0.1.0
 * @category content
 */
export const wrongContentType = (contentType: string | undefined): Misbehaviour =>
  header("content-type", contentType)

/**
 * Keeps the answer but changes its status.
 *
 * @since 0.1.0
 * @category content
 */
export const statusOfAnswer = (status: number): Misbehaviour => ({ _tag: "Status", status })

const answer = (
  status: number,
  contentType: string | undefined,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {}
): Misbehaviour => ({ _tag: "Answer", status, contentType, body, headers })

/**
 * Answers an OAuth error with status 200.
 *
 * @since 0.1.0
 * @category answers
 */
export const errorInSuccess = (error: string, description?: string): Misbehaviour =>
  oauthError(200, error, description)

/**
 * Answers an OAuth error (RFC 6749 section 5.2).
 *
 * @since 0.1.0
 * @category answers
 */
export const oauthError = (status: number, error: string, description?: string): Misbehaviour =>
  answer(status, "application/json", JSON.stringify({ error, error_description: description }))

/**
 * Answers a status with an empty body; `retryAfter` is sent as it is.
 *
 * @since 0.1.0
 * @category answers
 */
export const status = (code: number, options?: { readonly retryAfter?: string }): Misbehaviour =>
  answer(code, undefined, "", options?.retryAfter === undefined ? {} : { "retry-after": options.retryAfter })

/**
 * Redirects; 307 would have a client that follows send its form again.
 *
 * @since 0.1.0
 * @category answers
 */
export const redirect = (location: string, code = 302): Misbehaviour =>
  answer(code, undefined, "", { location })

/**
 * Answers a page, as a proxy does.
 *
 * @since 0.1.0
 * @category answers
 */
export const html = (
  code = 200,
  page = "<!doctype html><title>Sign in to the network</title>"
): Misbehaviour => answer(code, "text/html; charset=utf-8", page)

/**
 * Answers with exactly this body, as `application/json` unless said otherwise.
 *
 * @since 0.1.0
 * @category answers
 */
export const rawBody = (
  body: string | Uint8Array,
  options?: { readonly status?: number; readonly contentType?: string | undefined }
): Misbehaviour =>
  answer(
    options?.status ?? 200,
    options !== undefined && "contentType" in options ? options.contentType : "application/json",
    body
  )

/**
 * Writes the body with a byte order mark, in UTF-16, or broken.
 *
 * @since 0.1.0
 * @category content
 */
export const encoding = (as: Encoding): Misbehaviour => ({ _tag: "Encoding", encoding: as })

/**
 * Compresses the body and says so, though the client did not ask. An HTTP
 * client that decodes by itself, as fetch does, is not simulated.
 *
 * @since 0.1.0
 * @category content
 */
export const gzip: Misbehaviour = { _tag: "Gzip" }

/**
 * Pads the body to at least this many bytes; a JSON object stays one.
 *
 * @since 0.1.0
 * @category transport
 */
export const hugeBody = (bytes: number): Misbehaviour => ({ _tag: "HugeBody", bytes })

/**
 * A body that begins well and never ends, as fast as it is read.
 *
 * @since 0.1.0
 * @category transport
 */
export const endlessBody: Misbehaviour = { _tag: "EndlessBody" }

/**
 * Drips the body: `chunkBytes` (default 1) after each `interval`, by `Clock`.
 *
 * @since 0.1.0
 * @category transport
 */
export const slowBody = (interval: Duration.DurationInput, chunkBytes = 1): Misbehaviour => ({
  _tag: "SlowBody",
  interval,
  chunkBytes
})

/**
 * Sends half of the body and then nothing, without closing.
 *
 * @since 0.1.0
 * @category transport
 */
export const stalledBody: Misbehaviour = { _tag: "StalledBody" }

/**
 * Sends half of the body and breaks the connection.
 *
 * @since 0.1.0
 * @category transport
 */
export const brokenBody: Misbehaviour = { _tag: "BrokenBody" }

/**
 * Answers late, by `Clock`. What is asked for has taken effect by then.
 *
 * @since 0.1.0
 * @category transport
 */
export const slow = (delay: Duration.DurationInput): Misbehaviour => ({ _tag: "Slow", delay })

/**
 * Does what is asked for and never answers.
 *
 * @since 0.1.0
 * @category transport
 */
export const hang: Misbehaviour = { _tag: "Hang" }

/**
 * Refuses the connection: nothing is done.
 *
 * @since 0.1.0
 * @category transport
 */
export const connectionFailure: Misbehaviour = { _tag: "ConnectionFailure" }

/**
 * Answers whatever a function says.
 *
 * @since 0.1.0
 * @category answers
 */
export const custom = (answer: CustomAnswer): Misbehaviour => ({ _tag: "Custom", answer })
