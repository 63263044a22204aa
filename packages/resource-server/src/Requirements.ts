/**
 * What a request needs beyond a good token: as a plain value, and as the
 * annotation of an endpoint or a group.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { AccessToken } from "./AccessToken.js"

/**
 * All that is given must be kept.
 *
 * @since 0.1.0
 * @category models
 */
export interface Requirements {
  /** All of these. */
  readonly scope?: ReadonlyArray<string> | undefined
  /**
   * What `authorization_details` (RFC 9396) must say; `someDetail` makes such a
   * rule from a schema.
   */
  readonly authorizationDetails?: ((details: ReadonlyArray<unknown>) => boolean) | undefined
  /** One of these, the preferred first (RFC 9470). A token without `acr` has none. */
  readonly acr?: ReadonlyArray<string> | undefined
  /** How long ago the person may have logged in (RFC 9470). A token without `auth_time` does not tell. */
  readonly maxAge?: Duration.DurationInput | undefined
  /** A rule of your own; what it does not let through is answered with 403. */
  readonly predicate?: ((principal: AccessToken.Principal) => boolean) | undefined
}

/**
 * The annotation that says what an endpoint needs. That of a group holds for
 * each of its endpoints, also where an endpoint has its own: both must be kept.
 * It is read by `BearerAuth`, and does nothing without it. A second annotation of
 * the same endpoint takes the place of the first, also by `annotateEndpoints`,
 * and an API as a whole cannot be annotated.
 *
 * @example
 * ```ts
 * import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
 * import { Requires } from "effect-oauth-resource-server/Requirements"
 *
 * HttpApiEndpoint.post("write", "/notes").annotate(Requires, { scope: ["notes:write"] })
 * ```
 *
 * @since 0.1.0
 * @category annotations
 */
export class Requires extends Context.Tag("effect-oauth/Requires")<Requires, Requirements>() {}

/**
 * The annotation that says that an endpoint without `BearerAuth` is meant to be
 * open, where others of its group are protected one by one.
 *
 * @since 0.1.0
 * @category annotations
 */
export class Open extends Context.Tag("effect-oauth/Open")<Open, true>() {}

/**
 * At least one of the authorization details decodes by the schema, which must
 * do so at once.
 *
 * @since 0.1.0
 * @category constructors
 */
export const someDetail = <A, I>(
  schema: Schema.Schema<A, I>
): ((details: ReadonlyArray<unknown>) => boolean) => {
  const decode = Schema.decodeUnknownOption(schema)
  return (details) => details.some((detail) => Option.isSome(decode(detail)))
}

const both = <A>(
  a: ((value: A) => boolean) | undefined,
  b: ((value: A) => boolean) | undefined
): ((value: A) => boolean) | undefined =>
  a === undefined ? b : b === undefined ? a : (value) => a(value) && b(value)

/**
 * The requirements of which both must be kept: every scope of either, an `acr`
 * that both name, the shorter age.
 *
 * @since 0.1.0
 * @category combining
 */
export const combine = (a: Requirements, b: Requirements): Requirements => ({
  scope: a.scope === undefined ? b.scope : [...new Set([...a.scope, ...(b.scope ?? [])])],
  acr: a.acr === undefined || b.acr === undefined ? (a.acr ?? b.acr) : common(a.acr, b.acr),
  maxAge:
    a.maxAge === undefined || b.maxAge === undefined
      ? (a.maxAge ?? b.maxAge)
      : Duration.min(a.maxAge, b.maxAge),
  authorizationDetails: both(a.authorizationDetails, b.authorizationDetails),
  predicate: both(a.predicate, b.predicate)
})

const common = (a: ReadonlyArray<string>, b: ReadonlyArray<string>) => b.filter((value) => a.includes(value))
