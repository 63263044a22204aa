/**
 * Where assertions come from that this program does not sign itself.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type {
  DiscoveryError,
  JwtError,
  KeyringError,
  ProtocolViolation,
  TransportError
} from "../protocol/OAuthError.js"

/**
 * A source of signed assertions about who the program is: the identity that its
 * platform gives it. As `ClientAuthentication.assertion(source)` it authenticates
 * the client; as a subject token it is exchanged
 * (`TokenType.jwt`, RFC 8693 section 2.1).
 *
 * @since 0.1.0
 * @category models
 */
export interface AssertionSource<out R = never> {
  /**
   * The assertion of now, for an audience. Never kept: platforms rotate theirs.
   * Where the platform has fixed the audience, as in a projected file, it is not
   * looked at.
   */
  readonly assertion: (audience: string) => Effect.Effect<Redacted.Redacted<string>, SourceError, R>
}

/**
 * Why there is no assertion; for reasons of its own a source fails with a
 * `KeyringError`.
 *
 * @since 0.1.0
 * @category errors
 */
export type SourceError = DiscoveryError | KeyringError | JwtError | TransportError | ProtocolViolation

/**
 * A source of one's own.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <R = never>(assertion: AssertionSource<R>["assertion"]): AssertionSource<R> => ({
  assertion
})
