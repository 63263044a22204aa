/**
 * Logging a person in from a program on their machine: authorization code with PKCE through the browser.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Authorization from "effect-oauth/Authorization"
import type * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as Discovery from "effect-oauth/Discovery"
import * as OAuthClient from "effect-oauth/OAuthClient"
import { LoginError } from "effect-oauth/OAuthError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Browser from "./Browser.js"
import type { CallbackParameters } from "./internal/callbackParameters.js"
import * as PastedAnswer from "./internal/pastedAnswer.js"
import * as LoginPrompt from "./LoginPrompt.js"
import * as LoopbackCallback from "./LoopbackCallback.js"

const operation = "PkceLogin.login"

/**
 * How a login can fail. `ending` sorts these into the four endings that a person cares about.
 *
 * @since 0.1.0
 * @category errors
 */
export type Failure = LoginError | CodeExchange.CodeExchange.ExchangeError

/**
 * How the login is held.
 *
 * @since 0.1.0
 * @category models
 */
export interface Interaction extends Pick<
  Authorization.Authorization.Request,
  "acrValues" | "loginHint" | "maxAge" | "parameters" | "pushed" | "scope"
> {
  /**
   * `consent` where the scope has `offline_access`, since a server ignores that without the person's consent
   * (OpenID Connect Core section 11), and none otherwise. What is given here is sent instead, `none` as well.
   */
  readonly prompt?: string | undefined
  /** `form_post` has the answer posted to the callback instead of put into its URL. */
  readonly responseMode?: "query" | "form_post" | undefined
  /**
   * Where to listen for the answer: any free port on 127.0.0.1, path `/callback`. Register that at the server as
   * a redirect URI of a native client: `http://127.0.0.1/callback`, which it takes with any port (RFC 8252 section
   * 7.3). For a server that compares ports, fix one here and register it.
   */
  readonly callback?: Omit<LoopbackCallback.Options, "formPost"> | undefined
  /** How long the person may take; 5 minutes. */
  readonly timeout?: Duration.DurationInput | undefined
  /** `false` only prints the address. */
  readonly openBrowser?: boolean | undefined
}

interface Common<R> extends Interaction {
  readonly clientId: string
  /** `ClientAuthentication.none` unless given: a program on a person's machine keeps no secret (RFC 8252). */
  readonly authentication?: ClientAuthentication.ClientAuthentication<R> | undefined
}

/**
 * Who logs in where: at an issuer, or at the server that a resource names.
 *
 * @since 0.1.0
 * @category models
 */
export type Options<R = never> = Common<R> &
  (
    | {
        /** The issuer identifier, byte for byte. */
        readonly issuer: string
        /** The resources that the token is for (RFC 8707). */
        readonly resource?: string | ReadonlyArray<string> | undefined
      }
    | {
        readonly issuer?: undefined
        /**
         * A protected resource: it is asked without a token, and its challenge and metadata (RFC 9728) name the
         * server (the first of several; give `issuer` to choose) and, unless `scope` is given, the scope.
         */
        readonly resource: string
      }
  )

/**
 * The options of `loginWithClient`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClientOptions extends Interaction {
  /** The resources that the token is for (RFC 8707). */
  readonly resource?: string | ReadonlyArray<string> | undefined
}

/**
 * How a login ended that did not succeed: `denied` by the person or the server, `timed_out`, `cancelled` at the
 * terminal, or `failed` for any other reason.
 *
 * @since 0.1.0
 * @category errors
 */
export type Ending = "denied" | "timed_out" | "cancelled" | "failed"

/**
 * Sorts a failure, for messages and exit codes.
 *
 * @since 0.1.0
 * @category errors
 */
export const ending = (failure: Failure): Ending => {
  if (failure._tag === "AuthorizationError" && failure.reason === "denied") return "denied"
  if (failure._tag === "LoginError" && (failure.reason === "timed_out" || failure.reason === "cancelled")) {
    return failure.reason
  }
  return "failed"
}

