/**
 * The SAML 2.0 bearer grant.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Telemetry from "../http/Telemetry.js"
import * as GrantType from "../protocol/GrantType.js"
import type { ProtocolViolation } from "../protocol/OAuthError.js"
import type { TokenSet } from "../protocol/TokenSet.js"
import { list } from "./internal/list.js"
import * as RequestRules from "./internal/requestRules.js"
import * as OAuthClient from "./OAuthClient.js"
import * as TokenEndpoint from "./TokenEndpoint.js"

/**
 * Gets a token for a SAML 2.0 assertion (RFC 7522 section 2.1).
 *
 * The assertion is opaque here: neither its XML nor its signature is looked at,
 * which is for the server to judge. It goes out in base64url, without padding
 * and line breaks.
 *
 * @since 0.1.0
 * @category services
 */
export class Saml2Bearer extends Context.Tag("effect-oauth/Saml2Bearer")<
  Saml2Bearer,
  Saml2Bearer.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace Saml2Bearer {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Options {
    /** The XML of one assertion, as it was signed and not encoded; not the response that it came in. */
    readonly assertion: Redacted.Redacted<string>
    readonly scope?: ReadonlyArray<string> | undefined
    /** The resources that the token is for; sent one parameter each (RFC 8707 section 2.2). */
    readonly resource?: string | ReadonlyArray<string> | undefined
    /** Further parameters of the server's own. */
    readonly parameters?: Readonly<Record<string, string>> | undefined
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Sends one request. What does not begin as XML does, such as an assertion
     * that is encoded already, is refused before.
     */
    readonly request: (options: Options) => Effect.Effect<TokenSet, TokenEndpoint.TokenEndpoint.RequestError>
  }
}

/**
 * Makes the service for the `OAuthClient` of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Saml2Bearer.Service, never, OAuthClient.OAuthClient> = Effect.gen(
  function* () {
    const client = yield* OAuthClient.OAuthClient
    const tokenEndpoint = yield* TokenEndpoint.make

    return {
      request: (options) =>
        Effect.gen(function* () {
          const resource = list(options.resource)
          const assertion = yield* encode(options.assertion)
          yield* RequestRules.resource(operation, resource)
          return yield* tokenEndpoint.request({
            operation,
            grantType: GrantType.saml2Bearer,
            parameters: [["assertion", assertion], ...resource.map((one) => ["resource", one] as const)],
            scope: options.scope,
            extra: options.parameters
          })
        }).pipe(Telemetry.flow(operation, { issuer: client.issuer, client_id: client.clientId }))
    }
  }
)

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Saml2Bearer, never, OAuthClient.OAuthClient> = Layer.effect(Saml2Bearer, make)

const operation = "Saml2Bearer.request"

const encode = (
  assertion: Redacted.Redacted<string>
): Effect.Effect<Redacted.Redacted<string>, ProtocolViolation> => {
  const xml = Redacted.value(assertion)
  return /^\uFEFF?\s*</.test(xml)
    ? Effect.succeed(Redacted.make(Encoding.encodeBase64Url(xml)))
    : RequestRules.refuse(
        operation,
        "assertion",
        "RFC 7522 section 2.1: assertion is one SAML 2.0 assertion in base64url",
        "the assertion is not XML; give the text of the assertion, which is encoded here"
      )
}
