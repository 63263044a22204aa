/** The policy by which published keys are kept. */
import * as Duration from "effect/Duration"

/**
 * How the keys of an issuer are kept.
 *
 * @since 0.1.0
 * @category models
 */
export interface Policy {
  /** How long keys are fresh, at most: a removed key is trusted no longer. 5 minutes. */
  readonly timeToLive: Duration.DurationInput
  /** How short `Cache-Control` may make that. 30 seconds. */
  readonly minTimeToLive: Duration.DurationInput
  /** How long the address of the keys is kept before discovery runs again. 1 hour. */
  readonly jwksUriTimeToLive: Duration.DurationInput
  /** How long after they were fresh keys still serve while they cannot be fetched. 1 hour. */
  readonly staleFor: Duration.DurationInput
  /** How long anyone waits for a fetch while such keys serve. 1 second. */
  readonly patience: Duration.DurationInput
  /** How many fetches may begin within the window before unknown names cause no more. 2. */
  readonly unknownKidFetches: number
  /** That window, and how long a name that was not found is not looked for again. 30 seconds. */
  readonly unknownKidWindow: Duration.DurationInput
  /** The first wait after a failed fetch; it doubles, with jitter, up to `maxBackOff`. 1 second. */
  readonly backOff: Duration.DurationInput
  /** The longest wait, also for a server that asks for more with `Retry-After`. 30 seconds. */
  readonly maxBackOff: Duration.DurationInput
  /** Refuse keys that are not on the origin of the issuer. false, since Google's and others' are not. */
  readonly sameOrigin: boolean
}

/**
 * The policy unless another is given.
 *
 * @since 0.1.0
 * @category constants
 */
export const defaultPolicy: Policy = {
  timeToLive: Duration.minutes(5),
  minTimeToLive: Duration.seconds(30),
  jwksUriTimeToLive: Duration.hours(1),
  staleFor: Duration.hours(1),
  patience: Duration.seconds(1),
  unknownKidFetches: 2,
  unknownKidWindow: Duration.seconds(30),
  backOff: Duration.seconds(1),
  maxBackOff: Duration.seconds(30),
  sameOrigin: false
}

/** A policy in milliseconds. */
export type Millis = { readonly [Name in Exclude<keyof Policy, "sameOrigin">]: number } & {
  readonly sameOrigin: boolean
}

/** What was left open filled in, in milliseconds. */
export const inMillis = (given: Partial<Policy>): Millis => {
  const millis = (name: Exclude<keyof Policy, "sameOrigin" | "unknownKidFetches">) =>
    Duration.toMillis(given[name] ?? defaultPolicy[name])
  return {
    timeToLive: millis("timeToLive"),
    minTimeToLive: millis("minTimeToLive"),
    jwksUriTimeToLive: millis("jwksUriTimeToLive"),
    staleFor: millis("staleFor"),
    patience: millis("patience"),
    unknownKidFetches: given.unknownKidFetches ?? defaultPolicy.unknownKidFetches,
    unknownKidWindow: millis("unknownKidWindow"),
    backOff: millis("backOff"),
    maxBackOff: millis("maxBackOff"),
    sameOrigin: given.sameOrigin ?? defaultPolicy.sameOrigin
  }
}
