/** Seeds E.8: an issuer for each tenant, credentials and keys apart, and nothing for who is no tenant. */
import * as HttpApp from "@effect/platform/HttpApp"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { AccessToken } from "effect-oauth-resource-server/AccessToken"
import * as Authenticator from "effect-oauth-resource-server/Authenticator"
import * as DelegatedAccess from "effect-oauth-resource-server/DelegatedAccess"
import * as Guard from "effect-oauth-resource-server/Guard"
import * as ResourceServer from "effect-oauth-resource-server/ResourceServer"
import * as Tenant from "effect-oauth-resource-server/Tenant"
import * as Tenants from "effect-oauth-resource-server/Tenants"
import * as IntrospectionVerifier from "effect-oauth/IntrospectionVerifier"
import * as Introspection from "effect-oauth/Introspection"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as JwtSigner from "effect-oauth/JwtSigner"
import * as Keyring from "effect-oauth/Keyring"
import { JwtError } from "effect-oauth/OAuthError"
import * as TokenVerifier from "effect-oauth/TokenVerifier"
import * as A from "./support/authorities.js"

const template = "https://{tenant}.auth.example"
const issuerOf = (label: string) => `https://${label}.auth.example`

const hostile = [
  "",
  "-",
  "-a",
  "a-",
  "A",
  "a.b",
  "a/b",
  "a\\b",
  "a@b",
  "a:1",
  "a?b",
  "a#b",
  "a b",
  "a%2eb",
  "a\u0000",
  "a\n",
  "\u00e4",
  "\u0430cme",
  "..",
  "evil.example/",
  "x".repeat(64),
  "{tenant}",
  "__proto__"
]

describe("Tenant", () => {
  it("RFC 1123 section 2.1: labels, and nothing else", () => {
    for (const label of ["a", "7", "acme", "acme-2", "xn--bcher-kva", "x".repeat(63)])
      assert.isTrue(Tenant.isLabel(label))
    for (const label of hostile) assert.isFalse(Tenant.isLabel(label), JSON.stringify(label))
  })

  it("of a host right under the domain", () => {
    const of = (host: string) => Option.getOrNull(Tenant.fromHost(host, "api.example"))
    for (const host of ["acme.api.example", "ACME.Api.Example", "acme.api.example:8443"])
      assert.strictEqual(of(host), "acme")
    for (const host of [
      "api.example",
      ".api.example",
      "a.acme.api.example",
      "acme.api.example.",
      "acme.api.example.evil.example",
      "acmeapi.example",
      "acme.evil.example",
      "acme@api.example",
      "user@acme.api.example",
      "acme.api.example:",
      "acme.api.example:8443:1",
      "acme.api.example, evil.example",
      "",
      "127.0.0.1"
    ]) {
      assert.isNull(of(host), host)
    }
  })

  it("of a path after a prefix, as it is written", () => {
    const of = (path: string) => Option.getOrNull(Tenant.fromPath(path, "/t/"))
    for (const path of ["/t/acme", "/t/acme/", "/t/acme/notes", "/t/acme?x=1"])
      assert.strictEqual(of(path), "acme")
    for (const path of [
      "/t/",
      "/t",
      "/acme",
      "/T/acme",
      "/t//acme",
      "/t/Acme",
      "/t/../acme",
      "/t/%61cme",
      "/x/t/acme"
    ]) {
      assert.isNull(of(path), path)
    }
    assert.isNull(Option.getOrNull(Tenant.fromPath("/tacme", "/t")))
  })

  it.effect("templates: both ways, byte for byte", () =>
    Effect.gen(function* () {
      for (const [text, issuer] of [
        [template, "https://acme.auth.example"],
        ["https://login.{tenant}.auth.example/v2", "https://login.acme.auth.example/v2"],
        ["https://auth.example/{tenant}", "https://auth.example/acme"],
        ["https://auth.example/t/{tenant}/oauth", "https://auth.example/t/acme/oauth"]
      ] as const) {
        const read = yield* Tenant.issuerTemplate(text)
        assert.deepStrictEqual(read.issuerOf("acme"), Option.some(issuer))
        assert.deepStrictEqual(read.labelOf(issuer), Option.some("acme"))
        for (const other of [
          `${issuer}/`,
          issuer.toUpperCase(),
          ` ${issuer}`,
          issuer.replace("acme", ""),
          issuer.replace("acme", "Acme"),
          issuer.replace("acme", "a.b"),
          issuer.replace("https", "http"),
          text
        ]) {
          assert.isTrue(Option.isNone(read.labelOf(other)), other)
        }
        for (const label of hostile) assert.isTrue(Option.isNone(read.issuerOf(label)), label)
      }
    })
  )

  it.effect("templates that would let a label be more than a label", () =>
    Effect.gen(function* () {
      for (const text of [
        "https://auth.example",
        "{tenant}",
        "{tenant}://auth.example",
        "https://{tenant}",
        "https://{tenant}/x",
        "https://auth.{tenant}",
        "https://auth.example:{tenant}",
        "https://a-{tenant}.example",
        "https://{tenant}-a.example",
        "https://{tenant}@auth.example",
        "https://user:{tenant}@auth.example/",
        "https://auth.example/a{tenant}",
        "https://auth.example/{tenant}a",
        "https://auth.example?x={tenant}",
        "https://auth.example/#/{tenant}",
        "https://{tenant}.{tenant}.example",
        "http://{tenant}.auth.example",
        "https://{tenant}..example:x"
      ]) {
        const exit = yield* Effect.exit(Tenant.issuerTemplate(text))
        assert.isTrue(Exit.isFailure(exit), text)
      }
    })
  )
})

