import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as BearerAuth from "effect-oauth-resource-server/BearerAuth"
import * as Guard from "effect-oauth-resource-server/Guard"
import * as Authenticator from "effect-oauth-resource-server/Authenticator"
import * as ResourceServer from "effect-oauth-resource-server/ResourceServer"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as Challenge from "effect-oauth/Challenge"
import * as HttpLimits from "effect-oauth/HttpLimits"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { createHmac } from "node:crypto"
import { Api, issuer, live, request, resource, serve } from "./support/api.js"
import { api, ask, askWith, challengeOf, mint } from "./support/asking.js"
import { watch } from "./support/watched.js"

const provided = Effect.provide(TestIssuer.layer())

const b64 = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url")

/** Every one of these tokens is 401 invalid_token, with nothing of it in the answer. */
const refused = (tokens: ReadonlyArray<string>, path = "/me") =>
  Effect.forEach(tokens, (token) =>
    Effect.gen(function* () {
      const response = yield* ask(path, `Bearer ${token}`)
      assert.strictEqual(response.status, 401, token.slice(0, 80))
      assert.strictEqual(challengeOf(response)["error"], "invalid_token")
    })
  )

const claims = { iss: issuer, aud: resource, sub: "alice", client_id: "c", jti: "1", iat: 0, exp: 3600 }

