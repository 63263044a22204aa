/** What every program pays that makes a request with Effect's own HttpClient. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"

const program = Effect.gen(function* () {
  const response = yield* HttpClient.get(location.href)
  return yield* response.json
})

void Effect.runPromise(Effect.provide(program, FetchHttpClient.layer)).then(console.log)