class Name extends Context.Tag("test/Name")<Name, string>() {}

const name = Effect.map(Name, (own) => own)

describe("Tenants", () => {
  it.scoped("services of a tenant are made once, when they are asked for, with its issuer", () =>
    Effect.gen(function* () {
      const made: Array<string> = []
      const tenants = yield* Tenants.make({
        issuer: template,
        known: ["acme", "globex"],
        layer: ({ issuer, label }) => Layer.sync(Name, () => (made.push(label), issuer))
      })
      assert.deepStrictEqual(made, [])
      const all = yield* Effect.replicateEffect(tenants.provide("acme")(name), 50, {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual([...new Set(all)], [issuerOf("acme")])
      assert.strictEqual(yield* tenants.provide("globex")(name), issuerOf("globex"))
      assert.deepStrictEqual(made, ["acme", "globex"])
      assert.deepStrictEqual(tenants.labelOf({ iss: issuerOf("acme") }), Option.some("acme"))
      assert.deepStrictEqual(yield* tenants.find("acme"), { label: "acme", issuer: issuerOf("acme") })
    })
  )

  it.scoped("nothing is made for a tenant that is not known, and no label is looked up that is none", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const tenants = yield* Tenants.make({
        issuer: template,
        known: (label) => Effect.sync(() => (asked.push(label), label === "acme")),
        layer: () => Layer.effect(Name, Effect.dieMessage("made"))
      })
      for (const label of hostile) {
        assert.strictEqual((yield* Effect.flip(tenants.provide(label)(name)))._tag, "UnknownTenant")
        assert.isTrue(Option.isNone(tenants.labelOf({ iss: issuerOf(label) })))
      }
      assert.deepStrictEqual(asked, [])
      yield* Effect.flip(tenants.find("evil"))
      assert.deepStrictEqual(asked, ["evil"])
      assert.strictEqual(yield* tenants.size, 0)
    })
  )

  it.scoped("a failure is not kept", () =>
    Effect.gen(function* () {
      let down = true
      const tenants = yield* Tenants.make({
        issuer: template,
        known: ["acme"],
        layer: () =>
          Layer.effect(
            Name,
            Effect.suspend(() => (down ? Effect.fail("down") : Effect.succeed("up")))
          )
      })
      assert.strictEqual(yield* Effect.flip(tenants.provide("acme")(name)), "down")
      assert.strictEqual(yield* tenants.size, 0)
      down = false
      assert.strictEqual(yield* tenants.provide("acme")(name), "up")
    })
  )

  it.effect("is bounded: the longest unused is closed, but not while somebody uses it", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* Effect.scoped(
        Effect.gen(function* () {
          const tenants = yield* Tenants.make({
            issuer: template,
            known: () => Effect.succeed(true),
            maximum: 2,
            layer: ({ label }) =>
              Layer.scoped(
                Name,
                Effect.acquireRelease(
                  Effect.sync(() => (log.push(`+${label}`), label)),
                  () => Effect.sync(() => log.push(`-${label}`))
                )
              )
          })
          const gate = Deferred.unsafeMake<void>(FiberId.none)
          const inUse = yield* Effect.fork(tenants.provide("a")(Effect.zipRight(Deferred.await(gate), name)))
          yield* Effect.yieldNow()
          for (const label of ["b", "c", "b", "d"]) yield* tenants.provide(label)(name)
          assert.deepStrictEqual(log, ["+a", "+b", "+c", "-c", "+d"])
          assert.strictEqual(yield* tenants.size, 2)
          yield* Deferred.succeed(gate, undefined)
          assert.strictEqual(yield* Fiber.join(inUse), "a")
          yield* Effect.yieldNow()
          assert.strictEqual(log.at(-1), "-a")
          yield* tenants.provide("a")(name)
          assert.deepStrictEqual(log.slice(-2), ["-b", "+a"])
        })
      )
      assert.deepStrictEqual(log.slice(-2).sort(), ["-a", "-d"])
    })
  )

  it.effect(
    "one that takes its time to close holds up no request of another, and is waited for in the end",
    () =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const gate = Deferred.unsafeMake<void>(FiberId.none)
        const closing = yield* Effect.scoped(
          Effect.gen(function* () {
            const scope = yield* Scope.make()
            const tenants = yield* Scope.extend(
              Tenants.make({
                issuer: template,
                known: ["a", "b"],
                maximum: 1,
                layer: ({ label }) =>
                  Layer.scoped(
                    Name,
                    Effect.acquireRelease(Effect.succeed(label), () =>
                      label === "a"
                        ? Effect.zipRight(
                            Deferred.await(gate),
                            Effect.sync(() => log.push("closed a"))
                          )
                        : Effect.void
                    )
                  )
              }),
              scope
            )
            yield* tenants.provide("a")(name)
            // Were the close waited for, this would not end.
            assert.strictEqual(yield* tenants.provide("b")(name), "b")
            assert.deepStrictEqual(log, [])
            const closing = yield* Effect.forkDaemon(Scope.close(scope, Exit.void))
            yield* Effect.yieldNow()
            assert.isTrue(Option.isNone(yield* Fiber.poll(closing)))
            return closing
          })
        )
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(closing)
        assert.deepStrictEqual(log, ["closed a"])
      })
  )

  it.scoped("what is set for the request that is first is not set for the tenant: log, configuration", () =>
    Effect.gen(function* () {
      const tenants = yield* Tenants.make({
        issuer: template,
        known: ["acme"],
        layer: () =>
          Layer.effect(
            Name,
            Effect.gen(function* () {
              const annotations = yield* Effect.logAnnotations
              const secret = yield* Effect.orElseSucceed(Config.string("SECRET"), () => "none")
              return `${HashMap.size(annotations)} ${secret}`
            })
          )
      })
      const first = yield* tenants
        .provide("acme")(name)
        .pipe(
          Effect.annotateLogs("user", "alice"),
          Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["SECRET", "of alice"]])))
        )
      assert.strictEqual(first, "0 none")
    })
  )

  it.scoped("who is first leaves nothing of its request in the services, and takes nothing with it", () =>
    Effect.gen(function* () {
      class Secret extends Context.Reference<Secret>()("test/Secret", { defaultValue: () => "none" }) {}
      const gate = Deferred.unsafeMake<void>(FiberId.none)
      const tenants = yield* Tenants.make({
        issuer: template,
        known: ["acme"],
        layer: () => Layer.effect(Name, Effect.zipRight(Deferred.await(gate), Secret))
      })
      const first = yield* Effect.fork(
        Effect.provideService(tenants.provide("acme")(name), Secret, "of the first")
      )
      yield* Effect.yieldNow()
      const second = yield* Effect.fork(tenants.provide("acme")(name))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(first)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(second), "none")
    })
  )
})

