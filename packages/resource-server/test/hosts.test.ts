/** A resource under several hosts, of which a declared proxy tells: challenge, metadata, audience and DPoP URL. */
import { assert, describe, it } from "@effect/vitest"
import { AccessToken } from "effect-oauth-resource-server/AccessToken"
import * as Authenticator from "effect-oauth-resource-server/Authenticator"
import * as BearerAuth from "effect-oauth-resource-server/BearerAuth"
import * as DpopVerifier from "effect-oauth-resource-server/DpopVerifier"
import * as Guard from "effect-oauth-resource-server/Guard"
import * as Published from "effect-oauth-resource-server/Published"
import * as Publishing from "effect-oauth-resource-server/Publishing"
import * as ResourceServer from "effect-oauth-resource-server/ResourceServer"
import * as SenderConstraint from "effect-oauth-resource-server/SenderConstraint"
import * as JwtSigner from "effect-oauth/JwtSigner"
import * as Jwt from "effect-oauth/Jwt"
import * as Keyring from "effect-oauth/Keyring"
import * as ReplayStore from "effect-oauth/ReplayStore"
import { TokenVerifier } from "effect-oauth/TokenVerifier"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { Api, issuer, live, sender, serve } from "./support/api.js"
import { bodyOf, challengeOf, mint } from "./support/asking.js"
import * as P from "./support/proofs.js"
import { watch } from "./support/watched.js"

const resource = "https://api.example/notes"
const other = "https://api.other.example:8443/notes"
const wellKnown = "/.well-known/oauth-protected-resource/notes"

const forwarded: ResourceServer.Forwarded = {
  proxy: ({ headers }) => headers["x-peer"] === "proxy",
  header: "x-forwarded",
  hosts: ["api.other.example:8443"]
}
const options = { resource, issuer, forwarded }

const authenticator = (more: Partial<ResourceServer.RemoteOptions> = {}) =>
  Authenticator.layer.pipe(Layer.provide(ResourceServer.layer({ ...options, ...more })))

const provided = Effect.provide(TestIssuer.layer())

interface Sent {
  readonly host?: string
  readonly peer?: string
  readonly headers?: Readonly<Record<string, string>>
}

const request = (url: string, { headers = {}, host, peer = "proxy" }: Sent = {}) =>
  new Request(url, {
    headers: { "x-peer": peer, ...(host === undefined ? {} : { "x-forwarded-host": host }), ...headers }
  })

/** Asks a guard, and gets the resource that the token was accepted for, or the answer. */
const ask = (sent: Sent & { readonly token?: string }, path = "/notes") =>
  Guard.web(
    request(`http://10.0.0.1:8080${path}`, {
      ...sent,
      headers: {
        ...sent.headers,
        ...(sent.token === undefined ? {} : { authorization: `Bearer ${sent.token}` })
      }
    })
  ).pipe(
    Effect.map(({ resource }) => resource),
    Effect.merge
  )

const answerTo = (sent: Parameters<typeof ask>[0]) =>
  Effect.map(ask(sent), (answer) => (typeof answer === "string" ? assert.fail("let in") : answer))

const outcomeOf = (sent: Parameters<typeof ask>[0]) =>
  Effect.map(ask(sent), (answer) => (typeof answer === "string" ? answer : answer.status))

const isMisdirected = (answer: Response) =>
  Effect.gen(function* () {
    assert.strictEqual(answer.status, 421)
    assert.isFalse(answer.headers.has("www-authenticate"))
    assert.notInclude(JSON.stringify([...answer.headers]), "evil")
    assert.notInclude(yield* Effect.promise(() => answer.text()), "evil")
  })

