/** Requests to an MCP server that find out by themselves what token they need. */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as Discovery from "effect-oauth/Discovery"
import type { OAuthError, StepUpRequired } from "effect-oauth/OAuthError"
import * as OAuthHttpClient from "effect-oauth/OAuthHttpClient"
import type * as TokenManager from "effect-oauth/TokenManager"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import type { UserAgentFailed } from "../support/userAgent.js"
import * as Needs from "./needs.js"
import type { Send } from "./rpc.js"

/** Somebody who has tokens for the server, and may be able to get better ones. */
export interface Session {
  readonly tokens: TokenManager.TokenManager.Service
  readonly stepUp: (wanted: StepUpRequired) => Effect.Effect<void, OAuthError | UserAgentFailed>
}

export type Failure = OAuthError | UserAgentFailed | HttpClientError.HttpClientError

/**
 * The first 401 begins the session: what it asks for is found, `begin` gets tokens for it, and from then on requests carry
 * them. Where the server wants more (403), `stepUp` is asked, once for a request.
 */
export const make = <E, R>(url: string, begin: (needs: Needs.Needs) => Effect.Effect<Session, E, R>) =>
  Effect.gen(function* () {
    const http = yield* HttpClient.HttpClient
    const context = yield* Effect.context<R | Discovery.Discovery | HttpClient.HttpClient>()
    const current = yield* Ref.make(Option.none<Send<Failure>>())
    const turn = yield* Effect.makeSemaphore(1)

    const connect = (challenge: string | undefined) =>
      Effect.gen(function* () {
        const needs = yield* Needs.find(url, challenge)
        const session = yield* begin(needs)
        const client = yield* OAuthHttpClient.make({ tokens: session.tokens, resources: [needs.resource] })
        const send: Send<Failure> = (request) =>
          Effect.catchTag(client.execute(request), "StepUpRequired", (wanted) =>
            wanted.repeated ? wanted : Effect.zipRight(session.stepUp(wanted), client.execute(request))
          )
        yield* Ref.set(current, Option.some(send))
        return send
      }).pipe(Effect.provide(context))

    const send: Send<Failure | E> = (request) =>
      Effect.gen(function* () {
        const known = yield* Ref.get(current)
        if (Option.isSome(known)) return yield* known.value(request)
        const response = yield* http.execute(request)
        if (response.status !== 401) return response
        const connected = Effect.flatMap(Ref.get(current), (made) =>
          Option.isSome(made) ? Effect.succeed(made.value) : connect(response.headers["www-authenticate"])
        )
        return yield* (yield* turn.withPermits(1)(connected))(request)
      })
    return send
  })
