import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as HttpLimits from "effect-oauth/HttpLimits"
import type { TransportError } from "effect-oauth/OAuthError"
import * as Wire from "effect-oauth/Wire"
import { Origin } from "./Origin.js"

/** What the contract is about: some `HttpClient`, and a server that it reaches. */
export type Subject = Layer.Layer<Origin | HttpClient.HttpClient>

/** Waits between tries are short, since these tests run on the real clock. */
const limits = { maxRetryDelay: Duration.millis(5) }

/** A wire under limits of its own, and the server. */
export const setup = (
  own: Parameters<typeof HttpLimits.layer>[0] = {}
): Effect.Effect<Wire.Wire & { readonly origin: Origin.Service }, never, HttpClient.HttpClient | Origin> =>
  Effect.gen(function* () {
    const wire = yield* Effect.provide(Wire.make, HttpLimits.layer({ ...limits, ...own }))
    return { ...wire, origin: yield* Origin }
  })

/** A grant with secrets in its header and its body. */
export const grant = (url: string): HttpClientRequest.HttpClientRequest =>
  HttpClientRequest.post(url).pipe(
    HttpClientRequest.setHeader("authorization", "Basic canary-authorization"),
    HttpClientRequest.bodyText("client_secret=canary-secret", "application/x-www-form-urlencoded")
  )

/** The failure of an exchange, which is for this reason. */
export const fails = <A>(
  exchange: Effect.Effect<A, TransportError>,
  reason: TransportError["reason"]
): Effect.Effect<TransportError> =>
  Effect.matchEffect(exchange, {
    onSuccess: () => Effect.sync(() => assert.fail(`succeeded, where ${reason} was expected`)),
    onFailure: (error) => {
      assert.strictEqual(error.reason, reason, error.message)
      return Effect.succeed(error)
    }
  })
