/**
 * The people of a test issuer, and what they decide.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"

/**
 * A person with an account.
 *
 * @since 0.1.0
 * @category models
 */
export interface TestUser {
  readonly sub: string
  /** What userinfo answers beside `sub`: `name`, `email`, ... */
  readonly claims?: Readonly<Record<string, unknown>>
}

/**
 * What the scripted person does when asked for authorization.
 *
 * @since 0.1.0
 * @category models
 */
export type Decision =
  | {
      readonly _tag: "Consent"
      readonly sub: string | undefined
      readonly scope: ReadonlyArray<string> | undefined
      readonly authenticated: Duration.DurationInput | undefined
    }
  | { readonly _tag: "Fail"; readonly error: string; readonly description: string | undefined }

/**
 * Logs in and agrees.
 *
 * `sub` names the user (default: the first one), `scope` grants less than was
 * asked for, `authenticated` is how long ago the login happened (for `max_age`).
 *
 * @since 0.1.0
 * @category constructors
 */
export const consent = (options?: {
  readonly sub?: string
  readonly scope?: ReadonlyArray<string>
  readonly authenticated?: Duration.DurationInput
}): Decision => ({
  _tag: "Consent",
  sub: options?.sub,
  scope: options?.scope,
  authenticated: options?.authenticated
})

/**
 * Refuses: the client is told `access_denied` (RFC 6749 section 4.1.2.1).
 *
 * @since 0.1.0
 * @category constructors
 */
export const deny: Decision = {
  _tag: "Fail",
  error: "access_denied",
  description: "The resource owner denied the request"
}

/**
 * Another error is sent back: `login_required`, `server_error`, ...
 *
 * @since 0.1.0
 * @category constructors
 */
export const fail = (error: string, description?: string): Decision => ({ _tag: "Fail", error, description })
