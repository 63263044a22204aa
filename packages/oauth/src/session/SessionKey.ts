/**
 * Which session: whose tokens, from whom, and what for.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Text from "../protocol/Text.js"

/**
 * Tells one session from all others. Two keys are the same when the issuers,
 * the clients and the subjects are, byte for byte, and the sets of resources and
 * of scopes are, in any order. A set that is left out is the empty set; a subject
 * that is left out is not the empty text.
 *
 * It names the session and asks for nothing: what a login or a `TokenSource` asks
 * for is said there. Only the issuer is compared with that of the tokens; which
 * client and which person they are of, tokens do not tell.
 *
 * @since 0.1.0
 * @category models
 */
export interface SessionKey {
  readonly issuer: string
  /** That of the `OAuthClient` which makes the logins and the refreshes; nothing checks that it is. */
  readonly clientId: string
  /** Whose session, as the program calls the person. */
  readonly subject?: string | undefined
  readonly resource?: ReadonlyArray<string> | undefined
  readonly scope?: ReadonlyArray<string> | undefined
}

/**
 * One text for one key. It says whose session it is: for inside an entry, not
 * for its name.
 *
 * @since 0.1.0
 * @category encoding
 */
export const canonical = (key: SessionKey): string =>
  JSON.stringify([key.issuer, key.clientId, key.subject ?? null, setOf(key.resource), setOf(key.scope)])

/**
 * The name of the entry in a `SecretStore`: `effect-oauth.session.` and the
 * SHA-256 of the canonical key in base64url. Nothing of the key shows in it.
 *
 * @since 0.1.0
 * @category encoding
 */
export const name = (key: SessionKey): Effect.Effect<string> =>
  Effect.map(Text.sha256(canonical(key)), (digest) => `effect-oauth.session.${digest}`)

const setOf = (texts: ReadonlyArray<string> = []): ReadonlyArray<string> => [...new Set(texts)].sort()