/** Each tenant by introspection at its own issuer, as itself. */
const twoTenants = (servers: A.Authorities) =>
  Tenants.make({
    issuer: template,
    known: ["acme", "globex"],
    layer: ({ issuer, label }) =>
      Layer.merge(
        IntrospectionVerifier.layer({ audience: "https://api.example" }).pipe(
          Layer.provide(Introspection.layer)
        ),
        DelegatedAccess.layer()
      ).pipe(Layer.provide(A.client(issuer, `secret of ${label}`)), Layer.provide(servers.layer))
  })

const jwt = (iss: unknown) => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")
  return `${part({ alg: "ES256" })}.${part({ iss })}.c2ln`
}

const under = (label: string) => Effect.provideService(Tenants.CurrentTenant, Option.some(label))

describe("Tenants.tokenVerifier", () => {
  const introspecting = () => {
    const servers = A.authorities()
    const answers = Layer.succeed(TokenVerifier.TokenVerifier, {
      verify: () => Effect.fail(new JwtError({ operation: "x", reason: "signature", message: "x" }))
    })
    return { servers, answers }
  }

  it.scoped("a token goes to the verifier of its tenant, and no other; of none, to nobody", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const tenants = yield* Tenants.make({
        issuer: template,
        known: ["acme", "globex"],
        layer: ({ issuer, label }) =>
          Layer.succeed(TokenVerifier.TokenVerifier, {
            verify: () =>
              Effect.sync(() => {
                asked.push(label)
                return { claims: { iss: issuer }, scope: [], verifiedAt: 0 }
              })
          })
      })
      const verifier = Tenants.tokenVerifier(tenants)
      const verdict = (token: string) =>
        Effect.match(verifier.verify(Redacted.make(token)), {
          onSuccess: ({ claims }) => String(claims["iss"]),
          onFailure: ({ _tag, reason }) => `${_tag} ${reason}`
        })
      assert.strictEqual(yield* verdict(jwt(issuerOf("acme"))), issuerOf("acme"))
      assert.strictEqual(yield* verdict(jwt(issuerOf("globex"))).pipe(under("globex")), issuerOf("globex"))
      assert.strictEqual(yield* verdict("opaque").pipe(under("acme")), issuerOf("acme"))
      assert.deepStrictEqual(asked, ["acme", "globex", "acme"])

      for (const iss of [
        issuerOf("evil"),
        "https://evil.example",
        `${issuerOf("acme")}/`,
        issuerOf("a.b"),
        1,
        undefined
      ]) {
        assert.strictEqual(yield* verdict(jwt(iss)), "JwtError issuer", String(iss))
      }
      assert.strictEqual(yield* verdict("opaque"), "JwtError issuer")
      assert.strictEqual(yield* verdict("opaque").pipe(under("evil")), "JwtError issuer")
      // The good token of another tenant than the request is for.
      assert.strictEqual(yield* verdict(jwt(issuerOf("globex"))).pipe(under("acme")), "JwtError issuer")
      assert.strictEqual(asked.length, 3)
    })
  )

  it.scoped("a verifier that does not look at the issuer lets nothing of another in", () =>
    Effect.gen(function* () {
      const tenants = yield* Tenants.make({
        issuer: template,
        known: ["acme"],
        layer: () =>
          Layer.succeed(TokenVerifier.TokenVerifier, {
            verify: () => Effect.succeed({ claims: { iss: issuerOf("globex") }, scope: [], verifiedAt: 0 })
          })
      })
      const error = yield* Effect.flip(
        Tenants.tokenVerifier(tenants).verify(Redacted.make(jwt(issuerOf("acme"))))
      )
      assert.strictEqual(error.reason, "issuer")
    })
  )

  it.scoped("passes refusals on, and tells services that cannot be made from a bad token", () =>
    Effect.gen(function* () {
      const { answers } = introspecting()
      const verdictOf = <E>(layer: Layer.Layer<TokenVerifier.TokenVerifier, E>) =>
        Effect.gen(function* () {
          const tenants = yield* Tenants.make({ issuer: template, known: ["acme"], layer: () => layer })
          const error = yield* Effect.flip(
            Tenants.tokenVerifier(tenants).verify(Redacted.make(jwt(issuerOf("acme"))))
          )
          return `${error._tag} ${error.reason}`
        })
      assert.strictEqual(yield* verdictOf(answers), "JwtError signature")
      assert.strictEqual(yield* verdictOf(Layer.fail("down")), "KeyringError unavailable")
    })
  )

  it.scoped("4c 84: the credentials of a tenant go to its own issuer alone", () =>
    Effect.gen(function* () {
      const { servers } = introspecting()
      const verifier = Tenants.tokenVerifier(yield* twoTenants(servers))
      for (const label of ["acme", "globex"]) {
        yield* Effect.exit(verifier.verify(Redacted.make(`opaque of ${label}`)).pipe(under(label)))
      }
      const credentials = servers.sent.filter(({ authorization }) => authorization !== "")
      assert.deepStrictEqual(
        credentials.map(({ authorization, form, host }) => [
          host,
          atob(authorization.slice(6)),
          form.get("token")
        ]),
        ["acme", "globex"].map((label) => [
          `${label}.auth.example`,
          `api:secret+of+${label}`,
          `opaque of ${label}`
        ])
      )
    })
  )
})