interface Answer {
  readonly parameters: Redacted.Redacted<CallbackParameters>
  readonly respond: LoopbackCallback.Callback["respond"]
}

/** What the browser is told; the reasons are the terminal's. */
const outcomeOf = (failure: Failure): LoopbackCallback.Outcome => ({
  _tag: "Failure",
  message:
    ending(failure) === "denied"
      ? "Access was denied. You can close this window and return to the program that started the login."
      : "Return to the program that started the login: it knows the reason."
})

/** Waits for the person to paste the answer, and says what is wrong with anything else. */
const pasted = (
  prompt: LoginPrompt.LoginPrompt.Service,
  redirectUri: string,
  state: Redacted.Redacted<string>
): Effect.Effect<Answer, LoginError> =>
  prompt.entered.pipe(
    Stream.filter((text) => text.trim() !== ""),
    Stream.mapEffect((text) =>
      Either.match(PastedAnswer.read(text, redirectUri, state), {
        onLeft: (why) => Effect.as(prompt.tell({ _tag: "PasteRefused", why }), Option.none<Answer>()),
        onRight: (parameters) =>
          Effect.succeedSome<Answer>({ parameters: Redacted.make(parameters), respond: () => Effect.void })
      })
    ),
    Stream.filterMap((answer) => answer),
    Stream.runHead,
    Effect.flatMap(
      Option.match({ onNone: () => Effect.never, onSome: (answer: Answer) => Effect.succeed(answer) })
    )
  )

/** Many a server shows an error of its own where it does not know the redirect URI, and sends no answer. */
const timedOut = (timeout: Duration.Duration, registered: string) =>
  new LoginError({
    operation,
    reason: "timed_out",
    message:
      `Nobody finished the login within ${Duration.format(timeout)}. Start it again, and finish it in the ` +
      "browser window that it opens. If the browser showed an error of the server, register the redirect URI " +
      `${registered} for this client there.`
  })

/** A port that is the system's to choose is not registered (RFC 8252 section 7.3). */
const toRegister = (redirectUri: string, port: number | undefined): string => {
  if (port !== undefined && port !== 0) return redirectUri
  const url = new URL(redirectUri)
  url.port = ""
  return `${url.href} (with any port)`
}

/** OpenID Connect Core section 11: without the consent of the person a server ignores `offline_access`. */
const promptOf = ({ prompt, scope = [] }: ClientOptions): string | undefined =>
  prompt ?? (scope.includes("offline_access") ? "consent" : undefined)

/**
 * Logs a person in as the `OAuthClient` of the program, whose redirect URIs (if it names any) must have the
 * callback's, whatever the port. See `login`.
 *
 * @since 0.1.0
 * @category logging in
 */
export const loginWithClient = (
  options: ClientOptions = {}
): Effect.Effect<
  CodeExchange.CodeExchange.Result,
  Failure,
  Authorization.Authorization | CodeExchange.CodeExchange | Browser.Browser | LoginPrompt.LoginPrompt
