/**
 * What a login says to the person, and what the person may answer.
 *
 * @since 0.1.0
 */
import { LoginError } from "effect-oauth/OAuthError"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as readline from "node:readline"
import { Writable } from "node:stream"

/**
 * The conversation of a login. Provide another implementation to hold it in a dialog, or in a test.
 *
 * @since 0.1.0
 * @category services
 */
export class LoginPrompt extends Context.Tag("effect-oauth/LoginPrompt")<
  LoginPrompt,
  LoginPrompt.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace LoginPrompt {
  /**
   * What happens in a login, in this order; nothing here is secret but the `url`, which is for this person.
   *
   * - `Started`: the address to open, and how long the login waits
   * - `BrowserOpened`, or `BrowserNotOpened` and why
   * - `PasteRefused`: what was pasted is not the answer, and why; the login keeps waiting
   * - `Answered`: the answer is there, the tokens are being fetched
   *
   * @since 0.1.0
   * @category models
   */
  export type Event =
    | { readonly _tag: "Started"; readonly url: string; readonly timeout: Duration.Duration }
    | { readonly _tag: "BrowserOpened" }
    | { readonly _tag: "BrowserNotOpened"; readonly why: string }
    | { readonly _tag: "PasteRefused"; readonly why: string }
    | { readonly _tag: "Answered" }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    readonly tell: (event: Event) => Effect.Effect<void>
    /**
     * What the person enters while the login waits: an address that was copied from the browser. Fails with
     * `LoginError` `cancelled` where the person gives up; never ends where nothing can be entered.
     */
    readonly entered: Stream.Stream<string, LoginError>
  }
}

/**
 * The terminal of a login.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Where the person types. Read only while a login waits, and only if it is a terminal. */
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined }
  /** Where the messages go. */
  readonly output: NodeJS.WritableStream
}

/** Text for a terminal: no control character, so nothing that moves its cursor or forges a line. */
const plain = (text: string): string => text.replace(/\p{C}/gu, "")

const write = ({ output }: Options, text: string): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    output.write(`${text}\n`, () => resume(Effect.void))
  })

const render = (event: LoginPrompt.Event, canEnter: boolean): string => {
  switch (event._tag) {
    case "Started": {
      const hint = canEnter
        ? " If the browser runs on another machine, paste the address it ends at here and press Enter.\n" +
          "Enter q to cancel.\n"
        : ""
      return (
        `To log in, open this address in a browser:\n\n  ${plain(event.url)}\n\n` +
        `The login waits for ${Duration.format(event.timeout)}.${hint}`
      )
    }
    case "BrowserOpened":
      return "A browser is opening."
    case "BrowserNotOpened":
      return plain(event.why)
    case "PasteRefused":
      return `${plain(event.why)} Still waiting.`
    case "Answered":
      return "The browser has answered; finishing the login."
  }
}

const cancelled = () =>
  new LoginError({
    operation: "PkceLogin.login",
    reason: "cancelled",
    message: "The login was cancelled at the terminal."
  })

/** Lines of a terminal that are not echoed, since they hold an authorization code. */
const lines = ({ input }: Options): Stream.Stream<string, LoginError> =>
  Stream.asyncPush<string, LoginError>((emit) => {
    const onLine = (line: string) => (/^\s*q\s*$/i.test(line) ? onEnd() : emit.single(line))
    const onEnd = () => emit.fail(cancelled())
    return Effect.acquireRelease(
      Effect.sync(() => {
        const silence = new Writable({ write: (_chunk, _encoding, done) => done() })
        return readline
          .createInterface({ input, output: silence, terminal: true, historySize: 0 })
          .on("line", onLine)
          .on("SIGINT", onEnd)
          .on("close", onEnd)
      }),
      (terminal) => Effect.sync(() => terminal.off("line", onLine).off("close", onEnd).close())
    )
  })

/**
 * Holds the conversation at a terminal. What is pasted is not echoed; Ctrl-C, Ctrl-D and `q` cancel. The terminal
 * is as it was before when the login ends, however it ends.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): LoginPrompt.Service => {
  const canEnter = options.input.isTTY === true
  return {
    tell: (event) => write(options, render(event, canEnter)),
    entered: canEnter ? lines(options) : Stream.never
  }
}

/**
 * The terminal of this process: messages go to standard error, so that standard output stays the program's own.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<LoginPrompt> = Layer.sync(LoginPrompt, () =>
  make({ input: process.stdin, output: process.stderr })
)
