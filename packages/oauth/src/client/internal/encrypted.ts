import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { JwtDecrypter } from "../../keys/JwtDecrypter.js"
import type { JwtError } from "../../protocol/OAuthError.js"

/** The signed JWT in an encrypted one, for a client that has a decrypter; anything else as it is. */
export const opened = (
  decrypter: JwtDecrypter.Service | undefined,
  token: Redacted.Redacted<string>
): Effect.Effect<Redacted.Redacted<string>, JwtError> =>
  decrypter !== undefined && Redacted.value(token).split(".", 6).length === 5
    ? Effect.map(decrypter.decrypt(token), ({ plaintext }) => plaintext)
    : Effect.succeed(token)