> =>
  Effect.gen(function* () {
    const authorization = yield* Authorization.Authorization
    const codeExchange = yield* CodeExchange.CodeExchange
    const browser = yield* Browser.Browser
    const prompt = yield* LoginPrompt.LoginPrompt
    const { callback, openBrowser = true, timeout: limit = "5 minutes", ...request } = options
    const timeout = Duration.min(limit, "1 day")

    const listener = yield* LoopbackCallback.listen({
      ...callback,
      formPost: request.responseMode === "form_post"
    })
    const { transaction, url } = yield* authorization.begin({
      ...request,
      prompt: promptOf(request),
      redirectUri: listener.redirectUri,
      timeToLive: Duration.sum(timeout, "1 minute")
    })
    yield* prompt.tell({ _tag: "Started", url, timeout })
    if (openBrowser) {
      yield* browser.open(url).pipe(
        Effect.matchEffect({
          onSuccess: () => prompt.tell({ _tag: "BrowserOpened" }),
          onFailure: ({ message }) => prompt.tell({ _tag: "BrowserNotOpened", why: message })
        }),
        Effect.forkScoped
      )
    }
    const received: Effect.Effect<Answer> = listener.await(LoopbackCallback.hasState(transaction.state))
    const answer = yield* Effect.raceFirst(
      received,
      pasted(prompt, listener.redirectUri, transaction.state)
    ).pipe(
      Effect.timeoutFail({
        duration: timeout,
        onTimeout: () => timedOut(timeout, toRegister(listener.redirectUri, callback?.port))
      })
    )
    yield* prompt.tell({ _tag: "Answered" })

    return yield* authorization.complete(Redacted.value(answer.parameters), transaction).pipe(
      Effect.flatMap((code) => codeExchange.exchange(code)),
      Effect.tap(() => answer.respond({ _tag: "Success" })),
      Effect.tapError((failure) => answer.respond(outcomeOf(failure)))
    )
  }).pipe(Effect.scoped)

/** Where to log in, and for what. */
const target = <R>(
  options: Options<R>
): Effect.Effect<
  { readonly issuer: string; readonly request: ClientOptions },
  Discovery.Discovery.Error,
  HttpClient.HttpClient
> =>
  Effect.gen(function* () {
    const { issuer, resource, ...request } = options
    if (issuer !== undefined) return { issuer, request: { ...request, resource } }
    const discovery = yield* Discovery.make
    const found = yield* discovery.fromResource(resource)
    const scope = request.scope ?? found.challengedScope
    return { issuer: found.authorizationServers[0], request: { ...request, scope, resource: found.resource } }
  }).pipe(Effect.scoped)

/**
 * Logs a person in through their browser (RFC 8252, RFC 7636) and gives the tokens, with the ID token verified
 * where `openid` was asked for.
 *
 * Listens on loopback, shows the address, opens the browser, and takes the answer from whichever comes first: the
 * listener, or an address that the person pastes. Hits that are not the answer are ignored. The browser is told
 * of success only after the tokens are there. For `offline_access` the person is asked to consent (`prompt`),
 * without which there would be no refresh token. Interrupting it (Ctrl-C) closes the port and restores the terminal.
 *
 * Fails with `LoginError` (`cancelled`, `timed_out`, `port_in_use`, `listen_failed`), with `AuthorizationError`
 * (`denied` and what else an answer can be refused for), or as discovery and the code exchange do. A browser that
 * cannot be opened is told, and is no failure: the person may open the address elsewhere.
 *
 * @example
 * import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
 * import * as NodeLogin from "effect-oauth-node/NodeLogin"
 * import * as PkceLogin from "effect-oauth-node/PkceLogin"
 * import * as Effect from "effect/Effect"
 *
 * PkceLogin.login({ issuer: "https://issuer.example", clientId: "cli", scope: ["openid"] }).pipe(
 *   Effect.flatMap(({ tokens }) => Effect.log(`Logged in at ${tokens.issuer}`)),
 *   Effect.provide(NodeLogin.layer),
 *   NodeRuntime.runMain
 * )
 *
 * @since 0.1.0
 * @category logging in
 */
export const login = <R = never>(
  options: Options<R>
): Effect.Effect<
  CodeExchange.CodeExchange.Result,
  Failure,
  HttpClient.HttpClient | Browser.Browser | LoginPrompt.LoginPrompt | R
> =>
  Effect.gen(function* () {
    const { issuer, request } = yield* target(options)
    const { authentication, clientId } = options
    const client = OAuthClient.layer<R>({ issuer, clientId, authentication })
    const flows = Layer.merge(Authorization.layer, CodeExchange.layer)
    return yield* Effect.provide(loginWithClient(request), Layer.provide(flows, client))
  })
