/**
 * Logs a person in at any server:
 *
 *   npm run login -- --issuer URL --client-id ID [--scope "openid ..."] [--port N] [--no-browser]
 *
 * `npm run demo -- --stay` keeps one running to try it on.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeLogin from "effect-oauth-node/NodeLogin"
import * as PkceLogin from "effect-oauth-node/PkceLogin"
import * as Scope from "effect-oauth/Scope"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { parseArgs } from "node:util"
import { iso, mask } from "./support/transcript.js"

const usage = `npm run login -- --issuer URL --client-id ID [--scope "openid ..."] [--port N] [--no-browser]

  --issuer      the issuer identifier of the server
  --client-id   a native client there, with the redirect URI http://127.0.0.1/callback
  --scope       openid unless given; offline_access for a refresh token
  --port        where the browser comes back to: any free port unless given
  --no-browser  only print the address
  --help        print this

"npm run demo -- --stay" keeps a server running to try it on.`

const options = {
  issuer: { type: "string" },
  "client-id": { type: "string" },
  scope: { type: "string", default: "openid" },
  port: { type: "string" },
  "no-browser": { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false }
} as const

const exitCodes = { denied: 3, timed_out: 4, cancelled: 130, failed: 1 }

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

const misused = (why: string) =>
  Effect.zipRight(
    Console.error(`${why}\n\n${usage}`),
    Effect.sync(() => (process.exitCode = 2))
  )

const login = Effect.gen(function* () {
  const given = yield* Effect.either(Effect.try(() => parseArgs({ options }).values))
  if (Either.isLeft(given)) return yield* misused(messageOf(given.left.error))
  const values = given.right
  if (values.help) return yield* Console.log(usage)
  const { "client-id": clientId, issuer } = values
  if (!issuer || !clientId) return yield* misused("--issuer and --client-id are needed.")
  const scope = values.scope.split(" ").filter((token) => token !== "")
  const { idToken, tokens } = yield* PkceLogin.login({
    issuer,
    clientId,
    scope,
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
