/**
 * Receiving the answer to a login on the person's own machine (RFC 8252 section 7.3).
 *
 * @since 0.1.0
 */
import { LoginError } from "effect-oauth/OAuthError"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Duration from "effect/Duration"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import type * as Scope from "effect/Scope"
import type { IncomingMessage, ServerResponse } from "node:http"
import * as Admission from "./internal/callbackAdmission.js"
import * as Page from "./internal/callbackPage.js"
import * as Parameters from "./internal/callbackParameters.js"
import * as Reply from "./internal/callbackReply.js"
import * as Server from "./internal/callbackServer.js"

const operation = "LoopbackCallback.listen"

/** Answers that come before anybody waits for them are kept, up to this many. */
const maxHeld = 8

/**
 * The parameters of an authorization response in the order they came, each name once. They hold the
 * authorization code: keep them `Redacted`.
 *
 * @since 0.1.0
 * @category models
 */
export type CallbackParameters = Parameters.CallbackParameters

/**
 * Where to listen. Everything has a default.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The loopback address to bind; `127.0.0.1` by default, `::1` where a machine has IPv6 alone. */
  readonly address?: "127.0.0.1" | "::1" | undefined
  /**
   * The name in the redirect URI: the address itself by default. `localhost` only for servers that insist on it
   * (RFC 8252 section 8.3 advises against it: it may resolve to another address).
   */
  readonly name?: "localhost" | undefined
  /** Any free port by default. */
  readonly port?: number | undefined
  /** `/callback` by default. Matched exactly. */
  readonly path?: string | undefined
  /** Accept `response_mode=form_post` as well as a query; off by default. */
  readonly formPost?: boolean | undefined
  /** How long a connection may take to send its headers; 10 seconds by default, twice that with the body. */
  readonly headerTimeout?: Duration.DurationInput | undefined
}

/**
 * What the person is told in the browser at the end: the texts are escaped, and should be the program's own,
 * never what a server sent.
 *
 * @since 0.1.0
 * @category models
 */
export type Outcome =
  | { readonly _tag: "Success"; readonly message?: string | undefined }
  | { readonly _tag: "Failure"; readonly message: string }

/**
 * The one accepted answer. The browser waits until `respond` is called, so that its page can tell how the login
 * really ended; if it never is, the closing of the listener answers with a failure.
 *
 * @since 0.1.0
 * @category models
 */
export interface Callback {
  readonly parameters: Redacted.Redacted<CallbackParameters>
  /** Shows the page and waits (1 second at most) until it is out. Only the first call counts; it never fails. */
  readonly respond: (outcome: Outcome) => Effect.Effect<void>
}

/**
 * A listener for the answer to one login.
 *
 * @since 0.1.0
 * @category models
 */
export interface LoopbackCallback {
  /** To send as `redirect_uri`, byte for byte. */
  readonly redirectUri: string
  /**
   * Waits for the first answer that `accept` takes, be it a code or an `error`. Every other hit is answered with
   * a page, noted at debug level without its parameters, and does not end the waiting. What arrived before this
   * call is judged by it too. An answer is taken once: later ones are told so, and waiting again gives the same.
   */
  readonly await: (accept: (parameters: CallbackParameters) => boolean) => Effect.Effect<Callback>
}

/**
 * Accepts the answers that carry this `state`, compared in constant time.
 *
 * @since 0.1.0
 * @category predicates
 */
export const hasState =
  (state: Redacted.Redacted<string>) =>
  (parameters: CallbackParameters): boolean =>
    Parameters.hasState(parameters, state)

interface Hit {
  readonly parameters: CallbackParameters
  readonly response: ServerResponse
}

interface State {
  readonly accept: Option.Option<(parameters: CallbackParameters) => boolean>
  readonly held: ReadonlyArray<Hit>
  readonly winner: Option.Option<Hit>
  readonly closed: boolean
}

const initial: State = { accept: Option.none(), held: [], winner: Option.none(), closed: false }

const defaultSuccess = "You can close this window and return to the program that started the login."

const pageOf = (outcome: Outcome): Page.Page =>
  outcome._tag === "Success"
    ? Page.succeeded(outcome.message ?? defaultSuccess)
    : Page.failed(outcome.message)

const toCallback = (hit: Hit): Callback => ({
  parameters: Redacted.make(hit.parameters),
  respond: (outcome) => Reply.send(hit.response, pageOf(outcome))
})

const ignore = (response: ServerResponse, page: Page.Page, why: string): Effect.Effect<void> =>
  Effect.logDebug(`Ignored a request to the login callback: ${why}`).pipe(
    Effect.zipRight(Reply.send(response, page))
  )