describe("4c 84: two tenants whose keys have one name", () => {
  it.scoped("each verifies its own tokens, and those of the other are refused under either name", () =>
    Effect.gen(function* () {
      const audience = "https://api.example"
      const keys = new Map<string, Keyring.Keyring>()
      for (const label of ["acme", "globex"]) {
        keys.set(label, yield* Keyring.generate({ alg: "ES256", kid: "one", issuer: issuerOf(label) }))
      }
      const keyOf = (label: string) => keys.get(label) ?? Keyring.empty
      const tenants = yield* Tenants.make({
        issuer: template,
        known: ["acme", "globex"],
        layer: ({ issuer, label }) =>
          TokenVerifier.layerJwt(JwtProfile.accessToken({ issuer, audience }), { cacheSize: 100 }).pipe(
            Layer.provide(Layer.succeed(Keyring.KeyringService, keyOf(label)))
          )
      })
      const verifier = Tenants.tokenVerifier(tenants)
      const signed = (label: string, by: string) =>
        Effect.flatMap(JwtSigner.fromKeyring(keyOf(by)), (signer) =>
          signer.sign(
            { iss: issuerOf(label), aud: audience, sub: "alice", client_id: "app" },
            { typ: "at+jwt", lifetime: "1 minute" }
          )
        )
      for (const [label, other] of [
        ["acme", "globex"],
        ["globex", "acme"]
      ] as const) {
        const token = yield* signed(label, label)
        assert.strictEqual((yield* verifier.verify(token)).claims["iss"], issuerOf(label))
        assert.strictEqual((yield* verifier.verify(token).pipe(under(label))).claims["sub"], "alice")
        assert.strictEqual((yield* Effect.flip(verifier.verify(token).pipe(under(other)))).reason, "issuer")
        assert.strictEqual(
          (yield* Effect.flip(verifier.verify(yield* signed(label, other)))).reason,
          "signature"
        )
      }
    })
  )
})

