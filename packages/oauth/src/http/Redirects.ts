/**
 * What is known of a client about redirects.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Predicate from "effect/Predicate"

const mark: unique symbol = Symbol.for("effect-oauth/Redirects/neverFollowed")

/**
 * Says of a client that it never follows a redirect by itself, so that
 * `OAuthHttpClient` need not tell it for every request. Only to be said of a
 * client of which it is true: one that follows takes the token along. A client
 * that is made of this one is not known to be like it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const neverFollowed = <E, R>(
  client: HttpClient.HttpClient.With<E, R>
): HttpClient.HttpClient.With<E, R> => Object.assign(client, { [mark]: client })

/**
 * Whether it was said so of this very client.
 *
 * @since 0.1.0
 * @category predicates
 */
export const areNeverFollowed = (client: object): boolean =>
  // Copies, proxies and what inherits from it have the mark as well: of another client.
  Predicate.hasProperty(client, mark) && client[mark] === client
