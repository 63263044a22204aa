/** Bringing what is held into the store, however long that takes. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import { TokenStoreError } from "../../../protocol/OAuthError.js"
import { SessionEvent } from "../../SessionEvent.js"
import type { Entry } from "../../TokenStore.js"
import { look } from "./look.js"
import type { Machine } from "./machine.js"
import * as M from "./machine.js"

/** How often others may be first before it counts as a failure. */
const attempts = 10

/**
 * Writes what is held in the place of the `expected` entry. Where that is not the
 * entry, or not known, looks first: if the store has something that counts more,
 * that is held.
 */
export const save = (
  machine: Machine,
  expected?: Option.Option<Entry>,
  left = attempts
): Effect.Effect<void, TokenStoreError> =>
  Effect.gen(function* () {
    const { memory, store } = machine
    if (left === 0) return yield* contended()
    const entry = expected ?? (yield* lacking(machine))
    const { held } = memory
    if (entry === undefined || held === undefined) return
    const written = yield* store.compareAndSet(entry, M.recordOf(machine, held))
    if (Option.isNone(written)) return yield* save(machine, undefined, left - 1)
    M.saved(machine, held)
  })

/** The entry in the place of which what is held belongs, if it does. */
const lacking = (machine: Machine): Effect.Effect<Option.Option<Entry> | undefined, TokenStoreError> =>
  look(machine, false).pipe(
    Effect.map(({ entry, standing }) => (standing._tag === "Held" && standing.missing ? entry : undefined)),
    Effect.catchIf(
      ({ reason }) => isReplaced(machine, reason),
      () =>
        Effect.suspend(() => {
          const { held } = machine.memory
          if (held === undefined) return Effect.succeed(undefined)
          return Effect.map(machine.store.put(M.recordOf(machine, held)), () => {
            M.saved(machine, held)
            return undefined
          })
        })
    )
  )

/**
 * An entry that cannot be read is of no use to anybody. One that cannot be read
 * here, as its key is not at hand, gives way to a login, which takes the place of
 * whatever there was.
 */
const isReplaced = ({ memory: { held } }: Machine, reason: TokenStoreError["reason"]): boolean =>
  held !== undefined &&
  (reason === "corrupt" || (reason === "forbidden" && !held.saved && held.login.refreshes === 0))

/**
 * Saves; where that fails, says so and goes on trying in the background, after a
 * second at first and after a minute at last, until it succeeds or the scope of the
 * manager closes.
 */
export const saveOrKeepTrying = (
  machine: Machine,
  expected?: Option.Option<Entry>
): Effect.Effect<Exit.Exit<void, TokenStoreError>> =>
  Effect.flatMap(Effect.exit(save(machine, expected)), (exit) =>
    Effect.as(Exit.isSuccess(exit) ? M.show(machine) : unsaved(machine), exit)
  )

const unsaved = (machine: Machine): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { memory, scope } = machine
    if (memory.saving) return M.show(machine)
    memory.saving = true
    return M.say(machine, SessionEvent.Unsaved()).pipe(
      Effect.zipRight(M.show(machine)),
      Effect.zipRight(
        Effect.logWarning(
          "TokenManager: new tokens could not be written to the store. They are kept in memory, and writing them goes on being tried."
        )
      ),
      Effect.zipRight(
        Effect.forkIn(
          Effect.ensuring(
            Effect.interruptible(keepTrying(machine, 0)),
            Effect.sync(() => {
              memory.saving = false
            })
          ),
          scope
        )
      ),
      Effect.asVoid
    )
  })

const keepTrying = (machine: Machine, round: number): Effect.Effect<void> =>
  Random.nextRange(0.5, 1).pipe(
    Effect.flatMap((jitter) => Effect.sleep(Math.min(1000 * 2 ** round, 60_000) * jitter)),
    Effect.zipRight(
      Effect.suspend(() => {
        const { held } = machine.memory
        return Effect.map(Effect.exit(Effect.uninterruptible(save(machine))), (exit) => {
          if (Exit.isFailure(exit)) return false
          machine.memory.saving = false
          return held
        })
      })
    ),
    Effect.flatMap((held) =>
      held === false
        ? keepTrying(machine, round + 1)
        : Effect.zipRight(
            held !== undefined && held === machine.memory.held
              ? M.say(machine, SessionEvent.Saved())
              : Effect.void,
            M.show(machine)
          )
    )
  )

/** The last try, when the manager goes. */
export const saveAtLast = (machine: Machine): Effect.Effect<void> =>
  Effect.suspend(() => (machine.memory.held?.saved === false ? Effect.ignore(save(machine)) : Effect.void))

const contended = (): TokenStoreError =>
  new TokenStoreError({
    operation: "TokenManager",
    reason: "conflict",
    message: "TokenManager: others wrote the session each time that it was to be written."
  })
