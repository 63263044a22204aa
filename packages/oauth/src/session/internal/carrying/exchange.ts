/** A request with a token, from the first try to the last: at most one for another nonce and one for another token. */
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { StepUpRequired } from "../../../protocol/OAuthError.js"
import type { TokenSet } from "../../../protocol/TokenSet.js"
import type { Carried, Carrier, Carry, CarryError } from "./carry.js"
import * as Refusal from "./refusal.js"
import { isReplayable, setAside } from "./replay.js"
import type { StepUps } from "./stepUps.js"

type Response = HttpClientResponse.HttpClientResponse

export interface Settings<E> {
  readonly tokens: {
    readonly get: Effect.Effect<TokenSet, E>
    readonly renew: (refused: Redacted.Redacted<string>) => Effect.Effect<TokenSet, E>
  }
  readonly carry: Carry
  /** None: what wants more of the person is a response like others. */
  readonly stepUps: StepUps | undefined
}

/** How long a token that was refused when it was new is not renewed. */
const patience = Duration.toMillis("30 seconds")

/** What was tried for a request already. */
interface Tried {
  readonly nonce: boolean
  readonly renewal: boolean
}

export const make = <E>({ carry, stepUps, tokens }: Settings<E>) => {
  // A resource that refuses whatever it is sent must not make a renewal of each request.
  let fruitless: { readonly token: string; readonly until: number } | undefined

  return <E1, R>(client: HttpClient.HttpClient.With<E1, R>) => {
    type Settled = Effect.Effect<
      Response,
      E1 | E | StepUpRequired | HttpClientError.HttpClientError | CarryError,
      R
    >

    return (request: HttpClientRequest.HttpClientRequest): Settled => {
      const again = (next: TokenSet, tried: Tried): Settled =>
        Effect.flatMap(carry(client, request, Effect.succeed(next)), (carried) => settle(carried, tried))

      const renew = (response: Response, by: Carrier, tried: Tried): Settled =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const token = Redacted.value(by.tokens.accessToken)
          if (tried.renewal) fruitless = { token, until: now + patience }
          const inVain =
            fruitless?.token === token && now < fruitless.until && fruitless.until <= now + patience
          if (inVain) return Effect.succeed(response)
          return Effect.flatMap(setAside(response), (kept): Settled => {
            const renewed = tokens.renew(by.tokens.accessToken)
            // The next request has another token then, even if this one cannot be sent again.
            if (!isReplayable(by.request.body)) return Effect.as(Effect.ignore(renewed), kept)
            return Effect.flatMap(renewed, (next) =>
              Redacted.value(next.accessToken) === token
                ? Effect.succeed(kept)
                : again(next, { ...tried, renewal: true })
            )
          })
        })

      const settle = ({ by, response }: Carried, tried: Tried): Settled => {
        const refusal = by === undefined ? Option.none() : Refusal.read(response)
        if (by === undefined || Option.isNone(refusal)) return Effect.succeed(response)
        switch (refusal.value._tag) {
          case "Token":
            return renew(response, by, tried)
          case "Nonce":
            return tried.nonce ||
              by.sent.headers["dpop"] === undefined ||
              response.headers["dpop-nonce"] === undefined ||
              !isReplayable(by.request.body)
              ? Effect.succeed(response)
              : Effect.zipRight(setAside(response), again(by.tokens, { ...tried, nonce: true }))
          case "StepUp": {
            const { reason, told } = refusal.value
            const { tokens: refused } = by
            if (stepUps === undefined) return Effect.succeed(response)
            const required = stepUps({
              reason,
              told,
              status: response.status,
              url: by.request.url,
              tokens: refused
            })
            // What the resource says beside its challenge is not told: the connection is let go of.
            return Effect.zipRight(setAside(response), Effect.flatMap(required, Effect.fail))
          }
        }
      }

      return Effect.flatMap(carry(client, request, tokens.get), (carried) => settle(carried, untried))
    }
  }
}

const untried: Tried = { nonce: false, renewal: false }
