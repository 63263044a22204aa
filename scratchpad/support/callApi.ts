import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"

/** What a protected API answers to a token; a refusal is a failure. */
export const call = (url: string, token: Redacted.Redacted<string>) =>
  Effect.gen(function* () {
    const client = HttpClient.filterStatusOk(yield* HttpClient.HttpClient)
    const response = yield* client.execute(
      HttpClientRequest.get(url).pipe(HttpClientRequest.bearerToken(token))
    )
    return yield* response.text
  })
