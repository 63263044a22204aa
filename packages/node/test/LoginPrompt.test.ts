import { assert, describe, it } from "@effect/vitest"
import * as LoginPrompt from "effect-oauth-node/LoginPrompt"
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { PassThrough } from "node:stream"

const url = "https://issuer.example/authorize?client_id=cli&state=s"

const terminal = (isTTY = true) => {
  const input = Object.assign(new PassThrough(), { isTTY })
  const output = new PassThrough()
  const prompt = LoginPrompt.make({ input, output })
  return { input, prompt, text: () => String(output.read() ?? "") }
}

const started: LoginPrompt.LoginPrompt.Event = { _tag: "Started", url, timeout: Duration.minutes(5) }

describe("LoginPrompt", () => {
  it.live("shows the address on a line of its own, how long there is, and what may be entered", () =>
    Effect.gen(function* () {
      const { prompt, text } = terminal()
      yield* prompt.tell(started)
      const shown = text()
      assert.include(shown.split("\n"), `  ${url}`)
      assert.include(shown, "5m")
      assert.include(shown, "paste")
      assert.notMatch(shown, /[ \t]$/m)
    })
  )

  it.live("does not ask for what it would not read, where the input is no terminal", () =>
    Effect.gen(function* () {
      const { input, prompt, text } = terminal(false)
      yield* prompt.tell(started)
      const shown = text()
      assert.notInclude(shown, "paste")
      assert.notMatch(shown, /[ \t]$/m)
      const read = yield* Effect.fork(Stream.runHead(prompt.entered))
      input.write("for the program, not for the login\n")
      yield* Effect.sleep(30)
      assert.isTrue(Option.isNone(yield* Fiber.poll(read)))
      assert.include(String(input.read()), "for the program")
    })
  )

  it.live("peers 4c 57: no control character of anybody reaches the terminal", () =>
    Effect.gen(function* () {
      const { prompt, text } = terminal()
      yield* prompt.tell({ ...started, url: `${url}\u001b[2J\r\n\u0007\u202eevil` })
      yield* prompt.tell({ _tag: "BrowserNotOpened", why: "a\u001b]8;;http://evil\u0007b\r\nc" })
      yield* prompt.tell({ _tag: "PasteRefused", why: "a\u009b31mb" })
      assert.notMatch(text().replaceAll("\n", ""), /\p{C}/u)
    })
  )

  it.live("lines are given as they are entered, and not echoed", () =>
    Effect.gen(function* () {
      const { input, prompt, text } = terminal()
      const read = yield* Effect.fork(Stream.runCollect(Stream.take(prompt.entered, 2)))
      yield* Effect.sleep(30)
      const long = `http://127.0.0.1:1/callback?code=${"c".repeat(6000)}&state=s`
      input.write(`${long.slice(0, 4000)}`)
      input.write(`${long.slice(4000)}\r\n`)
      input.write("second\r")
      assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Fiber.join(read)), [long, "second"])
      assert.strictEqual(text(), "")
    })
  )

  for (const [name, keys] of [
    ["q", "q\n"],
    ["Q with blanks", " Q \n"],
    ["Ctrl-C", "\u0003"],
    ["Ctrl-C in a half line", "half\u0003"],
    ["Ctrl-D", "\u0004"]
  ] as const) {
    it.live(`${name} cancels`, () =>
      Effect.gen(function* () {
        const { input, prompt } = terminal()
        const read = yield* Effect.fork(Effect.flip(Stream.runDrain(prompt.entered)))
        yield* Effect.sleep(30)
        input.write(keys)
        assert.strictEqual((yield* Fiber.join(read)).reason, "cancelled")
      })
    )
  }

  it.live("the terminal is left alone once nobody reads", () =>
    Effect.gen(function* () {
      const { input, prompt } = terminal()
      const read = yield* Effect.fork(Stream.runDrain(prompt.entered))
      yield* Effect.sleep(30)
      assert.isFalse(input.isPaused())
      yield* Fiber.interrupt(read)
      assert.isTrue(input.isPaused())
      assert.strictEqual(input.listenerCount("keypress"), 0)
    })
  )
})
