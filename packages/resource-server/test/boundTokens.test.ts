/** A bound token on its whole way through a guard: what is answered, and what an observer sees of it. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as Challenge from "effect-oauth/Challenge"
import { TokenStoreError } from "effect-oauth/OAuthError"
import * as ReplayStore from "effect-oauth/ReplayStore"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as BearerAuth from "effect-oauth-resource-server/BearerAuth"
import * as Authenticator from "effect-oauth-resource-server/Authenticator"
import * as DpopNonce from "effect-oauth-resource-server/DpopNonce"
import * as DpopVerifier from "effect-oauth-resource-server/DpopVerifier"
import * as Guard from "effect-oauth-resource-server/Guard"
import * as ResourceServer from "effect-oauth-resource-server/ResourceServer"
import * as SenderConstraint from "effect-oauth-resource-server/SenderConstraint"
import { Api, groups, issuer, live, request, resource, serve } from "./support/api.js"
import { mint } from "./support/asking.js"
import * as P from "./support/proofs.js"
import { watch } from "./support/watched.js"

const own = P.holder()
const url = `${resource}/notes`

const boundOnly = { resource, issuer, boundTokensOnly: true }

describe("an API that accepts bound tokens alone", () => {
  const bound = SenderConstraint.layerMutualTls()
  const auth = BearerAuth.layer(Api, boundOnly)

  it.scoped("refuses one that is bound to nothing", () =>
    Effect.gen(function* () {
      const authorization = `Bearer ${yield* mint()}`
      const [{ status }, { lines }] = yield* watch(
        Effect.flatMap(serve(live(Layer.provide(auth, bound))), (send) =>
          send(request("/me", { authorization }))
        )
      )
      assert.strictEqual(status, 401)
      assert.include(lines.join(), "the token is bound to nothing, and must be")
    }).pipe(Effect.provide(TestIssuer.layer()))
  )

  it.scoped("does not start where the constraint is provided beside it, or after it, or not at all", () =>
    Effect.gen(function* () {
      const base = HttpApiBuilder.api(Api).pipe(Layer.provide(groups))
      for (const served of [
        base.pipe(Layer.provide(bound), Layer.provide(auth)),
        base.pipe(Layer.provide(Layer.mergeAll(auth, bound))),
        base.pipe(Layer.provide(auth))
      ]) {
        const error = yield* Effect.flip(serve(served))
        assert.strictEqual(error.option, "boundTokensOnly")
        assert.include(error.message, "SenderConstraint")
      }
      // Here it reaches the whole program.
      yield* serve(base.pipe(Layer.provide(auth), Layer.provide(bound)))
    }).pipe(Effect.provide(TestIssuer.layer()))
  )
})

const authenticator = (options: DpopVerifier.DpopVerifier.Options, store = ReplayStore.layerMemory) =>
  Authenticator.layer.pipe(
    Layer.provide(
      SenderConstraint.layer().pipe(Layer.provide(DpopVerifier.layer(options)), Layer.provide(store))
    ),
    Layer.provide(ResourceServer.layer({ resource, issuer }))
  )

const boundToken = mint({ claims: { cnf: { jkt: own.thumbprint } } })

const proofFor = (token: string, now: number, claims: object = {}) =>
  P.proof(own, now, { claims: { htu: url, ath: P.sha256(token), ...claims } })

const ask = (authorization: string, headers: Record<string, string> = {}) =>
  Guard.web(new Request(`${url}?page=2`, { headers: { authorization, ...headers } })).pipe(
    Effect.map(({ confirmation }) => Option.getOrUndefined(confirmation)?._tag ?? "unbound"),
    Effect.merge
  )

describe("bound tokens", () => {
  it.scoped("are accepted with a proof of the URL under the configured origin, whatever the query", () =>
    Effect.gen(function* () {
      const token = yield* boundToken
      assert.strictEqual(yield* ask(`dpop ${token}`, { dpop: proofFor(token, 0) }), "DPoP")
      assert.strictEqual(yield* ask(`Bearer ${yield* mint()}`), "unbound")
    }).pipe(Effect.provide(authenticator({})), Effect.provide(TestIssuer.layer()))
  )

  it.scoped("4c 87: a client that does what the challenge says gets in with one more request", () =>
    Effect.gen(function* () {
      const nonce = yield* Effect.orDie(DpopNonce.make())
      yield* Effect.gen(function* () {
        const token = yield* boundToken
        const refused = yield* ask(`DPoP ${token}`, { dpop: proofFor(token, 0) })
        if (typeof refused === "string") return assert.fail("accepted without a nonce")
        const [, dpop] = Challenge.parse(refused.headers.get("www-authenticate") ?? "")
        assert.strictEqual(dpop?.parameters.get("error"), "use_dpop_nonce")
        assert.include(dpop?.parameters.get("algs") ?? "", "ES256")
        const given = refused.headers.get("dpop-nonce") ?? ""
        assert.strictEqual(
          yield* ask(`DPoP ${token}`, { dpop: proofFor(token, 0, { nonce: given }) }),
          "DPoP"
        )
      }).pipe(Effect.provide(authenticator({ nonce })))
    }).pipe(Effect.provide(TestIssuer.layer()))
  )

  it.scoped("a store of used proofs that is down is 503 without a challenge", () =>
    Effect.gen(function* () {
      const token = yield* boundToken
      const answer = yield* ask(`DPoP ${token}`, { dpop: proofFor(token, 0) })
      if (typeof answer === "string") return assert.fail("accepted")
      assert.strictEqual(answer.status, 503)
      assert.match(answer.headers.get("retry-after") ?? "", /^\d+$/)
      assert.isNull(answer.headers.get("www-authenticate"))
    }).pipe(
      Effect.provide(
        authenticator(
          {},
          Layer.succeed(ReplayStore.ReplayStore, {
            add: () => new TokenStoreError({ operation: "x", reason: "unavailable", message: "canary" })
          })
        )
      ),
      Effect.provide(TestIssuer.layer())
    )
  )

  it.scoped("a full store is 503 for new proofs, and opens again when they expire", () =>
    Effect.gen(function* () {
      const statusAt = (now: number) =>
        Effect.gen(function* () {
          yield* TestClock.setTime(now * 1000)
          const token = yield* boundToken
          const answer = yield* ask(`DPoP ${token}`, { dpop: proofFor(token, now) })
          return typeof answer === "string" ? 200 : answer.status
        })
      assert.strictEqual(yield* statusAt(0), 200)
      assert.strictEqual(yield* statusAt(0), 200)
      assert.strictEqual(yield* statusAt(1), 503)
      assert.strictEqual(yield* statusAt(303), 200)
    }).pipe(
      Effect.provide(authenticator({}, ReplayStore.layerMemoryWith({ maximum: 2 }))),
      Effect.provide(TestIssuer.layer())
    )
  )

  it.scoped("4c 96: neither log nor span nor answer has anything of the token, the proof or its claims", () =>
    Effect.gen(function* () {
      const token = yield* boundToken
      const proofs = [
        proofFor(token, 0, { jti: "canary-jti-1" }),
        proofFor(token, 0, { jti: "canary-jti-2", htm: "canary-htm" }),
        proofFor(token, 0, { jti: "canary-jti-3", nonce: "canary-nonce", htu: "https://canary.example/" }),
        proofFor(token, 0, { ath: "canary-ath" }),
        "canary-proof"
      ]
      const [answers, watched] = yield* watch(
        Effect.forEach([...proofs, ...proofs], (dpop) => ask(`DPoP ${token}`, { dpop }))
      )
      const bodies = yield* Effect.forEach(answers, (answer) =>
        typeof answer === "string"
          ? Effect.succeed("")
          : Effect.promise(async () => (await answer.text()) + JSON.stringify([...answer.headers]))
      )
      assert.isAtLeast(watched.lines.length, 9)
      const seen = [...watched.lines, ...watched.spans, ...bodies].join("\n")
      for (const secret of ["canary", ...token.split("."), ...proofs.flatMap((proof) => proof.split("."))]) {
        assert.notInclude(seen, secret)
      }
    }).pipe(Effect.provide(authenticator({})), Effect.provide(TestIssuer.layer()))
  )

  it.effect("a proof in which any character was changed is refused", () =>
    Effect.gen(function* () {
      const token = yield* boundToken
      const proof = proofFor(token, 0)
      const changes = FastCheck.sample(
        FastCheck.tuple(
          FastCheck.nat(proof.length - 1),
          FastCheck.constantFrom(..."ABCDEFGHIJabcdefghij0123456789-_.,=~ \u00e9")
        ),
        { numRuns: 300, seed: 9449 }
      )
      yield* Effect.forEach(
        changes.filter(([at, character]) => proof[at] !== character),
        ([at, character]) =>
          Effect.gen(function* () {
            const changed = proof.slice(0, at) + character + proof.slice(at + 1)
            // A header cannot carry spaces at its ends, nor what is not Latin-1.
            if (changed.trim() === proof) return
            const answer = yield* ask(`DPoP ${token}`, { dpop: changed })
            assert.notStrictEqual(answer, "DPoP", `${at} ${character}`)
          }),
        { discard: true }
      )
      assert.strictEqual(yield* ask(`DPoP ${token}`, { dpop: proof }), "DPoP")
    }).pipe(Effect.scoped, Effect.provide(authenticator({})), Effect.provide(TestIssuer.layer()))
  )
})
