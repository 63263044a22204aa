/** A rotation as text: private keys as JWKs (RFC 7517), each with its place and its instant. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { Rotation, Stage } from "effect-oauth/KeyRotation"
import { KeyringError } from "effect-oauth/OAuthError"
import * as SigningKey from "effect-oauth/SigningKey"

const operation = "DirectoryKeyring"

export const problem = (reason: KeyringError["reason"], what: string): KeyringError =>
  new KeyringError({
    operation,
    reason,
    retriable: reason === "unavailable",
    message: `${operation}: ${what}.`
  })

const StoredStage = Schema.Struct({
  since: Schema.Finite,
  alg: Schema.String,
  key: Schema.Struct({ kty: Schema.String }, { key: Schema.String, value: Schema.Unknown })
})

const Stored = Schema.parseJson(
  Schema.Struct({
    version: Schema.Literal(1),
    current: StoredStage,
    next: Schema.optional(StoredStage),
    retiring: Schema.Array(StoredStage)
  })
)

const decode = Schema.decodeUnknownOption(Stored)

const storedOf = ({ key, since }: Stage): Effect.Effect<typeof StoredStage.Type, KeyringError> =>
  Option.match(key.privateJwk, {
    onNone: () => Effect.fail(problem("unsupported", "a key that cannot leave its place cannot be stored")),
    onSome: (jwk) => Effect.succeed({ since, alg: key.algorithm, key: { ...Redacted.value(jwk) } })
  })

/** The whole rotation, private keys included. */
export const write = ({ current, next, retiring }: Rotation): Effect.Effect<string, KeyringError> =>
  Effect.map(
    Effect.all([
      storedOf(current),
      Effect.forEach(Option.toArray(next), storedOf),
      Effect.forEach(retiring, storedOf)
    ]),
    ([current, next, retiring]) =>
      `${JSON.stringify({ version: 1, current, next: next[0], retiring }, undefined, 2)}\n`
  )

const stageOf = ({ alg, key, since }: typeof StoredStage.Type): Effect.Effect<Stage, KeyringError> =>
  Effect.flatMap(SigningKey.fromJwk(key, { operation }), (made) => {
    const algorithm = made.algorithms.find((name) => name === alg)
    return algorithm === undefined
      ? Effect.fail(problem("malformed", "a stored key is not one of its algorithm"))
      : Effect.succeed({ key: { ...made, algorithm }, since })
  })

/** Fails with `malformed`, whatever is wrong, and repeats nothing of the text. */
export const read = (what: string, text: string): Effect.Effect<Rotation, KeyringError> =>
  Option.match(decode(text), {
    onNone: () => Effect.fail(problem("malformed", `${what} holds no keys that can be read`)),
    onSome: ({ current, next, retiring }) =>
      Effect.all([
        stageOf(current),
        Effect.forEach(next === undefined ? [] : [next], stageOf),
        Effect.forEach(retiring, stageOf)
      ]).pipe(
        Effect.map(([current, next, retiring]) => ({
          current,
          next: Option.fromNullable(next[0]),
          retiring
        })),
        Effect.mapError(() => problem("malformed", `${what} holds a key that cannot be used`))
      )
  })