describe("Tenants.delegatedAccess", () => {
  it.scoped("a caller's token is exchanged at its own issuer, by that tenant's client, and kept apart", () =>
    Effect.gen(function* () {
      const servers = A.authorities()
      const access = Tenants.delegatedAccess(yield* twoTenants(servers))
      const resource = "https://one.example"
      // The same text as a token of both, as only a mistake makes it.
      for (const label of ["acme", "globex", "acme"]) {
        const result = yield* access
          .tokens({ resources: [resource] })
          .pipe(A.as(A.caller(issuerOf(label), "same")))
        assert.strictEqual(result.status, "success")
      }
      assert.deepStrictEqual(
        servers.exchanges().map(({ authorization, host }) => [host, atob(authorization.slice(6))]),
        ["acme", "globex"].map((label) => [`${label}.auth.example`, `api:secret+of+${label}`])
      )
    })
  )

  it.scoped("a caller of no tenant: nothing is sent, and every resource says why", () =>
    Effect.gen(function* () {
      const servers = A.authorities()
      const access = Tenants.delegatedAccess(yield* twoTenants(servers))
      for (const issuer of [issuerOf("evil"), "https://evil.example", `${issuerOf("acme")}/`]) {
        const result = yield* access
          .tokens({ resources: ["https://one.example", { resource: "https://two.example" }] })
          .pipe(A.as(A.caller(issuer, "foreign")))
        assert.strictEqual(result.status, "error")
        assert.strictEqual(result.failed.length, 2)
        assert.strictEqual(Option.getOrThrow(result.error("https://two.example"))._tag, "DiscoveryError")
      }
      assert.strictEqual(servers.sent.length, 0)
    })
  )
})