describe("the challenge", () => {
  it.scoped("names the metadata of the host that the client used", () =>
    Effect.gen(function* () {
      const metadataOf = (sent: Sent) =>
        Effect.map(answerTo(sent), (answer) => challengeOf(answer)["resource_metadata"])
      const own = `https://api.example${wellKnown}`
      assert.strictEqual(yield* metadataOf({}), own)
      assert.strictEqual(yield* metadataOf({ host: "api.example" }), own)
      assert.strictEqual(yield* metadataOf({ host: "API.EXAMPLE:443" }), own)
      const others = `https://api.other.example:8443${wellKnown}`
      assert.strictEqual(yield* metadataOf({ host: "Api.Other.example:8443" }), others)
    }).pipe(Effect.provide(authenticator()), provided)
  )

  it.scoped("is that of the configuration for whoever is not the proxy, whatever it forges", () =>
    Effect.gen(function* () {
      for (const host of ["api.other.example:8443", "evil.example", "evil.example, api.example"]) {
        const answer = yield* answerTo({
          host,
          peer: "stranger",
          headers: { forwarded: `host="${host}"`, "x-forwarded-proto": "http" }
        })
        assert.strictEqual(answer.status, 401)
        assert.deepStrictEqual(challengeOf(answer), { resource_metadata: `https://api.example${wellKnown}` })
      }
    }).pipe(Effect.provide(authenticator()), provided)
  )

  it.scoped("is that of the configuration where no proxy is declared: no header is asked", () =>
    Effect.gen(function* () {
      const answer = yield* answerTo({
        host: "evil.example",
        headers: { forwarded: "host=evil.example;proto=http", "x-forwarded-proto": "http" }
      })
      assert.deepStrictEqual(challengeOf(answer), { resource_metadata: `https://api.example${wellKnown}` })
    }).pipe(Effect.provide(authenticator({ forwarded: undefined })), provided)
  )

  it.scoped("stays where the metadata of all hosts is elsewhere", () =>
    Effect.gen(function* () {
      const answer = yield* answerTo({ host: "api.other.example:8443" })
      assert.deepStrictEqual(challengeOf(answer), { resource_metadata: "https://docs.example/notes" })
    }).pipe(Effect.provide(authenticator({ metadataUrl: "https://docs.example/notes" })), provided)
  )
})

describe("a host that is none of the resource", () => {
  for (const host of [
    "evil.example",
    "evil.api.example",
    "api.example.evil.example",
    "api.example:8443",
    "api.example:80",
    "api.example:0443",
    "api.example:",
    "api.other.example",
    "api.other.example:443",
    "api.example.",
    "evil@api.example",
    "api.example@evil.example",
    "api.example#evil",
    "api.example/evil",
    "https://api.example",
    "xn--pi-7ka.example",
    "api%2eexample",
    '"api.example"',
    "[api.example]",
    "*",
    "api.example, evil.example",
    "evil.example, api.example",
    "api.example,",
    ""
  ]) {
    it.scoped(`is refused with 421 and never told: ${host}`, () =>
      Effect.gen(function* () {
        yield* isMisdirected(yield* answerTo({ host }))
        // Before anything else: also with a token that is good, and one in the query.
        yield* isMisdirected(yield* answerTo({ host, token: yield* mint({ audience: [resource, other] }) }))
      }).pipe(Effect.provide(authenticator()), provided)
    )
  }

  it.scoped("the other scheme is another resource, and schemes that disagree are none", () =>
    Effect.gen(function* () {
      for (const proto of ["http", "https, http", "ftp", "https:", ""]) {
        yield* isMisdirected(
          yield* answerTo({ host: "api.example", headers: { "x-forwarded-proto": proto } })
        )
      }
      const secure = yield* answerTo({ host: "api.example", headers: { "x-forwarded-proto": "HTTPS" } })
      assert.strictEqual(secure.status, 401)
    }).pipe(Effect.provide(authenticator()), provided)
  )

  it.scoped("is counted and logged, without the host", () =>
    Effect.gen(function* () {
      const [answer, { lines }] = yield* watch(answerTo({ host: "evil.example" }))
      assert.deepStrictEqual(yield* bodyOf(answer), {
        _tag: "Misdirected",
        error: "misdirected_request",
        error_description: "The request is for a host that is none of this resource"
      })
      const line = lines.find((one) => one.includes("misdirected_request"))
      assert.include(line, "a host that is none of this resource")
      assert.notInclude(lines.join("\n"), "evil")
    }).pipe(Effect.provide(authenticator()), provided)
  )
})

