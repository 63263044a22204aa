/** A store that a manager never waits for without end. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { TokenStoreError } from "../../../protocol/OAuthError.js"
import type { SessionKey } from "../../SessionKey.js"
import type { Entry, SessionRecord, TokenStore } from "../../TokenStore.js"

/** The store of one session. */
export interface SessionStore {
  readonly get: Effect.Effect<Option.Option<Entry>, TokenStoreError>
  readonly put: (record: SessionRecord) => Effect.Effect<Entry, TokenStoreError>
  /** After a failure the record may have been written all the same, and may still be. */
  readonly compareAndSet: (
    expected: Option.Option<Entry>,
    record: SessionRecord
  ) => Effect.Effect<Option.Option<Entry>, TokenStoreError>
}

const deadline = Duration.seconds(10)

export const make = (store: TokenStore.Service, key: SessionKey): SessionStore => {
  const bounded = <A>(effect: Effect.Effect<A, TokenStoreError>) =>
    effect.pipe(
      // A store that does not let itself be interrupted is left behind.
      Effect.disconnect,
      Effect.interruptible,
      Effect.timeoutFail({ duration: deadline, onTimeout: silent }),
      // As in Wire: what a timeout forks would be interrupted with a fiber that is not.
      Effect.disconnect,
      Effect.withUnhandledErrorLogLevel(Option.none())
    )
  return {
    get: bounded(store.get(key)),
    put: (record) => bounded(store.put(key, record)),
    compareAndSet: (expected, record) =>
      bounded(
        store.compareAndSet(
          key,
          Option.map(expected, ({ generation }) => generation),
          record
        )
      )
  }
}

const silent = (): TokenStoreError =>
  new TokenStoreError({
    operation: "TokenManager",
    reason: "unavailable",
    message: `TokenManager: the store did not answer within ${Duration.format(deadline)}.`
  })
