/**
 * Who acts for whom: the claims `act` and `may_act` (RFC 8693 section 4).
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

/**
 * A party that acts for the subject of a token (RFC 8693 section 4.1). Its
 * claims say who it is; times and audiences mean nothing in it. `act` is who
 * acted before it, which is told for information and never a reason to grant
 * or refuse.
 *
 * @since 0.1.0
 * @category models
 */
export interface Actor {
  readonly sub?: string
  readonly iss?: string
  readonly client_id?: string
  readonly act?: Actor
  readonly [claim: string]: unknown
}

/**
 * The most actors, one behind the other, that are read.
 *
 * @since 0.1.0
 * @category constants
 */
export const maximumDepth: number = 32

const identifying = ["sub", "iss", "client_id"]

/** One step after the other, so that a deeply nested claim costs no stack. */
const isActor = (value: unknown): value is Actor => {
  let actor = value
  for (let depth = 0; depth < maximumDepth; depth++) {
    if (!Predicate.isReadonlyRecord(actor) || Array.isArray(actor)) return false
    const claims = actor
    if (!identifying.every((name) => ofText(claims, name))) return false
    if (!Object.hasOwn(claims, "act")) return true
    actor = claims["act"]
  }
  return false
}

const ofText = (claims: Readonly<Record<string, unknown>>, name: string): boolean =>
  !Object.hasOwn(claims, name) || (typeof claims[name] === "string" && claims[name] !== "")

/**
 * An actor as a claim has it: an object, its identifying claims non-empty text,
 * at most `maximumDepth` actors behind each other.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Actor: Schema.Schema<Actor> = Schema.declare(isActor, {
  identifier: "Actor",
  description: "an actor (RFC 8693 section 4.1)"
})

/**
 * Both claims, for `JwtProfile.withClaims`: a token in which one of them is not
 * as it must be is then refused.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Claims: Schema.Struct<{
  act: Schema.optional<typeof Actor>
  may_act: Schema.optional<typeof Actor>
}> = Schema.Struct({ act: Schema.optional(Actor), may_act: Schema.optional(Actor) })

type Claimed = Readonly<Record<string, unknown>>

/**
 * Everyone who acts or acted for the subject, the present actor first: empty
 * where the subject acts alone, none where `act` is there and is not what it
 * must be. A token of which the chain cannot be read is not one of its subject
 * alone: refuse it.
 *
 * @since 0.1.0
 * @category accessors
 */
export const chain = (claims: Claimed): Option.Option<ReadonlyArray<Actor>> => {
  if (!Object.hasOwn(claims, "act")) return Option.some([])
  const actors: Array<Actor> = []
  for (let actor = claims["act"]; actor !== undefined;) {
    if (!isActor(actor)) return Option.none()
    actors.push(actor)
    actor = Object.hasOwn(actor, "act") ? actor["act"] : undefined
  }
  return actors.length === 0 ? Option.none() : Option.some(actors)
}

/**
 * The one who acts now. With `sub` of the token it is all that an API decides
 * by (RFC 8693 section 4.1).
 *
 * @since 0.1.0
 * @category accessors
 */
export const current = (claims: Claimed): Option.Option<Actor> =>
  Option.flatMap(chain(claims), ([first]) => Option.fromNullable(first))

/**
 * Whether `may_act` (RFC 8693 section 4.4) lets a party act for the subject:
 * none where the token does not say. The party must have every identifying
 * claim (`sub`, `iss`, `client_id`) that `may_act` has, and the same; a `may_act`
 * without any, or that is not an object, lets nobody.
 *
 * @since 0.1.0
 * @category accessors
 */
export const mayAct = (claims: Claimed, party: Claimed): Option.Option<boolean> => {
  if (!Object.hasOwn(claims, "may_act")) return Option.none()
  const allowed = claims["may_act"]
  if (!isActor(allowed)) return Option.some(false)
  const named = identifying.filter((name) => Object.hasOwn(allowed, name))
  return Option.some(
    named.length > 0 && named.every((name) => Object.hasOwn(party, name) && party[name] === allowed[name])
  )
}
