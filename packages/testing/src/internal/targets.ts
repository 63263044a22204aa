/** What a client may ask for: grants, scopes, resources and audiences. */
import * as Effect from "effect/Effect"
import type { TestClient } from "../TestClient.js"
import * as Reply from "./reply.js"
import type { State } from "./state.js"
import * as Tokens from "./tokens.js"

/** Whether a client is registered for a grant. */
export const mayUse = (client: TestClient, grantType: string): boolean =>
  client.grantTypes === undefined || client.grantTypes.includes(grantType)

/** RFC 6749 appendix A.4. */
const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** The scope asked for, if the client may have it (RFC 6749 section 3.3). */
export const scope = (
  state: State,
  client: TestClient,
  text: string | null
): Effect.Effect<ReadonlyArray<string>, Reply.Refusal> => {
  const wanted = Tokens.scopes(text)
  const wrong = wanted.find(
    (name) =>
      !scopeToken.test(name) ||
      (state.settings.scopes !== undefined && !state.settings.scopes.includes(name)) ||
      (client.scopes !== undefined && !client.scopes.includes(name))
  )
  return wrong === undefined
    ? Effect.succeed(wanted)
    : Reply.refuse("invalid_scope", "A scope is unknown or not allowed")
}

/** The resources (absolute, no fragment: RFC 8707 section 2) or audiences asked for. */
export const targets = (
  state: State,
  client: TestClient,
  wanted: ReadonlyArray<string>,
  kind: "resource" | "audience"
): Effect.Effect<ReadonlyArray<string>, Reply.Refusal> => {
  const permitted = client.targets ?? state.settings.targets
  const wrong = wanted.find(
    (target) =>
      (kind === "resource" && (!URL.canParse(target) || target.includes("#"))) ||
      (permitted !== undefined && !permitted.includes(target))
  )
  return wrong === undefined
    ? Effect.succeed([...new Set(wanted)])
    : Reply.refuse("invalid_target", `A ${kind} is malformed, unknown or not allowed`)
}

/** A part of what was granted before; everything when nothing is asked for. */
export const narrow = (
  granted: ReadonlyArray<string>,
  wanted: ReadonlyArray<string>,
  error: "invalid_scope" | "invalid_target"
): Effect.Effect<ReadonlyArray<string>, Reply.Refusal> =>
  wanted.length === 0
    ? Effect.succeed(granted)
    : wanted.every((value) => granted.includes(value))
      ? Effect.succeed(wanted)
      : Reply.refuse(error, "More was asked for than was granted")
