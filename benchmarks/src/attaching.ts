/** What a token that is at hand adds to a request: through a client in memory, bare and with `OAuthHttpClient`. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as OAuthHttpClient from "effect-oauth/OAuthHttpClient"
import type { TokenSet } from "effect-oauth/TokenSet"
import * as Redirects from "effect-oauth/Redirects"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { Goal, Group } from "./harness.js"

const tokens: TokenSet = {
  issuer: "https://issuer.example",
  accessToken: Redacted.make("a".repeat(800)),
  tokenType: "Bearer",
  expiresAt: Option.none(),
  scope: [],
  refreshToken: Option.none(),
  idToken: Option.none(),
  issuedTokenType: Option.none(),
  authorizationDetails: Option.none(),
  additional: Redacted.make({})
}
const atHand = Effect.succeed(tokens)

const answer = new Response(null, { status: 204 })
/** Without the span that every request makes, which would be most of what is measured. */
const makeMemory = () =>
  HttpClient.make((request) => Effect.succeed(HttpClientResponse.fromWeb(request, answer))).pipe(
    HttpClient.withTracerDisabledWhen(() => true)
  )
const memory = makeMemory()
/** As `NodeHttp.layer` makes its own. */
const staying = Redirects.neverFollowed(makeMemory())

const request = HttpClientRequest.get("https://api.example/v1/notes/42")

const send = <E>(client: HttpClient.HttpClient.With<E>, count: number): Effect.Effect<void, E> =>
  Effect.suspend(() => {
    let done = 0
    return Effect.whileLoop({
      while: () => done < count,
      body: () => client.execute(request),
      step: () => {
        done++
      }
    })
  })

const manual = Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" as const })

const goals: ReadonlyArray<Goal> = [{ of: "added", most: 3 }]

export const attaching = async (): Promise<Group> => {
  const carrying = await Effect.runPromise(
    OAuthHttpClient.transform({
      tokens: { get: atHand, renew: () => atHand },
      resources: ["https://api.example/v1"]
    })
  )
  const ours = carrying(memory)
  const oursStaying = carrying(staying)
  return {
    name: "Attaching a token",
    clock: "undisturbed",
    tasks: [
      { name: "HttpClient", run: (count) => Effect.runPromise(send(memory, count)) },
      { name: "effect-oauth, NodeHttp", run: (count) => Effect.runPromise(send(oursStaying, count)) },
      { name: "effect-oauth, fetch", run: (count) => Effect.runPromise(send(ours, count)) },
      {
        name: "effect-oauth, fetch, redirects manual in the program",
        run: (count) => Effect.runPromise(manual(send(ours, count)))
      }
    ],
    goals: {
      "effect-oauth, NodeHttp": goals,
      "effect-oauth, fetch": goals,
      "effect-oauth, fetch, redirects manual in the program": goals
    }
  }
}
