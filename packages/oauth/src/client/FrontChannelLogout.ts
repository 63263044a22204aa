/**
 * Logging out, told by the server through the browser.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Telemetry from "../http/Telemetry.js"
import { AuthorizationError } from "../protocol/OAuthError.js"
import * as AuthorizationResponse from "./internal/authorizationResponse.js"
import * as OAuthClient from "./OAuthClient.js"

/**
 * Reads the requests by which the server has a browser tell that its person
 * has logged out (OpenID Connect Front-Channel Logout 1.0).
 *
 * Nothing in such a request is signed: whoever can show the browser a page can
 * make one. Have the registration say `frontchannel_logout_session_required`,
 * so that only the right session identifier logs anybody out.
 *
 * @since 0.1.0
 * @category services
 */
export class FrontChannelLogout extends Context.Tag("effect-oauth/FrontChannelLogout")<
  FrontChannelLogout,
  FrontChannelLogout.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace FrontChannelLogout {
  /**
   * The session of the browser that the request came from.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Session {
    /** The `sid` of its ID token. */
    readonly sessionId?: string | undefined
    /** Whether the request must name the session (`frontchannel_logout_session_required`); true where `sessionId` is given. */
    readonly required?: boolean | undefined
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Checks the URL of a logout request, or its query, against the session:
     * no parameter twice; `iss` and `sid` both or neither, and both where
     * required; `iss` is the server, or one that it speaks for (`Quirks`); `sid` is that of the session (sections 2
     * and 3). Gives the `sid`. End the session when this succeeds, and answer
     * with `Cache-Control: no-store`.
     */
    readonly verify: (
      request: AuthorizationResponse.Response,
      session?: Session
    ) => Effect.Effect<Option.Option<string>, AuthorizationError>
  }
}

/**
 * Makes the service for the `OAuthClient` of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<FrontChannelLogout.Service, never, OAuthClient.OAuthClient> = Effect.map(
  OAuthClient.OAuthClient,
  (client): FrontChannelLogout.Service => ({
    verify: (request, { sessionId, required = sessionId !== undefined } = {}) =>
      Effect.gen(function* () {
        const parameters = yield* AuthorizationResponse.read(operation, request)
        const issuer = parameters.get("iss")
        const sid = parameters.get("sid")
        if ((issuer === undefined) !== (sid === undefined)) {
          return yield* refused(
            "malformed",
            "the request has one of iss and sid, and must have both or neither"
          )
        }
        if (issuer === undefined || sid === undefined) {
          return required
            ? yield* refused("malformed", "the request does not say which session has ended (iss and sid)")
            : Option.none()
        }
        if (issuer !== client.issuer && client.quirks?.issuers?.accepts(issuer) !== true) {
          return yield* refused(
            "issuer_mismatch",
            `the request comes from another server than ${client.issuer}`
          )
        }
        if (sessionId !== undefined && sid !== sessionId) {
          return yield* refused("state_mismatch", "the request is about another session than this one")
        }
        return Option.some(sid)
      }).pipe(Telemetry.flow(operation, { issuer: client.issuer, client_id: client.clientId }))
  })
)

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<FrontChannelLogout, never, OAuthClient.OAuthClient> = Layer.effect(
  FrontChannelLogout,
  make
)

const operation = "FrontChannelLogout.verify"

const refused = (reason: AuthorizationError["reason"], problem: string): AuthorizationError =>
  new AuthorizationError({ operation, reason, message: `${operation}: ${problem}.` })
