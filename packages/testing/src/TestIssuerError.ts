/**
 * How a test issuer fails its caller.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * The connection was refused, or broke before the answer was whole. A program
 * under test sees it as a `RequestError` of its `HttpClient`.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectionBroken extends Data.TaggedError("ConnectionBroken")<{ readonly message: string }> {}

/**
 * An authorization request that ended on a page of the server instead of a
 * redirect to the client: unknown client, foreign redirect URI, or misbehaviour.
 *
 * @since 0.1.0
 * @category errors
 */
export class NoCallback extends Data.TaggedError("NoCallback")<{
  readonly message: string
  readonly status: number
}> {}