describe("adversarial inputs (peers 4c)", () => {
  it.scoped("1, 2, 3: alg none in any spelling, missing, or no text", () =>
    Effect.gen(function* () {
      const tokens = ["none", "None", "nOnE", "NONE", undefined, null, [], {}, ""].map(
        (alg) => `${b64({ alg, typ: "at+jwt" })}.${b64(claims)}.`
      )
      // RFC 6750 section 2.1: the characters are those of a token, so it reaches the verifier
      yield* refused([...tokens, yield* mint({ key: "none" })])
    }).pipe(provided)
  )

  it.scoped("4, 6, 8: HMAC with the public key, or with an empty secret", () =>
    Effect.gen(function* () {
      const { keys } = yield* (yield* TestIssuer.TestIssuer).jwks
      const input = `${b64({ alg: "HS256", typ: "at+jwt", kid: keys[0]?.kid })}.${b64(claims)}`
      const secrets = [JSON.stringify(keys[0]), String(keys[0]?.["x"]), "", "\0"]
      yield* refused(
        secrets.map((secret) => `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`)
      )
    }).pipe(provided)
  )

  it.scoped(
    "14, 15, 16: jwk, jku, x5u and x5c of the header are no reason to trust, and nothing is fetched",
    () =>
      Effect.gen(function* () {
        const server = yield* TestIssuer.TestIssuer
        const { keys } = yield* server.jwks
        yield* refused(
          yield* Effect.forEach(
            [
              { jwk: keys[0] },
              { jku: "https://evil.test/jwks" },
              { x5u: "http://169.254.169.254/" },
              { x5c: ["MIIB"] }
            ],
            (header) => mint({ key: "unpublished", header })
          )
        )
        assert.isEmpty(
          (yield* server.requests).filter(
            ({ url }) => String(url).includes("evil") || String(url).includes("169")
          )
        )
      }).pipe(provided)
  )

  it.scoped("17, 82: strange kids, and a flood of them, cost the issuer no more than the budget", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const send = yield* api
      const strange = ["../../etc/passwd", "' OR 1=1", "__proto__", "constructor", ["a"], 7, null]
      const kids = [...strange, ...Array.from({ length: 100 }, (_, at) => `random-${at}`)]
      yield* send(request("/me", { authorization: `Bearer ${yield* mint()}` }))
      for (const kid of kids) {
        const token = yield* mint({ key: "unpublished", header: { kid } })
        const { status } = yield* send(request("/me", { authorization: `Bearer ${token}` }))
        assert.strictEqual(status, 401, String(kid))
      }
      assert.isAtMost(yield* server.count("jwks"), 3)
    }).pipe(provided)
  )

  it.scoped("24, 25: too many dots, too few, and far too long", () =>
    Effect.gen(function* () {
      const token = yield* mint()
      yield* refused(["a", ".", "..", "...", `${token}.x`, `${token}.${token}`, ".".repeat(10_000)])
      assert.strictEqual((yield* ask("/me", `Bearer ${"a.".repeat(1_000_000)}`)).status, 400)
    }).pipe(provided)
  )

  it.scoped("26, 27, 28, 30: padding, bad UTF-8, payloads that are no objects, critical members", () =>
    Effect.gen(function* () {
      const [header = "", payload = "", signature = ""] = (yield* mint()).split(".")
      yield* refused([
        `${header}.${payload}.${signature}==`,
        `${header}.${payload}.${signature.replace(/[-_]/g, "+")}+/`,
        `${header}.${Buffer.from([0xff, 0xfe]).toString("base64url")}.${signature}`,
        ...[[], "text", 7, null].map((other) => `${header}.${b64(JSON.stringify(other))}.${signature}`),
        yield* mint({ header: { crit: ["exp"] } }),
        yield* mint({ header: { crit: ["x"], x: 1 } }),
        yield* mint({ header: { crit: [] } }),
        yield* mint({ header: { b64: false, crit: ["b64"] } })
      ])
    }).pipe(provided)
  )

  it.scoped("38, 39, 40: exp that is text, missing, over, or not a number; nbf and iat to come", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 hour")
      const now = 3600
      yield* refused(
        yield* Effect.forEach(
          [
            { exp: "4000" },
            { exp: undefined },
            { exp: null },
            { exp: now - 31 },
            { exp: -1 },
            { nbf: 253_402_300_799 },
            { iat: 253_402_300_799 },
            { iat: "0" }
          ],
          (bent) => mint({ claims: bent })
        )
      )
      assert.strictEqual((yield* askWith("/me", { claims: { exp: now - 29 } })).status, 200)
    }).pipe(provided)
  )

  it.scoped("41, 42: issuers that look alike, and audiences that are not this resource to the byte", () =>
    Effect.gen(function* () {
      const issuers = [
        `${issuer}/`,
        "https://ISSUER.test",
        "https://issuer.test:443",
        "https://a@issuer.test",
        "",
        7
      ]
      const audiences = [
        `${resource}/`,
        `${resource}/notes`,
        "https://API.test",
        "https://api.test.evil.test",
        [],
        [["https://api.test"]],
        {},
        undefined
      ]
      yield* refused([
        ...(yield* Effect.forEach(issuers, (iss) => mint({ claims: { iss } }))),
        ...(yield* Effect.forEach(audiences, (aud) => mint({ claims: { aud } })))
      ])
      const several = yield* askWith("/me", { audience: ["https://other.test", resource] })
      assert.strictEqual(several.status, 200)
    }).pipe(provided)
  )

  it.scoped("46: an ID token is no access token", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      yield* refused([yield* server.mintIdToken(), yield* server.mintIdToken({ clientId: resource })])
    }).pipe(provided)
  )

  it.scoped("48: a subject that is empty or a number; an actor chain that cannot be read", () =>
    Effect.gen(function* () {
      yield* refused(
        yield* Effect.forEach(
          [
            { sub: "" },
            { sub: 7 },
            { act: "admin" },
            { act: null },
            { act: { sub: "" } },
            { client_id: undefined }
          ],
          (bent) => mint({ claims: bent })
        )
      )
    }).pipe(provided)
  )

  it.scoped("23: a key that was taken back is not trusted past its refresh", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const send = yield* api
      const old = `Bearer ${yield* mint({ lifetime: "1 day" })}`
      assert.strictEqual((yield* send(request("/me", { authorization: old }))).status, 200)
      yield* server.rotateKeys()
      const fresh = `Bearer ${yield* mint({ lifetime: "1 day" })}`
      assert.strictEqual((yield* send(request("/me", { authorization: fresh }))).status, 200)
      assert.strictEqual((yield* send(request("/me", { authorization: old }))).status, 401)
    }).pipe(provided)
  )

  it.scoped("83: the first thousand requests at once cost one fetch of keys", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const send = yield* api
      const authorization = `Bearer ${yield* mint()}`
      const answers = yield* Effect.forEach(
        Array.from({ length: 1000 }, () => request("/me", { authorization })),
        (one) => Effect.map(send(one), ({ status }) => status),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual([...new Set(answers)], [200])
      assert.strictEqual(yield* server.count("jwks"), 1)
    }).pipe(provided)
  )

  it.scoped("84: two issuers with one kid: a key of one signs nothing for the other", () =>
    Effect.gen(function* () {
      const one = yield* TestIssuer.make({ issuer: "https://one.test" })
      const two = yield* TestIssuer.make({ issuer: "https://two.test" })
      const both = BearerAuth.layer(Api, {
        resource,
        issuer: ["https://one.test", { issuer: "https://two.test", profile: "lenient" }]
      }).pipe(Layer.provide(Layer.succeed(HttpClient.HttpClient, TestIssuer.combine([one, two]))))
      const send = yield* serve(live(both))
      const status = (token: string) =>
        Effect.map(send(request("/me", { authorization: `Bearer ${token}` })), (response) => response.status)
      assert.strictEqual(yield* status(yield* one.mintAccessToken()), 200)
      assert.strictEqual(yield* status(yield* two.mintAccessToken({ header: { typ: "JWT" } })), 200)
      assert.strictEqual(yield* status(yield* one.mintAccessToken({ header: { typ: "JWT" } })), 401)
      const { keys } = yield* two.jwks
      const kid = keys[0]?.kid
      assert.strictEqual(
        yield* status(yield* one.mintAccessToken({ header: { kid }, claims: { iss: "https://two.test" } })),
        401
      )
    })
  )

  it.scoped("88: a bound token is no bearer token, where nothing can tell who sends it", () =>
    Effect.gen(function* () {
      const thumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
      yield* refused(
        yield* Effect.forEach(
          [{ jkt: thumbprint }, { "x5t#S256": thumbprint }, { jwk: {} }, {}, "x", null],
          (cnf) => mint({ claims: { cnf } })
        )
      )
    }).pipe(provided)
  )
})

