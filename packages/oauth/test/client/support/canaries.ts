/** Secrets that must not come out, and a server that tempts the toolkit to let them. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import type { RecordedRequest } from "effect-oauth-testing/RecordedRequest"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import { generateKeyPairSync } from "node:crypto"
import { inspect } from "node:util"
import * as Inspected from "../../http/support/inspected.js"
import { capturing } from "../../http/support/telemetry.js"

export const clientSecret = "canary-client-secret+%&/ä"
export const accessToken = "canary-access-token-7f3a9c"
export const refreshToken = "canary-refresh-token-5b81e2"
export const vendorSecret = "canary-vendor-secret-90ab34"
export const subjectToken = "canary-subject-token-11dd77"
export const actorToken = "canary-actor-token-66ee22"

/** A private key, whose every line is a canary. */
export const pem = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
  type: "pkcs8",
  format: "pem"
})
const pemLines = String(pem)
  .split("\n")
  .filter((line) => line.length > 20 && !line.includes("-----"))

const fixed = [clientSecret, accessToken, refreshToken, vendorSecret, subjectToken, actorToken, ...pemLines]

const secretParameters = [
  "client_secret",
  "client_assertion",
  "code",
  "code_verifier",
  "refresh_token",
  "subject_token",
  "actor_token",
  "token",
  "assertion",
  "device_code",
  "auth_req_id",
  "client_notification_token",
  "login_hint_token",
  "user_code",
  "state",
  "nonce"
]

/** What was sent in confidence, in every shape it had. */
const ofRequest = ({ form, headers, url }: RecordedRequest): ReadonlyArray<string> => {
  const authorization = headers["authorization"]?.replace(/^\w+ /, "") ?? ""
  const credentials = [authorization, headers["dpop"] ?? "", Encoding.decodeBase64String(authorization)]
  return [
    ...secretParameters.flatMap((name) => [...form.getAll(name), ...url.searchParams.getAll(name)]),
    ...credentials.flatMap((one) =>
      typeof one === "string" ? [one] : one._tag === "Right" ? [one.right] : []
    )
  ]
}

const shapes = (secret: string): ReadonlyArray<string> => [
  secret,
  encodeURIComponent(secret),
  new URLSearchParams([["", secret]]).toString().slice(1),
  JSON.stringify(secret).slice(1, -1)
]

/** The tokens of every answer are canaries. */
export const canaryTokens: ReadonlyArray<Misbehaviour.Misbehaviour> = [
  Misbehaviour.changedMember("access_token", accessToken),
  Misbehaviour.changedMember("refresh_token", refreshToken),
  Misbehaviour.changedMember("vendor_secret", vendorSecret)
]

/** Says back, in every text of an error, whatever it was sent. */
export const echo = (status: number): Misbehaviour.Misbehaviour =>
  Misbehaviour.custom((request) =>
    Effect.promise(async () => {
      const form = await request.text()
      const decoded = [...new URLSearchParams(form)].map(([name, value]) => `${name}=${value}`)
      const authorization = request.headers.get("authorization") ?? ""
      const bare = authorization.replace(/^\w+ /, "")
      const said = [bare, authorization, request.headers.get("dpop"), form, ...decoded]
      const [, ...secrets] = [...new URLSearchParams(form).values()]
      const header = (said.join(" ").match(/[ -~]/g) ?? []).join("").replaceAll('"', "'").slice(0, 4000)
      return Response.json(
        {
          error: `invalid_grant ${secrets.join(" ")}`,
          error_description: `${said.join(" ")} ${accessToken.replace("canary", "")}`,
          error_uri: `https://issuer.test/help?${form}`
        },
        {
          status,
          headers: { "www-authenticate": `Bearer error="invalid_token", error_description="${header}"` }
        }
      )
    })
  )

/**
 * Runs a program as one that logs and traces all it can, and searches what came
 * out for every secret that went in. `alsoSecret` says which others there were.
 */
export const leaksNothing = <A, E, R>(
  program: Effect.Effect<A, E, R>,
  options: {
    readonly alsoSecret?: (value: A) => ReadonlyArray<string>
    /** What of the value may be printed: all of it unless given. */
    readonly printed?: (value: A) => unknown
  } = {}
): Effect.Effect<void, never, R | TestIssuer.TestIssuer> =>
  Effect.gen(function* () {
    const captured = yield* capturing
    const printed = options.printed ?? ((value: A): unknown => value)
    const exit = yield* program.pipe(
      Effect.tap((value) => Effect.log("succeeded", printed(value))),
      Effect.tapErrorCause((cause) => Effect.logFatal("failed", cause)),
      Effect.tapError((error) => Effect.logTrace(error).pipe(Effect.annotateLogs("error", error))),
      Effect.withSpan("program"),
      Effect.withLogSpan("program"),
      Effect.exit,
      Effect.provide(captured.layer)
    )
    const server = yield* TestIssuer.TestIssuer
    const sent = (yield* server.requests).flatMap(ofRequest)
    const own = exit._tag === "Success" ? (options.alsoSecret?.(exit.value) ?? []) : []
    const secrets = [...fixed, ...sent, ...own].filter((secret) => secret.length >= 8)
    const value = exit._tag === "Success" ? printed(exit.value) : undefined
    const text = [
      Inspected.ofExit(exit),
      yield* captured.text,
      inspect(value, { depth: null, showHidden: true }),
      JSON.stringify(value) ?? "",
      String(value)
    ].join("\n")
    assert.isAtLeast(text.length, 100)
    for (const shape of new Set(secrets.flatMap(shapes))) {
      const at = text.indexOf(shape)
      assert.strictEqual(at, -1, `${shape} in: ${text.slice(Math.max(0, at - 200), at + 100)}`)
    }
  })
