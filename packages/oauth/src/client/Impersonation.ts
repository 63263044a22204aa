/**
 * Acting as a user who is not there.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import type * as Scope from "effect/Scope"
import * as SingleFlight from "../http/SingleFlight.js"
import * as Telemetry from "../http/Telemetry.js"
import type { TokenSet } from "../protocol/TokenSet.js"
import * as TokenType from "../protocol/TokenType.js"
import * as ClientCredentials from "./ClientCredentials.js"
import { list } from "./internal/list.js"
import * as RequestRules from "./internal/requestRules.js"
import * as OAuthClient from "./OAuthClient.js"
import type * as TokenEndpoint from "./TokenEndpoint.js"
import * as TokenExchange from "./TokenExchange.js"

/**
 * Gets tokens of a user of whom the client has none, at a server that lets it
 * do so by policy: a token exchange (RFC 8693) whose subject token only names
 * the user, as Keycard's `substitute-user` does. What permits it is who the
 * client is, so it must be a client that authenticates.
 *
 * @since 0.1.0
 * @category services
 */
export class Impersonation extends Context.Tag("effect-oauth/Impersonation")<
  Impersonation,
  Impersonation.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace Impersonation {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Options {
    /** The user, as the server knows them: an address, an identifier. */
    readonly user: string
    /** Where the token is to be used; sent one parameter each. */
    readonly resource: string | ReadonlyArray<string>
    readonly scope?: ReadonlyArray<string> | undefined
    /**
     * The actor token: `none` (the default) leaves it out; `client` sends a token
     * of the client itself, which is got by client credentials and used again
     * until half a minute before it expires; or a token that is at hand.
     */
    readonly actor?: "none" | "client" | Redacted.Redacted<string> | undefined
    /** Further parameters of the server's own. */
    readonly parameters?: Readonly<Record<string, string>> | undefined
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Sends one request, after one for the actor token where one is needed. A
     * user or resource with nothing in it is refused before either: it must never
     * become an exchange in which nobody in particular is acted for. When the
     * actor token cannot be had, nothing is exchanged; when the server refuses an
     * exchange with a kept actor token, that is forgotten.
     */
    readonly impersonate: (
      options: Options
    ) => Effect.Effect<TokenSet, TokenEndpoint.TokenEndpoint.RequestError>
  }
}

/**
 * The subject token that names a user: a JWT of type `vnd.kc.su+jwt` without
 * signature, whose `sub` is the user. It proves nothing and is no secret;
 * it holds what may be personal, and so is `Redacted`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const substituteUserToken = (user: string): Redacted.Redacted<string> => {
  const header = Encoding.encodeBase64Url('{"typ":"vnd.kc.su+jwt","alg":"none"}')
  return Redacted.make(`${header}.${Encoding.encodeBase64Url(JSON.stringify({ sub: user }))}.`)
}

/**
 * Makes the service for the `OAuthClient` of the program; it keeps the client's
 * own token.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Impersonation.Service, never, OAuthClient.OAuthClient | Scope.Scope> =
  Effect.gen(function* () {
    const client = yield* OAuthClient.OAuthClient
    const tokenExchange = yield* TokenExchange.make
    const own = yield* ownToken

    return {
      impersonate: (options) =>
        Effect.gen(function* () {
          const { actor = "none", user } = options
          const resource = list(options.resource)
          yield* RequestRules.present(operation, "subject_token", user, "a user is named to be acted for")
          yield* RequestRules.present(operation, "resource", resource.join(""), "a resource is named")
          yield* RequestRules.resource(operation, resource)
          yield* RequestRules.scope(operation, options.scope)
          const exchange = tokenExchange.exchange({
            subjectToken: substituteUserToken(user),
            subjectTokenType: TokenType.substituteUser,
            resource,
            scope: options.scope,
            actorToken: actor === "none" ? undefined : actor === "client" ? yield* own.get : actor,
            parameters: options.parameters
          })
          return yield* Effect.tapErrorTag(exchange, "OAuthResponseError", (error) =>
            error.retriable ? Effect.void : own.forget
          )
        }).pipe(Telemetry.flow(operation, { issuer: client.issuer, client_id: client.clientId }))
    }
  })

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Impersonation, never, OAuthClient.OAuthClient> = Layer.scoped(
  Impersonation,
  make
)

const operation = "Impersonation.impersonate"

/** How long before its end a token is not used any more, in milliseconds. */
const margin = 30_000

/** The client's own token, got once for many and kept while it is valid; one of unknown lifetime is not kept. */
const ownToken = Effect.gen(function* () {
  const clientCredentials = yield* ClientCredentials.make
  const kept = yield* Ref.make(Option.none<TokenSet>())
  const flight = yield* SingleFlight.make(
    Effect.tap(clientCredentials.request(), (tokens) => Ref.set(kept, Option.some(tokens))),
    0
  )
  const usable = (tokens: TokenSet, now: number): boolean =>
    Option.exists(tokens.expiresAt, (expiresAt) => now < expiresAt - margin)
  return {
    get: Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const before = Option.filter(yield* Ref.get(kept), (tokens) => usable(tokens, now))
      return (Option.isSome(before) ? before.value : yield* flight.get).accessToken
    }),
    forget: Ref.set(kept, Option.none())
  }
})
