/**
 * Calling other APIs in the name of the caller.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as FlightCache from "effect-oauth/FlightCache"
import * as OAuthClient from "effect-oauth/OAuthClient"
import { DiscoveryError } from "effect-oauth/OAuthError"
import * as ReplayStore from "effect-oauth/ReplayStore"
import * as ResourceTokens from "effect-oauth/ResourceTokens"
import type { TokenEndpoint } from "effect-oauth/TokenEndpoint"
import * as TokenExchange from "effect-oauth/TokenExchange"
import type { TokenSet } from "effect-oauth/TokenSet"
import { AccessToken } from "./AccessToken.js"

/**
 * Tokens for other resources, had by exchanging the token of the request under
 * way (RFC 8693): this API calls on as itself, in the name of its caller.
 *
 * @since 0.1.0
 * @category services
 */
export class DelegatedAccess extends Context.Tag("effect-oauth/DelegatedAccess")<
  DelegatedAccess,
  DelegatedAccess.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace DelegatedAccess {
  /**
   * Why a resource has no token. `issuer_mismatch`: the caller's token is of
   * another issuer than the one that would be asked; it was sent nowhere.
   *
   * @since 0.1.0
   * @category errors
   */
  export type Failure = TokenEndpoint.RequestError

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Request extends Omit<
    TokenExchange.TokenExchange.EachOptions,
    "subjectToken" | "subjectTokenType"
  > {}

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * A token for each resource, several asked for at once. What one resource
     * could not have does not take from the others; a resource that is named
     * twice is asked for once, as it was named first.
     *
     * A token is kept for the same caller, resource and options, until shortly
     * before it or the token of the caller expires, and no longer than
     * `timeToLive`; one whose expiry is not known is not kept. Requests at once
     * share one exchange. A failure is not kept.
     */
    readonly tokens: (
      request: Request
    ) => Effect.Effect<ResourceTokens.ResourceTokens<Failure>, never, AccessToken>
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Options {
    /** How long a token is kept at most, so that what a caller may do is asked about again. 5 minutes. */
    readonly timeToLive?: Duration.DurationInput | undefined
    /** How long before its expiry a token is not used any more. 30 seconds. */
    readonly leeway?: Duration.DurationInput | undefined
    /** How many tokens are kept, of all callers together. 10 000. */
    readonly maximum?: number | undefined
  }
}

/** A token, and until when it may be kept. */
interface Delegated {
  readonly tokens: TokenSet
  readonly until: number
}

/**
 * Makes the service of the client of the program: the client that exchanges is
 * this API, at the issuer of its callers.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: DelegatedAccess.Options = {}
): Effect.Effect<
  DelegatedAccess.Service,
  never,
  TokenExchange.TokenExchange | OAuthClient.OAuthClient | Scope.Scope
> =>
  Effect.gen(function* () {
    const client = yield* OAuthClient.OAuthClient
    const { exchange } = yield* TokenExchange.TokenExchange
    const longest = Duration.toMillis(options.timeToLive ?? "5 minutes")
    const leeway = Duration.toMillis(options.leeway ?? "30 seconds")
    const cache = yield* FlightCache.make<Delegated, DelegatedAccess.Failure>({
      maximum: options.maximum ?? 10_000,
      keepUntil: ({ until }, now) => Math.min(until, now + longest)
    })

    const one = (
      caller: AccessToken.Principal,
      wanted: Omit<TokenExchange.TokenExchange.Options, "subjectToken">
    ): Effect.Effect<TokenSet, DelegatedAccess.Failure> =>
      Effect.flatMap(keyOf(client, caller, wanted), (key) =>
        cache.get(
          key,
          Effect.map(exchange({ ...wanted, subjectToken: caller.token }), (tokens) => ({
            tokens,
            until: Math.min(lastUse(tokens, leeway), lastUseOf(caller))
          }))
        )
      ).pipe(Effect.map(({ tokens }) => tokens))

    return {
      tokens: ({ concurrency = 4, resources, ...common }) =>
        Effect.flatMap(AccessToken, (caller) =>
          Effect.forEach(
            targetsOf(resources),
            ({ audience = common.audience, resource, scope = common.scope }) =>
              Effect.map(
                Effect.exit(
                  caller.issuer === client.issuer
                    ? one(caller, { ...common, resource, audience, scope })
                    : ofAnother(client.issuer, caller.issuer)
                ),
                (exit) => [resource, exit] as const
              ),
            { concurrency: Math.max(1, Math.floor(concurrency) || 1) }
          )
        ).pipe(Effect.map(ResourceTokens.make))
    }
  })

/**
 * Tokens for other resources, by the client of the program.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options?: DelegatedAccess.Options
): Layer.Layer<DelegatedAccess, never, TokenExchange.TokenExchange | OAuthClient.OAuthClient> =>
  Layer.scoped(DelegatedAccess, make(options))

const targetsOf = (
  resources: DelegatedAccess.Request["resources"]
): Iterable<TokenExchange.TokenExchange.Target> => {
  const targets = new Map<string, TokenExchange.TokenExchange.Target>()
  for (const one of resources) {
    const target = typeof one === "string" ? { resource: one } : one
    if (!targets.has(target.resource)) targets.set(target.resource, target)
  }
  return targets.values()
}

/** All that an answer depends on: at which server, as whom, in whose name, for what. */
const keyOf = (
  { clientId, issuer }: OAuthClient.OAuthClient.Service,
  caller: AccessToken.Principal,
  wanted: Omit<TokenExchange.TokenExchange.Options, "subjectToken">
): Effect.Effect<string> =>
  ReplayStore.keyOf(
    "delegated",
    issuer,
    clientId,
    caller.issuer,
    Redacted.value(caller.token),
    wanted.actorToken === undefined ? "" : Redacted.value(wanted.actorToken),
    JSON.stringify([
      wanted.resource,
      wanted.audience,
      wanted.scope,
      wanted.requestedTokenType,
      wanted.actorTokenType,
      Object.entries(wanted.parameters ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
    ])
  )

/** A token of which the expiry is not known is not kept. */
const lastUse = ({ expiresAt }: TokenSet, leeway: number): number =>
  Option.match(expiresAt, { onNone: () => 0, onSome: (instant) => instant - leeway })

const lastUseOf = ({ expiresAt }: AccessToken.Principal): number =>
  Option.match(expiresAt, { onNone: () => Number.POSITIVE_INFINITY, onSome: (seconds) => seconds * 1000 })

const ofAnother = (expected: string, actual: string): Effect.Effect<never, DiscoveryError> =>
  new DiscoveryError({
    operation: "DelegatedAccess.tokens",
    reason: "issuer_mismatch",
    expected,
    actual,
    message:
      "DelegatedAccess.tokens: the caller's token is of another issuer than the one that would be asked. Have a client for each issuer (Tenants)."
  })