describe("Tenants.middleware", () => {
  it.scoped("tells handlers the tenant of the host, and knows no other", () =>
    Effect.gen(function* () {
      const tenants = yield* Tenants.make({
        issuer: template,
        known: ["acme"],
        layer: () => Layer.succeed(Name, "")
      })
      const app = Effect.flatMap(Tenants.CurrentTenant, (current) =>
        HttpServerResponse.json(Option.getOrNull(current))
      ).pipe(
        Effect.orDie,
        Tenants.middleware(tenants, (request: HttpServerRequest.HttpServerRequest) =>
          Tenant.fromHost(request.headers["host"] ?? "", "api.example")
        )
      )
      const handler = HttpApp.toWebHandler(app)
      const ask = (host: string) =>
        Effect.promise(async () => {
          const response = await handler(new Request("http://x/", { headers: { host } }))
          return `${response.status} ${await response.text()}`
        })
      assert.strictEqual(yield* ask("acme.api.example"), '200 "acme"')
      for (const host of ["evil.api.example", "api.example", "acme.evil.example", ""]) {
        assert.strictEqual(yield* ask(host), "404 ")
      }
    })
  )

  it.scoped("each tenant is a resource of its own: its tokens, its audience, its challenge", () =>
    Effect.gen(function* () {
      const tenants = yield* Tenants.make({
        issuer: template,
        known: ["acme", "globex", "broken"],
        layer: ({ issuer, label }) => {
          const resource = `https://${label}.api.example`
          const verifier = Layer.succeed(TokenVerifier.TokenVerifier, {
            verify: (token) =>
              Redacted.value(token) === label
                ? Effect.succeed({
                    claims: { iss: issuer, sub: label, aud: resource },
                    scope: [],
                    verifiedAt: 0
                  })
                : Effect.fail(new JwtError({ operation: "x", reason: "issuer", message: "x" }))
          })
          return Authenticator.layer.pipe(
            Layer.provide(verifier),
            Layer.provide(
              ResourceServer.layerVerifier({ resource, issuer: label === "broken" ? "x" : issuer })
            )
          )
        }
      })
      const app = Effect.flatMap(AccessToken, ({ audience, subject }) =>
        Effect.orDie(HttpServerResponse.json([Option.getOrNull(subject), ...audience]))
      ).pipe(
        Guard.protect(),
        Tenants.middleware(tenants, (request) =>
          Tenant.fromHost(request.headers["host"] ?? "", "api.example")
        )
      )
      const handler = HttpApp.toWebHandler(Logger.withMinimumLogLevel(app, LogLevel.None))
      const ask = (label: string, token: string) =>
        Effect.promise(async () => {
          const headers = { host: `${label}.api.example`, authorization: `Bearer ${token}` }
          const response = await handler(new Request("http://x/", { headers }))
          return { status: response.status, headers: response.headers, text: await response.text() }
        })
      for (const [label, other] of [
        ["acme", "globex"],
        ["globex", "acme"]
      ] as const) {
        assert.strictEqual((yield* ask(label, label)).text, `["${label}","https://${label}.api.example"]`)
        const refused = yield* ask(label, other)
        assert.strictEqual(refused.status, 401)
        assert.include(
          refused.headers.get("www-authenticate"),
          `resource_metadata="https://${label}.api.example/.well-known/oauth-protected-resource"`
        )
      }
      assert.strictEqual((yield* ask("evil", "acme")).status, 404)
      const broken = yield* ask("broken", "broken")
      assert.strictEqual(`${broken.status} ${broken.headers.get("retry-after")}`, "503 5")
    })
  )
})
