/**
 * What came of asking for the tokens of several resources.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { ProtocolViolation } from "../protocol/OAuthError.js"
import * as Text from "../protocol/Text.js"
import type { TokenSet } from "../protocol/TokenSet.js"
import type { TokenEndpoint } from "./TokenEndpoint.js"

/**
 * A token or a typed failure for each of several resources: what one resource
 * could not have does not take from the others.
 *
 * @since 0.1.0
 * @category models
 */
export interface ResourceTokens<out E = TokenEndpoint.RequestError> {
  /** `success`: every resource has its token; `error`: none has; `partial_error`: some have. */
  readonly status: "success" | "partial_error" | "error"
  /** The resources that have a token, in the order in which they were asked for. */
  readonly successful: ReadonlyArray<string>
  /** The resources that have none. */
  readonly failed: ReadonlyArray<string>
  /**
   * The token of a resource, or its own failure; a `ProtocolViolation` with
   * reason `missing` for a resource that was not asked for.
   */
  readonly token: (resource: string) => Effect.Effect<TokenSet, E | ProtocolViolation>
  /** Why a resource has no token. */
  readonly error: (resource: string) => Option.Option<E>
  /** What came of each. */
  readonly exits: ReadonlyMap<string, Exit.Exit<TokenSet, E>>
}

/**
 * Makes it of what came of each resource; the last of a resource counts.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <E>(
  results: Iterable<readonly [resource: string, exit: Exit.Exit<TokenSet, E>]>
): ResourceTokens<E> => {
  const exits = new Map(results)
  const successful = [...exits].filter(([, exit]) => Exit.isSuccess(exit)).map(([resource]) => resource)
  const failed = [...exits.keys()].filter((resource) => !successful.includes(resource))
  return {
    status: failed.length === 0 ? "success" : successful.length === 0 ? "error" : "partial_error",
    successful,
    failed,
    token: (resource): Effect.Effect<TokenSet, E | ProtocolViolation> =>
      exits.get(resource) ?? Effect.fail(notAskedFor(resource)),
    error: (resource) => {
      const exit = exits.get(resource)
      return exit !== undefined && Exit.isFailure(exit) ? Cause.failureOption(exit.cause) : Option.none()
    },
    exits
  }
}

/**
 * Both together; where both have a resource, what came of it in the second.
 *
 * @since 0.1.0
 * @category combining
 */
export const merge = <E, E2>(first: ResourceTokens<E>, second: ResourceTokens<E2>): ResourceTokens<E | E2> =>
  make<E | E2>([...first.exits, ...second.exits])

const notAskedFor = (resource: string): ProtocolViolation =>
  new ProtocolViolation({
    operation: "ResourceTokens.token",
    reason: "missing",
    member: "resource",
    rule: "a token is there for each resource that was asked for",
    message: `ResourceTokens.token: no token was asked for ${JSON.stringify(Text.sanitize(resource))}. Name it among the resources.`
  })
