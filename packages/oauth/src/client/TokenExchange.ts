/**
 * Token exchange.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Telemetry from "../http/Telemetry.js"
import * as GrantType from "../protocol/GrantType.js"
import { ProtocolViolation } from "../protocol/OAuthError.js"
import type { TokenSet } from "../protocol/TokenSet.js"
import * as TokenType from "../protocol/TokenType.js"
import type { Parameter } from "./ClientAuthentication.js"
import { list } from "./internal/list.js"
import * as RequestRules from "./internal/requestRules.js"
import * as OAuthClient from "./OAuthClient.js"
import * as ResourceTokens from "./ResourceTokens.js"
import * as TokenEndpoint from "./TokenEndpoint.js"

/**
 * Exchanges one token for another (RFC 8693): to call an API on behalf of
 * whoever the subject token stands for.
 *
 * @since 0.1.0
 * @category services
 */
export class TokenExchange extends Context.Tag("effect-oauth/TokenExchange")<
  TokenExchange,
  TokenExchange.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace TokenExchange {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Options {
    /** The token of the party on whose behalf the request is made. */
    readonly subjectToken: Redacted.Redacted<string>
    /** An access token unless given. */
    readonly subjectTokenType?: TokenType.TokenType | undefined
    /** Where the new token is to be used; sent one parameter each (section 2.1). */
    readonly resource?: string | ReadonlyArray<string> | undefined
    /** Logical names of where the new token is to be used; sent one parameter each. */
    readonly audience?: string | ReadonlyArray<string> | undefined
    readonly scope?: ReadonlyArray<string> | undefined
    readonly requestedTokenType?: TokenType.TokenType | undefined
    /** The token of the party that acts for the subject. */
    readonly actorToken?: Redacted.Redacted<string> | undefined
    /** An access token unless given; sent only beside an actor token. */
    readonly actorTokenType?: TokenType.TokenType | undefined
    /** Further parameters of the server's own. */
    readonly parameters?: Readonly<Record<string, string>> | undefined
  }

  /**
   * One of the resources of `exchangeEach`.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Target {
    readonly resource: string
    /** Instead of the scope of all. */
    readonly scope?: ReadonlyArray<string> | undefined
    /** Instead of the audience of all. */
    readonly audience?: string | ReadonlyArray<string> | undefined
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface EachOptions extends Omit<Options, "resource"> {
    /** Each gets a token of its own; one that is named twice is asked for once, as it was named first. */
    readonly resources: ReadonlyArray<string | Target>
    /** How many requests are under way at once; 4. */
    readonly concurrency?: number | undefined
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Sends one request. A subject or actor token with nothing in it, and a
     * resource that is no absolute URI or has a fragment, are refused before. The response must tell `issued_token_type` (section
     * 2.2.1), and it must be the type that was requested, where one was. The
     * issued token is `accessToken`, whatever its type; with `tokenType` `N_A` it
     * is not an access token.
     */
    readonly exchange: (options: Options) => Effect.Effect<TokenSet, TokenEndpoint.TokenEndpoint.RequestError>
    /**
     * Sends one request for each resource, several at once, and gathers what
     * comes of each: a failure is that of its resource alone, and the others
     * keep their tokens.
     */
    readonly exchangeEach: (options: EachOptions) => Effect.Effect<ResourceTokens.ResourceTokens>
  }
}

/**
 * Makes the service for the `OAuthClient` of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<TokenExchange.Service, never, OAuthClient.OAuthClient> = Effect.gen(
  function* () {
    const client = yield* OAuthClient.OAuthClient
    const tokenEndpoint = yield* TokenEndpoint.make

    const exchange: TokenExchange.Service["exchange"] = (options) =>
      Effect.gen(function* () {
        yield* check(options)
        const tokens = yield* tokenEndpoint.request({
          operation,
          grantType: GrantType.tokenExchange,
          parameters: parameters(options),
          scope: options.scope,
          extra: options.parameters
        })
        const issued = tokens.issuedTokenType
        if (Option.isNone(issued) || issued.value === "") {
          return yield* violation("missing", "RFC 8693 section 2.2.1: issued_token_type is required")
        }
        if (options.requestedTokenType !== undefined && issued.value !== options.requestedTokenType) {
          return yield* violation("mismatch", "the token issued is not of the requested_token_type")
        }
        return tokens
      }).pipe(Telemetry.flow(operation, { issuer: client.issuer, client_id: client.clientId }))

    return {
      exchange,
      exchangeEach: ({ concurrency = 4, resources, ...common }) => {
        const targets = new Map<string, TokenExchange.Target>()
        for (const one of resources) {
          const target = typeof one === "string" ? { resource: one } : one
          if (!targets.has(target.resource)) targets.set(target.resource, target)
        }
        return Effect.forEach(
          targets.values(),
          ({ audience = common.audience, resource, scope = common.scope }) =>
            Effect.map(
              Effect.either(exchange({ ...common, resource, audience, scope })),
              (result) => [resource, Exit.fromEither(result)] as const
            ),
          { concurrency: Math.max(1, Math.floor(concurrency) || 1) }
        ).pipe(Effect.map(ResourceTokens.make))
      }
    }
  }
)

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<TokenExchange, never, OAuthClient.OAuthClient> = Layer.effect(
  TokenExchange,
  make
)

const operation = "TokenExchange.exchange"

const check = (options: TokenExchange.Options): Effect.Effect<void, ProtocolViolation> =>
  Effect.gen(function* () {
    const rule = (member: string) => `RFC 8693 section 2.1: ${member} is a security token`
    yield* RequestRules.present(operation, "subject_token", options.subjectToken, rule("subject_token"))
    if (options.actorToken !== undefined) {
      yield* RequestRules.present(operation, "actor_token", options.actorToken, rule("actor_token"))
    }
    yield* RequestRules.resource(operation, list(options.resource))
  })

const parameters = (options: TokenExchange.Options): ReadonlyArray<Parameter> => {
  const form: Array<Parameter> = [
    ["subject_token", options.subjectToken],
    ["subject_token_type", options.subjectTokenType ?? TokenType.accessToken]
  ]
  for (const resource of list(options.resource)) form.push(["resource", resource])
  for (const audience of list(options.audience)) form.push(["audience", audience])
  if (options.requestedTokenType !== undefined)
    form.push(["requested_token_type", options.requestedTokenType])
  if (options.actorToken !== undefined) {
    form.push(["actor_token", options.actorToken])
    form.push(["actor_token_type", options.actorTokenType ?? TokenType.accessToken])
  }
  return form
}

const violation = (reason: ProtocolViolation["reason"], rule: string): ProtocolViolation =>
  new ProtocolViolation({
    operation,
    reason,
    member: "issued_token_type",
    rule,
    message: `The token exchange response is not valid: ${rule}.`
  })
