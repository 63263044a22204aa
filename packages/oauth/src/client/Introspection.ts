/**
 * Token introspection.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Telemetry from "../http/Telemetry.js"
import * as Wire from "../http/Wire.js"
import * as JwtProfile from "../keys/JwtProfile.js"
import type { Parameter } from "./ClientAuthentication.js"
import * as FormRequest from "./internal/formRequest.js"
import * as Introspected from "./internal/introspected.js"
import { algorithms } from "./internal/algorithms.js"
import * as ServerJwt from "./internal/serverJwt.js"
import * as OAuthClient from "./OAuthClient.js"
import type { TokenEndpoint } from "./TokenEndpoint.js"

/**
 * Asks the server what a token is: whether it is good, whose it is and what it
 * allows (RFC 7662), if wished in an answer that the server signs (RFC 9701).
 *
 * @since 0.1.0
 * @category services
 */
export class Introspection extends Context.Tag("effect-oauth/Introspection")<
  Introspection,
  Introspection.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace Introspection {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Options {
    /** What kind of token it is, so that the server finds it sooner (section 2.1). */
    readonly tokenTypeHint?: "access_token" | "refresh_token" | (string & {}) | undefined
    /** Ask for a signed answer, and take no other (RFC 9701): evidence that can be kept. false. */
    readonly signed?: boolean | undefined
  }

  /**
   * What the server says of a token that is good (section 2.2). It is for the
   * caller to check that the token is meant for it: `audience`, `scope`, and
   * `cnf` among the claims where the token is bound to a key.
   *
   * @since 0.1.0
   * @category models
   */
  export type Active = Introspected.Active

  /**
   * @since 0.1.0
   * @category models
   */
  export type Inactive = Introspected.Inactive

  /**
   * @since 0.1.0
   * @category models
   */
  export type Result = Active | Inactive

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Sends the token once, authenticated as the client. The answer must be 200
     * with a boolean `active`, and every member of its type. A token whose `exp`
     * is past, or whose `nbf` is to come, by more than 30 seconds counts as not
     * active whatever the server says.
     *
     * A signed answer is verified against the server's keys: `typ`
     * `token-introspection+jwt`, `iss` the server, `aud` this client, `iat` not
     * older than 5 minutes (RFC 9701 section 5).
     */
    readonly introspect: (
      token: Redacted.Redacted<string>,
      options?: Options
    ) => Effect.Effect<Result, TokenEndpoint.RequestError>
  }
}

/**
 * Makes the service for the `OAuthClient` of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Introspection.Service, never, OAuthClient.OAuthClient> = Effect.gen(
  function* () {
    const client = yield* OAuthClient.OAuthClient
    const verifyJwt = yield* ServerJwt.makeVerifier(client)

    const verify = (response: Wire.WireResponse) =>
      Effect.gen(function* () {
        const metadata = yield* client.metadata
        const claims = yield* verifyJwt(
          operation,
          response,
          JwtProfile.introspection({
            issuer: client.issuer,
            audience: client.clientId,
            algorithms: algorithms(metadata.introspection_signing_alg_values_supported)
          })
        )
        return claims.token_introspection
      })

    return {
      introspect: (token, { signed = false, tokenTypeHint } = {}) =>
        Effect.gen(function* () {
          const parameters: Array<Parameter> = [["token", token]]
          if (tokenTypeHint !== undefined) parameters.push(["token_type_hint", tokenTypeHint])
          const { response, secrets } = yield* FormRequest.send(client, {
            operation,
            endpoint: "introspection_endpoint",
            parameters,
            accept: signed ? mediaType : "application/json"
          })
          const isSigned = ServerJwt.isMediaType(response, mediaType)
          if (response.status === 200 && isSigned) {
            return yield* Introspected.read(
              operation,
              yield* verify(response),
              yield* Clock.currentTimeMillis
            )
          }
          const body = yield* FormRequest.object(operation, response, secrets)
          if (response.status !== 200) {
            return yield* Effect.flatMap(Wire.statusError(operation, response), Effect.fail)
          }
          if (signed) return yield* ServerJwt.notSigned(operation, "RFC 9701 section 5")
          return yield* Introspected.read(operation, body, yield* Clock.currentTimeMillis)
        }).pipe(Telemetry.flow(operation, { issuer: client.issuer, client_id: client.clientId }))
    }
  }
)

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Introspection, never, OAuthClient.OAuthClient> = Layer.effect(
  Introspection,
  make
)

const operation = "Introspection.introspect"

const mediaType = "application/token-introspection+jwt"
