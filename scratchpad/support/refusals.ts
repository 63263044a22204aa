import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { OAuthError } from "effect-oauth/OAuthError"
import * as Redacted from "effect/Redacted"

class NotRefused extends Data.TaggedError("NotRefused")<{ readonly message: string }> {}

/** Runs what must be refused, and gives the typed error as lines; success is the failure here. */
export const expectRefusal = <A, E extends OAuthError>(
  effect: Effect.Effect<A, E>
): Effect.Effect<ReadonlyArray<string>, NotRefused> =>
  effect.pipe(
    Effect.flip,
    Effect.mapError(() => new NotRefused({ message: "this should have been refused" })),
    Effect.map((error) => [`${error._tag} (${error.reason})`, error.message])
  )

/** The token with one character of its claims changed. */
export const tampered = (token: Redacted.Redacted<string>): Redacted.Redacted<string> => {
  const [header = "", claims = "", signature = ""] = Redacted.value(token).split(".")
  const text = Buffer.from(claims, "base64url").toString().replace('"notes:read', '"notes:root')
  return Redacted.make([header, Buffer.from(text).toString("base64url"), signature].join("."))
}
