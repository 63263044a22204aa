/** What a session costs a program that has a token at hand. */
import * as SecretStore from "effect-oauth/SecretStore"
import * as TokenManager from "effect-oauth/TokenManager"
import * as TokenSource from "effect-oauth/TokenSource"
import * as TokenStore from "effect-oauth/TokenStore"
import type { TokenSet } from "effect-oauth/TokenSet"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { Group, Task } from "./harness.js"

const issuer = "https://issuer.example"

const tokens: TokenSet = {
  issuer,
  accessToken: Redacted.make("an access token"),
  tokenType: "Bearer",
  expiresAt: Option.some(Number.MAX_SAFE_INTEGER),
  scope: [],
  refreshToken: Option.none(),
  idToken: Option.none(),
  issuedTokenType: Option.none(),
  authorizationDetails: Option.none(),
  additional: Redacted.make({})
}

const Live = TokenManager.layer({
  key: { issuer, clientId: "service" },
  source: TokenSource.anew("bench", Effect.succeed(tokens))
}).pipe(Layer.provide(TokenStore.layer), Layer.provide(SecretStore.layerMemory))

/** Runs an effect so many times in one fiber. */
const inOneFiber = <A, E, R>(effect: Effect.Effect<A, E, R>, count: number): Effect.Effect<void, E, R> =>
  Effect.suspend(() => {
    let done = 0
    return Effect.whileLoop({
      while: () => done < count,
      body: () => effect,
      step: () => {
        done++
      }
    })
  })

/** `get` while a token is at hand, against an effect that is nothing but that token. */
export const make = (): { readonly groups: ReadonlyArray<Group>; readonly end: () => Promise<void> } => {
  const runtime = ManagedRuntime.make(Live)
  const given: Task = {
    name: "Effect.succeed",
    run: (count) => runtime.runPromise(inOneFiber(Effect.succeed(tokens), count))
  }
  const get: Task = {
    name: "effect-oauth",
    run: (count) =>
      runtime.runPromise(
        Effect.flatMap(TokenManager.TokenManager, (manager) => inOneFiber(manager.get, count))
      )
  }
  return {
    groups: [
      {
        name: "Token manager, get",
        clock: "undisturbed",
        tasks: [given, get],
        goals: { "effect-oauth": [{ of: "micros", most: 1 }] }
      }
    ],
    end: () => runtime.dispose()
  }
}