/** An API with a realm, metadata and scopes that somebody hostile chose. */
const hostileServer = (realm: string, metadata: string, scope: string) =>
  Effect.gen(function* () {
    const layers = Layer.provide(
      Authenticator.layer,
      ResourceServer.layer({ resource, issuer, realm, metadataUrl: `https://api.test/${metadata}` })
    )
    const response = yield* Guard.web(request("/"), { scope: [scope] }).pipe(
      Effect.flip,
      Effect.provide(layers)
    )
    return response.headers.get("www-authenticate") ?? ""
  })

describe("the challenge", () => {
  it.effect(
    "round-trips through the parser: no realm and no scope can forge a parameter or end the header",
    () =>
      Effect.gen(function* () {
        const hostile = [
          'a", error="none", x="',
          "a\\",
          '\\"',
          "a, Basic realm=b",
          "\r\nSet-Cookie: a=b",
          "é\u0000\u007f",
          "=",
          ""
        ]
        for (const realm of hostile) {
          for (const scope of [...hostile, "a b"]) {
            const header = yield* hostileServer(realm, "m", scope)
            assert.notMatch(header, /[^\x20-\x7E]/)
            const challenges = Challenge.parse(header)
            assert.strictEqual(challenges.length, 1, header)
            const [challenge] = challenges
            assert.isTrue(
              challenge !== undefined && Option.isNone(Challenge.parameter(challenge, "error")),
              header
            )
            assert.deepStrictEqual(
              [...(challenge?.parameters.keys() ?? [])].filter(
                (name) => !["realm", "scope", "resource_metadata"].includes(name)
              ),
              []
            )
            assert.strictEqual(challenge?.parameters.get("realm"), realm.replace(/[^\x20-\x7E]/g, ""))
          }
        }
      }).pipe(provided)
  )

  it.effect.prop(
    "round-trips for any realm",
    [FastCheck.string({ unit: "binary" })],
    ([realm]) =>
      Effect.gen(function* () {
        const [challenge, ...others] = Challenge.parse(yield* hostileServer(realm, "m", "s"))
        assert.isEmpty(others)
        assert.deepStrictEqual(Object.fromEntries(challenge?.parameters ?? []), {
          realm: realm.replace(/[^\x20-\x7E]/g, ""),
          scope: "s",
          resource_metadata: "https://api.test/m"
        })
      }).pipe(provided),
    { fastCheck: { numRuns: 50 } }
  )
})

