import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Keyring from "../../keys/Keyring.js"
import { KeyringService } from "../../keys/Keyring.js"
import { SignatureEngine } from "../../keys/SignatureEngine.js"
import * as ClientAssertion from "../ClientAssertion.js"

interface Kept {
  readonly keyring: Keyring.Keyring
  readonly engine: SignatureEngine.Service
  readonly assertions: ClientAssertion.ClientAssertion.Service
}

/** What signs assertions with the keyring and the engine in force. One client has the same of both every time. */
export const keptAssertions = (): Effect.Effect<
  ClientAssertion.ClientAssertion.Service,
  never,
  KeyringService
> => {
  let last: Kept | undefined
  return Effect.contextWithEffect((context: Context.Context<KeyringService>) => {
    const keyring = Context.get(context, KeyringService)
    const engine = Context.get(context, SignatureEngine)
    if (last?.keyring === keyring && last.engine === engine) return Effect.succeed(last.assertions)
    return Effect.map(ClientAssertion.make, (assertions) => {
      last = { keyring, engine, assertions }
      return assertions
    })
  })
}
