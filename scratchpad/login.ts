/**
 * Logs a person in at any server:
 *
 *   npm run login -- --issuer URL --client-id ID [--scope "openid ..."] [--port N] [--no-browser]
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeLogin from "effect-oauth-node/NodeLogin"
import * as PkceLogin from "effect-oauth-node/PkceLogin"
import * as Scope from "effect-oauth/Scope"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { parseArgs } from "node:util"
import { iso, mask } from "./support/transcript.js"

const usage = `npm run login -- --issuer URL --client-id ID [--scope "openid ..."] [--port N] [--no-browser]`

const { values } = parseArgs({
  options: {
    issuer: { type: "string" },
    "client-id": { type: "string" },
    scope: { type: "string", default: "openid" },
    port: { type: "string" },
    "no-browser": { type: "boolean", default: false }
  }
})

const exitCodes = { denied: 3, timed_out: 4, cancelled: 130, failed: 1 }

const login = Effect.gen(function* () {
  const issuer = values.issuer
  const clientId = values["client-id"]
  if (issuer === undefined || clientId === undefined) {
    yield* Console.error(usage)
    return yield* Effect.sync(() => (process.exitCode = 2))
  }
  const scope = values.scope.split(" ").filter((token) => token !== "")
  const { idToken, tokens } = yield* PkceLogin.login({
    issuer,
    clientId,
    scope,
    // OpenID Connect Core section 11: a server ignores offline_access without the person's consent.
    prompt: scope.includes("offline_access") ? "consent" : undefined,
    openBrowser: !values["no-browser"],
    callback: values.port === undefined ? undefined : { port: Number(values.port) }
  })
  yield* Console.log(
    `person     ${Option.match(idToken, { onNone: () => "not told (scope openid was not asked for)", onSome: ({ claims }) => claims.sub })}`
  )
  const missing = Scope.missing(scope, tokens.scope)
  yield* Console.log(
    `scope      ${tokens.scope.join(" ")}${missing.length === 0 ? "" : ` (not granted: ${missing.join(" ")})`}`
  )
  yield* Console.log(`access     ${mask(tokens.accessToken)}`)
  yield* Console.log(
    `refresh    ${tokens.refreshToken.pipe(
      Option.map(mask),
      Option.getOrElse(() => "none")
    )}`
  )
  yield* Console.log(
    `expires    ${Option.match(tokens.expiresAt, { onNone: () => "not told", onSome: iso })}`
  )
}).pipe(
  Effect.catchAll((error) =>
    Effect.zipRight(
      Console.error(`${error.message}`),
      Effect.sync(() => (process.exitCode = exitCodes[PkceLogin.ending(error)]))
    )
  )
)

login.pipe(Effect.provide(NodeLogin.layer), NodeRuntime.runMain)
