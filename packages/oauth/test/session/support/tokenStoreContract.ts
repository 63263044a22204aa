/** What holds of sessions in any storage. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { SecretStore } from "effect-oauth/SecretStore"
import type { SessionKey } from "effect-oauth/SessionKey"
import * as Key from "effect-oauth/SessionKey"
import { TokenSet } from "effect-oauth/TokenSet"
import * as TokenStore from "effect-oauth/TokenStore"

export const key: SessionKey = {
  issuer: "https://issuer.test",
  clientId: "app",
  subject: "ada",
  resource: ["https://b.test", "https://a.test"],
  scope: ["read", "write"]
}

export const tokens: TokenSet = {
  issuer: key.issuer,
  accessToken: Redacted.make("canary-access"),
  tokenType: "DPoP",
  expiresAt: Option.some(1_700_000_000_000),
  scope: ["read"],
  refreshToken: Option.some(Redacted.make("canary-refresh")),
  idToken: Option.none(),
  issuedTokenType: Option.none(),
  authorizationDetails: Option.some([{ type: "payment" }]),
  additional: Redacted.make({ vendor: { deep: [1, null, "ü"] } })
}

const full: TokenStore.SessionRecord = {
  tokens: Option.some(tokens),
  lease: Option.some({ owner: "one", until: 17 }),
  intent: Option.some({ owner: "one", startedAt: 5 }),
  ended: Option.some("interrupted_refresh")
}

/** An entry with its secrets, to compare. */
const bare = ({ generation, record }: TokenStore.Entry) => ({
  generation,
  ...record,
  tokens: Option.map(record.tokens, Schema.encodeSync(TokenSet))
})

const assertSame = (one: Option.Option<TokenStore.Entry>, other: Option.Option<TokenStore.Entry>): void =>
  assert.deepStrictEqual(Option.map(one, bare), Option.map(other, bare))

/** Each is the session of somebody else, or of something else. */
const others: ReadonlyArray<SessionKey> = [
  { ...key, issuer: `${key.issuer}/` },
  { ...key, issuer: "https://ISSUER.test" },
  { ...key, clientId: "App" },
  { ...key, subject: undefined },
  { ...key, subject: "" },
  { ...key, resource: ["https://a.test"] },
  { ...key, resource: ["https://a.test", "https://b.test/"] },
  { ...key, resource: key.scope, scope: key.resource },
  { ...key, scope: ["read write"] }
]

export const tokenStoreContract = (
  make: Effect.Effect<Layer.Layer<SecretStore, unknown>, never, Scope.Scope>
): void => {
  const rule = (says: string, test: Effect.Effect<void, unknown, TokenStore.TokenStore | SecretStore>) =>
    it.scopedLive(`sessions: ${says}`, () =>
      Effect.flatMap(make, (layer) => Effect.provide(test, Layer.provideMerge(TokenStore.layer, layer)))
    )

  rule(
    "a record comes back whole",
    Effect.gen(function* () {
      const store = yield* TokenStore.TokenStore
      assert.isTrue(Option.isNone(yield* store.get(key)))
      for (const record of [full, TokenStore.emptyRecord]) {
        const entry = yield* store.put(key, record)
        assertSame(Option.some(entry), Option.some({ ...entry, record }))
        assertSame(yield* store.get(key), Option.some(entry))
      }
      yield* store.delete(key)
      assert.isTrue(Option.isNone(yield* store.get(key)))
    })
  )

  rule(
    "the sets of a key have no order and no repeats, and all else is byte for byte",
    Effect.gen(function* () {
      const store = yield* TokenStore.TokenStore
      const entry = yield* store.put(key, full)
      const same = {
        ...key,
        resource: [...(key.resource ?? []), "https://a.test"].reverse(),
        scope: ["write", "read"]
      }
      assertSame(yield* store.get(same), Option.some(entry))
      for (const other of others) assert.isTrue(Option.isNone(yield* store.get(other)), Key.canonical(other))
    })
  )

  rule(
    "a lease is had by the first alone",
    Effect.gen(function* () {
      const store = yield* TokenStore.TokenStore
      const { generation } = yield* store.put(key, { ...full, lease: Option.none() })
      const taken = yield* Effect.forEach(
        Array.from({ length: 20 }, (_, index) => `owner ${index}`),
        (owner) =>
          store.compareAndSet(key, Option.some(generation), {
            ...full,
            lease: Option.some({ owner, until: 1 })
          }),
        { concurrency: "unbounded" }
      )
      const winners = taken.flatMap((one) => Option.toArray(one))
      assert.strictEqual(winners.length, 1)
      assertSame(yield* store.get(key), Option.fromNullable(winners[0]))
    })
  )

  rule(
    "the entry of another key is corrupt",
    Effect.gen(function* () {
      const store = yield* TokenStore.TokenStore
      const secrets = yield* SecretStore
      const other = { ...key, subject: "eve" }
      yield* store.put(key, full)
      const { text } = Option.getOrThrow(yield* secrets.get(yield* Key.name(key)))
      for (const planted of [text, "", "{}", text.replace('"version":1', '"version":2')]) {
        yield* secrets.put(yield* Key.name(other), planted)
        const error = yield* Effect.flip(store.get(other))
        assert.strictEqual(error.reason, "corrupt")
        assert.notInclude(JSON.stringify(error), "canary")
      }
      yield* store.delete(other)
      assert.isTrue(Option.isNone(yield* store.get(other)))
    })
  )

  rule(
    "tokens of another issuer are not kept, and not given",
    Effect.gen(function* () {
      const store = yield* TokenStore.TokenStore
      const secrets = yield* SecretStore
      const foreign = { ...full, tokens: Option.some({ ...tokens, issuer: "https://other.test" }) }
      assert.strictEqual((yield* Effect.flip(store.put(key, foreign))).reason, "conflict")
      assert.strictEqual(
        (yield* Effect.flip(store.compareAndSet(key, Option.none(), foreign))).reason,
        "conflict"
      )
      yield* store.put(key, full)
      const name = yield* Key.name(key)
      const { text } = Option.getOrThrow(yield* secrets.get(name))
      yield* secrets.put(
        name,
        text.replace('"tokens":{"issuer":"https://issuer.test"', '"tokens":{"issuer":"https://other.test"')
      )
      assert.strictEqual((yield* Effect.flip(store.get(key))).reason, "corrupt")
    })
  )

  rule(
    "nothing of the key shows in the name",
    Effect.gen(function* () {
      const name = yield* Key.name({ ...key, subject: "ada@example.test" })
      assert.match(name, /^effect-oauth\.session\.[A-Za-z0-9_-]{43}$/)
    })
  )
}