describe("the audience", () => {
  it.scoped("RFC 8707: a token for one host is refused under another, also when it was verified before", () =>
    Effect.gen(function* () {
      const own = yield* mint({ audience: resource })
      const others = yield* mint({ audience: other })
      const both = yield* mint({ audience: [resource, other] })
      const at = { host: "api.other.example:8443" }
      for (let again = 0; again < 2; again++) {
        assert.strictEqual(yield* outcomeOf({ token: own }), resource)
        assert.strictEqual(yield* outcomeOf({ token: own, host: "api.example" }), resource)
        assert.strictEqual(yield* outcomeOf({ ...at, token: own }), 401)
        assert.strictEqual(yield* outcomeOf({ ...at, token: others }), other)
        assert.strictEqual(yield* outcomeOf({ token: others }), 401)
        assert.strictEqual(yield* outcomeOf({ ...at, token: others, peer: "stranger" }), 401)
        assert.strictEqual(yield* outcomeOf({ ...at, token: both }), other)
        assert.strictEqual(yield* outcomeOf({ token: both }), resource)
      }
      const refused = yield* answerTo({ ...at, token: own })
      assert.deepInclude(challengeOf(refused), {
        error: "invalid_token",
        resource_metadata: `https://api.other.example:8443${wellKnown}`
      })
      assert.strictEqual(
        yield* outcomeOf({ token: yield* mint({ audience: "https://evil.example/notes" }) }),
        401
      )
    }).pipe(Effect.provide(authenticator()), provided)
  )

  it.scoped("that an issuer calls the API by is the same under each host", () =>
    Effect.gen(function* () {
      const token = yield* mint({ audience: "api://notes" })
      assert.strictEqual(yield* outcomeOf({ token }), resource)
      assert.strictEqual(yield* outcomeOf({ token, host: "api.other.example:8443" }), other)
      assert.strictEqual(yield* outcomeOf({ token: yield* mint({ audience: resource }) }), 401)
    }).pipe(
      Effect.provide(authenticator({ issuer: { issuer, audience: ["api://notes", "api://n"] } })),
      provided
    )
  )

  it.scoped("is compared after a verifier of the program too, which may accept any of the hosts", () =>
    Effect.gen(function* () {
      const at = { host: "api.other.example:8443" }
      assert.strictEqual(yield* outcomeOf({ token: "own" }), resource)
      assert.strictEqual(yield* outcomeOf({ ...at, token: "own" }), 401)
      assert.strictEqual(yield* outcomeOf({ ...at, token: "other" }), other)
      assert.strictEqual(yield* outcomeOf({ ...at, token: "none" }), 401)
    }).pipe(
      Effect.provide(
        Authenticator.layer.pipe(
          Layer.provide(ResourceServer.layerVerifier(options)),
          Layer.provide(
            Layer.succeed(TokenVerifier, {
              verify: (token) => {
                const aud = { own: resource, other }[Redacted.value(token)]
                return Effect.succeed({ claims: { aud }, scope: [], verifiedAt: 0 })
              }
            })
          )
        )
      )
    )
  )
})

describe("a DPoP proof", () => {
  const own = P.holder()
  const constraint = SenderConstraint.layer().pipe(
    Layer.provide(DpopVerifier.layer()),
    Layer.provide(ReplayStore.layerMemory)
  )

  it.scoped("RFC 9449 section 4.3: its htu is the URL under the host that the client used", () =>
    Effect.gen(function* () {
      const token = yield* mint({ audience: [resource, other], claims: { cnf: { jkt: own.thumbprint } } })
      const outcome = (htu: string, sent: Sent) =>
        outcomeOf({
          ...sent,
          headers: {
            authorization: `DPoP ${token}`,
            dpop: P.proof(own, 0, { claims: { htu, ath: P.sha256(token) } })
          }
        })
      const at = { host: "api.other.example:8443" }
      assert.strictEqual(yield* outcome(other, at), other)
      assert.strictEqual(yield* outcome(resource, {}), resource)
      assert.strictEqual(yield* outcome(resource, at), 401)
      assert.strictEqual(yield* outcome(other, {}), 401)
      assert.strictEqual(yield* outcome(other, { ...at, peer: "stranger" }), 401)
      assert.strictEqual(yield* outcome("https://evil.example/notes", { host: "evil.example" }), 421)
    }).pipe(Effect.provide(Layer.provide(authenticator(), constraint)), provided)
  )
})

describe("the metadata", () => {
  const serving = <E, R>(document: Effect.Effect<Published.Published, E, R>) =>
    Effect.flatMap(Publishing.router(Effect.all([document])), sender)
  const server = Layer.effect(ResourceServer.ResourceServer, ResourceServer.make(options))
  const json = (response: Response) => Effect.promise((): Promise<Record<string, unknown>> => response.json())
  const url = `http://10.0.0.1:8080${wellKnown}`

  it.scoped(
    "RFC 9728 section 3.3: is about the resource of the host that the client used, and no other's",
    () =>
      Effect.gen(function* () {
        const send = yield* serving(Published.resource({ metadata: { resource_name: "Notes" } }))
        const told = (sent?: Sent) =>
          Effect.map(Effect.flatMap(send(request(url, sent)), json), ({ resource }) => resource)
        assert.strictEqual(yield* told(), resource)
        assert.strictEqual(yield* told({ host: "API.example" }), resource)
        assert.strictEqual(yield* told({ host: "api.other.example:8443" }), other)
        assert.strictEqual(yield* told({ host: "api.other.example:8443", peer: "stranger" }), resource)
        const response = yield* send(request(url))
        assert.strictEqual(response.headers.get("vary"), "x-forwarded-host, x-forwarded-proto")
        const misdirected = yield* send(request(url, { host: "evil.example" }))
        assert.strictEqual(misdirected.headers.get("cache-control"), "no-store")
        yield* isMisdirected(misdirected)
      }).pipe(Effect.provide(server))
  )

  it.scoped("RFC 9728 section 2.2: is signed for each host", () =>
    Effect.gen(function* () {
      const send = yield* serving(Published.resourceSigned())
      for (const [host, own] of [
        ["api.example", resource],
        ["api.other.example:8443", other]
      ] as const) {
        const { signed_metadata } = yield* Effect.flatMap(send(request(url, { host })), json)
        const decoded = Jwt.decodeUnverified(String(signed_metadata))
        assert.deepInclude(Option.getOrThrow(decoded).claims, { iss: own, resource: own })
      }
    }).pipe(
      Effect.provide(
        Layer.provideMerge(
          Layer.merge(JwtSigner.layer, server),
          Layer.effect(Keyring.KeyringService, Keyring.generate({ alg: "ES256" }))
        )
      )
    )
  )

  it.scoped("depends on nothing where no proxy is declared", () =>
    Effect.gen(function* () {
      const send = yield* serving(Published.resource())
      const response = yield* send(request(url, { host: "evil.example" }))
      assert.isFalse(response.headers.has("vary"))
      assert.strictEqual((yield* json(response))["resource"], resource)
    }).pipe(
      Effect.provide(Layer.effect(ResourceServer.ResourceServer, ResourceServer.make({ resource, issuer })))
    )
  )
})

