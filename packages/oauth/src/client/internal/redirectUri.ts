import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Endpoint from "../../protocol/Endpoint.js"
import type { AuthorizationError } from "../../protocol/OAuthError.js"
import type { OAuthClient } from "../OAuthClient.js"
import { refuse } from "./authorizationResponse.js"

/** One of the registered redirect URIs; of a loopback one, the port is free (RFC 8252 section 7.3). */
export const chooseRedirectUri = (
  operation: string,
  { redirectUris: registered, wire }: OAuthClient.Service,
  wanted: string | undefined
): Effect.Effect<string, AuthorizationError> => {
  const [first] = registered
  const chosen = wanted ?? first
  if (chosen === undefined) {
    return refuse(operation, "invalid_request", "no redirect URI: give one to request or client")
  }
  if (registered.length === 0) {
    return Option.match(Endpoint.redirectUriProblem(chosen, wire.limits), {
      onNone: () => Effect.succeed(chosen),
      onSome: (why) => refuse(operation, "invalid_request", `the redirect URI may not be used: it ${why}`)
    })
  }
  return registered.some((uri) => uri === chosen || sameButPort(uri, chosen))
    ? Effect.succeed(chosen)
    : refuse(operation, "invalid_request", "the redirect URI is not one of the client's")
}

const sameButPort = (registered: string, wanted: string): boolean => {
  if (!URL.canParse(registered) || !URL.canParse(wanted)) return false
  const one = new URL(registered)
  const other = new URL(wanted)
  if (one.protocol !== "http:" || !/^(127\.0\.0\.1|\[::1\])$/.test(one.hostname)) return false
  one.port = other.port
  return one.href === other.href
}
