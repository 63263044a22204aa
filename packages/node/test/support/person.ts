/** The person at the machine: sees what the login tells, opens its address, pastes, or gives up. */
import * as Browser from "effect-oauth-node/Browser"
import * as LoginPrompt from "effect-oauth-node/LoginPrompt"
import { LoginError } from "effect-oauth/OAuthError"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type * as Http from "./http.js"

/** What an authorization server would read from the address that the person opened. */
export interface Opened {
  readonly url: URL
  readonly redirectUri: string
  readonly state: string
}

export interface Person {
  readonly layer: Layer.Layer<Browser.Browser | LoginPrompt.LoginPrompt>
  readonly events: Array<LoginPrompt.LoginPrompt.Event>
  /** The address, once the login has shown it. */
  readonly opened: Effect.Effect<Opened>
  /** The page that the browser ended at. */
  readonly page: Effect.Effect<Http.Answer, Error>
  readonly enter: (text: string) => Effect.Effect<boolean>
  readonly giveUp: Effect.Effect<boolean>
  /** Whether the login reads what is entered, at this moment. */
  readonly isListening: () => boolean
}

/** `browse` is what the browser does with the address: where it ends, or none where there is no browser. */
export const make = (
  browse: (opened: Opened) => Option.Option<Effect.Effect<Http.Answer, Error>>
): Effect.Effect<Person> =>
  Effect.gen(function* () {
    const events: Array<LoginPrompt.LoginPrompt.Event> = []
    const opened = yield* Deferred.make<Opened>()
    const page = yield* Deferred.make<Http.Answer, Error>()
    const entered = yield* Queue.unbounded<Option.Option<string>>()
    let listening = false
    const gaveUp = new LoginError({ reason: "cancelled", operation: "test", message: "gave up" })

    const prompt: LoginPrompt.LoginPrompt.Service = {
      tell: (event) =>
        Effect.suspend(() => {
          events.push(event)
          if (event._tag !== "Started") return Effect.void
          const url = new URL(event.url)
          return Deferred.succeed(opened, {
            url,
            redirectUri: url.searchParams.get("redirect_uri") ?? "",
            state: url.searchParams.get("state") ?? ""
          })
        }),
      entered: Stream.unwrapScoped(
        Effect.acquireRelease(
          Effect.sync(() => {
            listening = true
            return Stream.mapEffect(
              Stream.fromQueue(entered),
              Option.match({ onNone: () => gaveUp, onSome: Effect.succeed })
            )
          }),
          () => Effect.sync(() => (listening = false))
        )
      )
    }
    const browser: Browser.Browser.Service = {
      open: () =>
        Effect.flatMap(Deferred.await(opened), (address) =>
          Option.match(browse(address), {
            onNone: () =>
              new LoginError({ reason: "no_browser", operation: "test", message: "No browser was opened." }),
            onSome: (visit) => Effect.asVoid(Effect.forkDaemon(Deferred.complete(page, visit)))
          })
        )
    }
    return {
      layer: Layer.merge(
        Layer.succeed(Browser.Browser, browser),
        Layer.succeed(LoginPrompt.LoginPrompt, prompt)
      ),
      events,
      opened: Deferred.await(opened),
      page: Deferred.await(page),
      enter: (text) => Queue.offer(entered, Option.some(text)),
      giveUp: Queue.offer(entered, Option.none()),
      isListening: () => listening
    }
  })