/** Decides on one more hit; what is to be done about it is returned, not done. */
const judge = (hit: Hit, state: State): readonly [action: "win" | "hold" | Page.Page, state: State] => {
  if (state.closed) return [Page.over, state]
  if (Option.isSome(state.winner)) return [Page.alreadyUsed, state]
  if (Option.isNone(state.accept)) {
    return state.held.length < maxHeld
      ? ["hold", { ...state, held: [...state.held, hit] }]
      : [Page.busy, state]
  }
  return state.accept.value(hit.parameters)
    ? ["win", { ...state, winner: Option.some(hit) }]
    : [Page.otherLogin, state]
}

const checkOptions = (options: Options): Effect.Effect<void, LoginError> => {
  const { path = "/callback", port = 0 } = options
  const fail = (message: string) =>
    Effect.fail(new LoginError({ reason: "listen_failed", operation, message }))
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    return fail("The callback port must be 0 to 65535.")
  if (!/^\/[\w.~!$&'()*+,;=:@/-]*$/.test(path) || new URL(path, "http://127.0.0.1").pathname !== path) {
    return fail("The callback path must begin with / and have neither query nor fragment.")
  }
  return Effect.void
}

/**
 * Listens on loopback for the answer to a login, until the scope closes.
 *
 * Takes GET (and POST of a form, if enabled) on the exact path, with a Host header that is exactly its own (which
 * keeps out rebound DNS names), at most 16 KiB of headers, 64 KiB of form, 16 parameters of 4096 bytes each; a
 * browser that merely loads ahead is turned away. Closing is immediate: the page that is owed goes out, and every
 * connection is cut. Nothing of a request reaches logs or spans.
 *
 * Fails with `LoginError`: `port_in_use`, or `listen_failed`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const listen = (options: Options = {}): Effect.Effect<LoopbackCallback, LoginError, Scope.Scope> =>
  Effect.gen(function* () {
    yield* checkOptions(options)
    const { address = "127.0.0.1", path = "/callback" } = options
    const state = yield* Ref.make(initial)
    const winner = yield* Deferred.make<Callback>()
    const origin = yield* Deferred.make<URL>()
    const fork = yield* FiberSet.makeRuntime<never>()

    const act = (hit: Hit, action: "win" | "hold" | Page.Page): Effect.Effect<unknown> => {
      if (action === "win") return Deferred.succeed(winner, toCallback(hit))
      if (action === "hold") return Effect.void
      return Effect.sync(() => fork(ignore(hit.response, action, action.title)))
    }
    const offer = (hit: Hit): Effect.Effect<unknown> =>
      Ref.modify(state, (current) => judge(hit, current)).pipe(
        Effect.flatMap((action) => act(hit, action)),
        Effect.uninterruptible
      )

    const handle = (request: IncomingMessage, response: ServerResponse): Effect.Effect<unknown> =>
      Effect.gen(function* () {
        const { host } = yield* Deferred.await(origin)
        const verdict = yield* Admission.admit({ host, path, formPost: options.formPost ?? false }, request)
        return yield* verdict._tag === "Refused"
          ? ignore(response, verdict.page, verdict.why)
          : offer({ parameters: verdict.parameters, response })
      }).pipe(
        // an `accept` that throws is a defect of whoever waits, not of this request
        Effect.catchAllCause((cause) =>
          Cause.isInterruptedOnly(cause)
            ? Effect.void
            : Effect.zipRight(Deferred.failCause(winner, cause), Reply.send(response, Page.over))
        )
      )

    const beforeClose = Ref.getAndUpdate(state, (current) => ({ ...current, held: [], closed: true })).pipe(
      Effect.flatMap(({ held, winner }) =>
        Effect.forEach([...held, ...Option.toArray(winner)], (hit) => Reply.send(hit.response, Page.over), {
          concurrency: "unbounded",
          discard: true
        })
      )
    )

    const port = yield* Server.make({
      address,
      port: options.port ?? 0,
      headerTimeout: options.headerTimeout ?? "10 seconds",
      beforeClose,
      onRequest: (request, response) => void fork(handle(request, response))
    })
    const name = options.name ?? (address === "::1" ? "[::1]" : address)
    const redirectUri = new URL(`http://${name}:${port}${path}`)
    yield* Deferred.succeed(origin, redirectUri)

    const expect = (accept: (parameters: CallbackParameters) => boolean): Effect.Effect<void> =>
      Ref.getAndUpdate(state, (current) => ({ ...current, accept: Option.some(accept), held: [] })).pipe(
        Effect.flatMap(({ held }) => Effect.forEach(held, offer, { discard: true })),
        Effect.uninterruptible
      )
    const forget = Ref.update(state, (current) => ({ ...current, accept: Option.none() }))

    return {
      redirectUri: redirectUri.href,
      await: (accept) =>
        Effect.onInterrupt(Effect.zipRight(expect(accept), Deferred.await(winner)), () => forget)
    }
  })
