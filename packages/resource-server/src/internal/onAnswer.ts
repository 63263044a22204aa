/** What goes onto an answer that somebody else makes. */
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { AccessToken } from "../AccessToken.js"
import type { Authenticator } from "../Authenticator.js"

/** Puts headers on the answer, if it is the one that they are for. */
export const onAnswer = (
  headers: Readonly<Record<string, string>>,
  status?: number | undefined
): Effect.Effect<void> =>
  Object.keys(headers).length === 0
    ? Effect.void
    : HttpApp.appendPreResponseHandler((_request, response) =>
        Effect.succeed(
          status === undefined || response.status === status
            ? HttpServerResponse.setHeaders(response, headers)
            : response
        )
      )

/** What a principal who has proved a key is told beside the answer. */
export const told = (
  authenticator: Authenticator.Service,
  principal: AccessToken.Principal
): Effect.Effect<AccessToken.Principal> =>
  Option.isNone(principal.confirmation)
    ? Effect.succeed(principal)
    : Effect.as(Effect.flatMap(authenticator.headers(principal), onAnswer), principal)
