/** Asking the API of notes, and reading its answers. */
import { assert } from "@effect/vitest"
import * as BearerAuth from "effect-oauth-resource-server/BearerAuth"
import * as Challenge from "effect-oauth/Challenge"
import * as HttpLimits from "effect-oauth/HttpLimits"
import { TestIssuer } from "effect-oauth-testing/TestIssuer"
import type { AccessTokenOptions } from "effect-oauth-testing/TestToken"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Api, issuer, live, request, resource, serve } from "./api.js"

/** The line for the common case. No read is tried again, since the clock of a test stands still. */
export const protection = BearerAuth.layer(Api, { resource, issuer }).pipe(
  Layer.provide(HttpLimits.layer({ retries: 0 }))
)

export const api = serve(live(protection))

export const mint = (options: AccessTokenOptions = {}): Effect.Effect<string, never, TestIssuer> =>
  Effect.flatMap(TestIssuer, (server) => server.mintAccessToken(options))

export const ask = (path: string, authorization?: string, method = "GET") =>
  Effect.flatMap(api, (send) => send(request(path, { authorization, method })))

export const askWith = (path: string, options: AccessTokenOptions = {}, method = "GET") =>
  Effect.flatMap(mint(options), (token) => ask(path, `Bearer ${token}`, method))

/** The parameters of the only challenge of an answer, read by the parser of the toolkit. */
export const challengeOf = (response: Response): Record<string, string> => {
  const challenges = Challenge.parse(response.headers.get("www-authenticate") ?? "")
  assert.strictEqual(challenges.length, 1, "one challenge")
  assert.strictEqual(challenges[0]?.scheme, "Bearer")
  return Object.fromEntries(challenges[0]?.parameters ?? [])
}

export const bodyOf = (response: Response): Effect.Effect<unknown> => Effect.promise(() => response.json())
