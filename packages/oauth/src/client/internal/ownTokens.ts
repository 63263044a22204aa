import * as Effect from "effect/Effect"
import { ProtocolViolation } from "../../protocol/OAuthError.js"
import type { TokenSet } from "../../protocol/TokenSet.js"
import type { OAuthClient } from "../OAuthClient.js"

/** No token goes to another server than the one that issued it. */
export const checkOwn = (
  client: OAuthClient.Service,
  operation: string,
  tokens: TokenSet
): Effect.Effect<void, ProtocolViolation> =>
  tokens.issuer === client.issuer
    ? Effect.void
    : new ProtocolViolation({
        operation,
        reason: "mismatch",
        member: "issuer",
        rule: "RFC 9700 section 2.3: a token is for the server it was issued by and the resources it was issued for",
        message: `${operation}: the tokens were issued by another server, and are not sent to this one.`
      })