describe("peers 4c 96: canaries", () => {
  it.scoped("nothing of a token is in an answer, a log or a span, however it is refused", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const canary = "canary-c0ffee"
      const tokens = yield* Effect.forEach(
        [
          {},
          { key: "unpublished" as const },
          { header: { kid: canary } },
          { header: { alg: canary } },
          { header: { typ: canary } },
          { audience: canary },
          { claims: { iss: `https://${canary}.test` } },
          { claims: { exp: canary } },
          { claims: { act: canary } },
          { claims: { cnf: { [canary]: canary } } },
          { claims: { scope: [canary] } },
          { claims: { nbf: canary } }
        ],
        (options) =>
          server.mintAccessToken({
            ...options,
            sub: canary,
            claims: { canary, jti: canary, client_id: canary, ...("claims" in options ? options.claims : {}) }
          })
      )
      const secrets = [canary, ...tokens, ...tokens.flatMap((token) => token.split("."))]
      const credentials = [
        ...tokens.map((token) => `Bearer ${token}`),
        `Bearer ${canary} ${canary}`,
        `Basic ${canary}`,
        `Bearer ${canary}`,
        canary
      ]
      const isClean = (text: string) => {
        for (const secret of secrets) {
          if (secret !== "") assert.isFalse(text.includes(secret), `${secret.slice(0, 40)} in ${text}`)
        }
      }
      const [answers, { lines, spans }] = yield* watch(
        Effect.gen(function* () {
          const send = yield* api
          const answers: Array<string> = []
          for (const path of ["/notes", "/strong", `/pay?access_token=${canary}`]) {
            for (const authorization of credentials) {
              const response = yield* send(request(path, { authorization }))
              const body = yield* Effect.promise(() => response.text())
              answers.push([...response.headers.entries()].flat().join() + body)
            }
          }
          yield* server.misbehave("jwks", Misbehaviour.connectionFailure)
          yield* TestClock.adjust("2 days")
          const response = yield* send(
            request("/me", { authorization: `Bearer ${yield* mint({ sub: canary })}` })
          )
          assert.strictEqual(response.status, 503)
          answers.push(yield* Effect.promise(() => response.text()))
          return answers
        }).pipe(Effect.provide(HttpLimits.layer({ retries: 0 })))
      )
      answers.forEach(isClean)
      // The reason is in the log, and the outcome.
      assert.isTrue(lines.some((line) => line.includes("oauth.reason") && line.includes("invalid_token")))
      lines.forEach(isClean)
      // The server's own span has the URL that the client wrote: nothing that is ours to keep out of it.
      spans.filter((span) => !span.includes("access_token=")).forEach(isClean)
    }).pipe(provided)
  )

  it.scoped("the level of refusals can be chosen, and outages are warnings", () =>
    Effect.gen(function* () {
      const [, { lines }] = yield* watch(
        Effect.gen(function* () {
          yield* ask("/me")
          yield* ask("/me", "Bearer x")
        })
      )
      const ours = lines.filter((line) => line.includes("Request to protected resource refused"))
      assert.deepStrictEqual(
        ours.map((line) => line.slice(2, 7)),
        ["DEBUG", "INFO\\"].map((level) => level.replace("\\", '"'))
      )
      assert.include(ours[1], '"oauth.outcome":"invalid_token"')
      const quiet = Layer.provide(
        Authenticator.layer,
        ResourceServer.layer({ resource, issuer, logLevel: LogLevel.Trace })
      )
      const [, seen] = yield* watch(
        Effect.flip(Effect.provide(Guard.web(request("/", { authorization: "Bearer x" })), quiet))
      )
      assert.match(seen.lines.join(), /^\["TRACE"/)
    }).pipe(provided)
  )
})
