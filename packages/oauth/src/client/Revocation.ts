/**
 * Token revocation.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Telemetry from "../http/Telemetry.js"
import * as Wire from "../http/Wire.js"
import type { TokenSet } from "../protocol/TokenSet.js"
import type { Parameter } from "./ClientAuthentication.js"
import * as FormRequest from "./internal/formRequest.js"
import { checkOwn } from "./internal/ownTokens.js"
import * as OAuthClient from "./OAuthClient.js"
import type { TokenEndpoint } from "./TokenEndpoint.js"

/**
 * Tells the server that a token is not needed any more (RFC 7009).
 *
 * @since 0.1.0
 * @category services
 */
export class Revocation extends Context.Tag("effect-oauth/Revocation")<Revocation, Revocation.Service>() {}

/**
 * @since 0.1.0
 */
export declare namespace Revocation {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Options {
    /** What kind of token it is, so that the server finds it sooner (section 2.1). */
    readonly tokenTypeHint?: "access_token" | "refresh_token" | (string & {}) | undefined
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Revokes one token. 200 means that the server does not accept it any more,
     * also when it never knew it (section 2.2); what the body says does not
     * matter. Fails with `OAuthResponseError`, `unsupported_token_type` where the
     * server does not revoke tokens of this kind, and, after a 503, with an error
     * that is `retriable` and has `retryAfter`: the token must be taken to be
     * good still (section 2.2.1). Sent once.
     */
    readonly revoke: (
      token: Redacted.Redacted<string>,
      options?: Options
    ) => Effect.Effect<void, TokenEndpoint.RequestError>
    /**
     * Revokes a token set at the server that issued it: the refresh token, with
     * which the access tokens of the grant go where the server can do that, and
     * then the access token. A server that does not revoke access tokens
     * (`unsupported_token_type`), or does not know this one any more since it
     * went with the grant (`invalid_token`, which Google says where section 2.2
     * has 200), is no failure where there was a refresh token.
     */
    readonly revokeAll: (tokens: TokenSet) => Effect.Effect<void, TokenEndpoint.RequestError>
  }
}

/**
 * Makes the service for the `OAuthClient` of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Revocation.Service, never, OAuthClient.OAuthClient> = Effect.map(
  OAuthClient.OAuthClient,
  (client): Revocation.Service => {
    const attributes = { issuer: client.issuer, client_id: client.clientId }

    const send = (
      operation: string,
      token: Redacted.Redacted<string>,
      { tokenTypeHint }: Revocation.Options
    ) =>
      Effect.gen(function* () {
        const parameters: Array<Parameter> = [["token", token]]
        if (tokenTypeHint !== undefined) parameters.push(["token_type_hint", tokenTypeHint])
        const { response, secrets } = yield* FormRequest.send(client, {
          operation,
          endpoint: "revocation_endpoint",
          parameters
        })
        if (response.status === 200) return
        yield* FormRequest.object(operation, response, secrets)
        return yield* Effect.flatMap(Wire.statusError(operation, response), Effect.fail)
      })

    return {
      revoke: (token, options = {}) =>
        send("Revocation.revoke", token, options).pipe(Telemetry.flow("Revocation.revoke", attributes)),
      revokeAll: (tokens) =>
        Effect.gen(function* () {
          const operation = "Revocation.revokeAll"
          yield* checkOwn(client, operation, tokens)
          const access = send(operation, tokens.accessToken, { tokenTypeHint: "access_token" })
          if (Option.isNone(tokens.refreshToken)) return yield* access
          yield* send(operation, tokens.refreshToken.value, { tokenTypeHint: "refresh_token" })
          yield* Effect.catchIf(
            access,
            (error) => error._tag === "OAuthResponseError" && goneOrLeft.includes(error.error),
            () => Effect.void
          )
        }).pipe(Telemetry.flow("Revocation.revokeAll", attributes))
    }
  }
)

/** Errors of a server that has revoked the grant: the access token is gone with it, or expires by itself. */
const goneOrLeft = ["invalid_token", "unsupported_token_type"]

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Revocation, never, OAuthClient.OAuthClient> = Layer.effect(Revocation, make)
