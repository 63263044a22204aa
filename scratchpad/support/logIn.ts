import * as Authorization from "effect-oauth/Authorization"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as Effect from "effect/Effect"
import { walk } from "./userAgent.js"

/** Logs a person in as the client of the program, without a browser: where a login is only the beginning. */
export const logIn = (request: Authorization.Authorization.Request, person: string = "ada") =>
  Effect.gen(function* () {
    const authorization = yield* Authorization.Authorization
    const codeExchange = yield* CodeExchange.CodeExchange
    // Consent is what makes this server hand out a refresh token (OpenID Connect Core section 11).
    const { transaction, url } = yield* authorization.begin({ prompt: "consent", ...request })
    const { callback } = yield* walk(url, person)
    return yield* codeExchange.exchange(yield* authorization.complete(callback, transaction))
  })