describe("an HttpApi", () => {
  it.scoped("answers alike, also for what a handler requires", () =>
    Effect.gen(function* () {
      const root = "https://api.example"
      const send = yield* serve(live(BearerAuth.layer(Api, { ...options, resource: root })))
      const at = { host: "api.other.example:8443" }
      const audience = "https://api.other.example:8443"
      const metadata = `${audience}/.well-known/oauth-protected-resource`
      const none = yield* send(request(`${root}/me`, at))
      assert.strictEqual(challengeOf(none)["resource_metadata"], metadata)
      const authorization = `Bearer ${yield* mint({ audience })}`
      const late = yield* send(request(`${root}/late`, { ...at, headers: { authorization } }))
      assert.strictEqual(late.status, 403)
      assert.deepInclude(challengeOf(late), { scope: "late", resource_metadata: metadata })
      yield* isMisdirected(
        yield* send(request(`${root}/me`, { host: "evil.example", headers: { authorization } }))
      )
    }).pipe(provided)
  )

  it.scoped("a guard of an app answers alike, and tells the handler for which resource", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(authenticator())
      const app = Guard.protect()(
        Effect.map(AccessToken, ({ resource }) => HttpServerResponse.text(resource))
      )
      const send = yield* sender(Effect.provide(app, context))
      const at = { host: "api.other.example:8443" }
      const authorization = `Bearer ${yield* mint({ audience: other })}`
      const good = yield* send(request(resource, { ...at, headers: { authorization } }))
      assert.strictEqual(yield* Effect.promise(() => good.text()), other)
      yield* isMisdirected(yield* send(request(resource, { host: "evil.example" })))
    }).pipe(provided)
  )
})

describe("a server whose hosts cannot be meant does not start", () => {
  for (const host of [
    "",
    "https://api.example",
    "api.example/notes",
    "api.example?x",
    "user@api.example",
    "api.example.",
    "api.ex\u00e4mple",
    "api.example:0",
    "api.example:99999",
    "*.example",
    "a b"
  ]) {
    it.effect(`a host that is none: ${host}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(
          ResourceServer.make({ ...options, forwarded: { ...forwarded, hosts: [host] } })
        )
        assert.strictEqual(error.option, "forwarded")
      })
    )
  }

  it.effect("a resource without a host, or an origin besides", () =>
    Effect.gen(function* () {
      for (const wrong of [
        { resource: "urn:notes", origin: "https://api.example" },
        { resource, origin: "https://api.example" }
      ]) {
        const error = yield* Effect.flip(ResourceServer.make({ issuer, forwarded, ...wrong }))
        assert.strictEqual(error.option, "forwarded")
      }
    })
  )

  it.effect("plain http only to this machine, as everywhere", () =>
    Effect.gen(function* () {
      const local = { resource: "http://localhost:3000/notes", issuer }
      const made = yield* ResourceServer.make({
        ...local,
        forwarded: { ...forwarded, hosts: ["127.0.0.1:3000"] }
      })
      assert.deepStrictEqual(
        made.resources.map(({ resource }) => resource),
        ["http://localhost:3000/notes", "http://127.0.0.1:3000/notes"]
      )
      const error = yield* Effect.flip(
        ResourceServer.make({ ...local, forwarded: { ...forwarded, hosts: ["api.example"] } })
      )
      assert.strictEqual(error.option, "forwarded")
    })
  )
})
