/** Endpoints that the test issuer does not have, and tokens of its that it does not make by itself. */
import * as Effect from "effect/Effect"
import type { Endpoint, RecordedRequest } from "effect-oauth-testing/RecordedRequest"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import type { TokenOverrides } from "effect-oauth-testing/TestToken"
import { issuer } from "./setup.js"

/** What an endpoint that nobody serves answers from now on. */
export const answers = (
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
  options?: { readonly times?: number }
) =>
  Effect.flatMap(TestIssuer.TestIssuer, (server) =>
    server.misbehave(
      "other",
      Misbehaviour.custom(() =>
        Effect.sync(
          () =>
            new Response(typeof body === "string" ? body : JSON.stringify(body), {
              status,
              headers: { "content-type": "application/json", ...headers }
            })
        )
      ),
      options
    )
  )

/** What was sent to endpoints that nobody serves. */
export const received: Effect.Effect<
  ReadonlyArray<RecordedRequest>,
  never,
  TestIssuer.TestIssuer
> = Effect.flatMap(TestIssuer.TestIssuer, (server) => server.requestsTo("other"))

/** The last of them, or of those to an endpoint. */
export const lastRequest = (
  endpoint: Endpoint
): Effect.Effect<RecordedRequest, never, TestIssuer.TestIssuer> =>
  Effect.flatMap(TestIssuer.TestIssuer, (server) =>
    Effect.flatMap(server.requestsTo(endpoint), (all) => {
      const last = all.at(-1)
      return last === undefined ? Effect.dieMessage("nothing came") : Effect.succeed(last)
    })
  )

export const lastReceived: Effect.Effect<RecordedRequest, never, TestIssuer.TestIssuer> = lastRequest("other")

/** A JWT of the issuer with these claims alone, besides `iss` and `iat`. */
export const jwt = (claims: Readonly<Record<string, unknown>>, more: TokenOverrides = {}) =>
  Effect.flatMap(TestIssuer.TestIssuer, (server) =>
    server.mintIdToken({
      ...more,
      claims: { sub: undefined, aud: undefined, exp: undefined, iss: issuer, ...claims }
    })
  )
