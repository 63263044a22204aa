/** The notification of ping mode (CIBA Core section 10.2). */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as BearerCredential from "../../protocol/BearerCredential.js"
import { AuthorizationError } from "../../protocol/OAuthError.js"
import * as Text from "../../protocol/Text.js"
import type { CibaTransaction } from "../CibaTransaction.js"

export interface Notification {
  /** The headers of the request; their names in any case. */
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  /** The body as text, or as JSON that has been parsed. */
  readonly body: unknown
}

const maxLength = 8192

const parse = Option.liftThrowable((text: string): unknown => JSON.parse(text))

/** Which request a notification is about. */
export const authReqId = (
  operation: string,
  { body }: Notification
): Effect.Effect<string, AuthorizationError> => {
  const json =
    typeof body !== "string"
      ? Option.some(body)
      : body.length > maxLength
        ? Option.none<unknown>()
        : parse(body)
  const id = Option.isSome(json) && Predicate.isReadonlyRecord(json.value) && json.value["auth_req_id"]
  return typeof id === "string" && id !== "" && id.length <= maxLength
    ? Effect.succeed(id)
    : refuse(operation, "malformed", "the notification does not tell an auth_req_id")
}

/** Whoever notifies has the token of the request; what is wrong is not told apart. */
export const check = (
  operation: string,
  { headers }: Notification,
  id: string,
  found: Option.Option<CibaTransaction>
): Effect.Effect<CibaTransaction, AuthorizationError> => {
  const credential = BearerCredential.fromHeaders(headers)
  const presented = credential._tag === "Token" ? Redacted.value(credential.token) : ""
  const expected = Option.flatMap(found, ({ notificationToken }) => notificationToken)
  const known = Option.getOrElse(Option.map(expected, Redacted.value), () => "")
  const same = Text.equalsConstantTime(presented, known)
  return Option.isSome(found) &&
    known !== "" &&
    same &&
    Text.equalsConstantTime(id, Redacted.value(found.value.authReqId))
    ? Effect.succeed(found.value)
    : refuse(operation, "state_mismatch", "the notification is not one that was asked for")
}

const refuse = (
  operation: string,
  reason: AuthorizationError["reason"],
  problem: string
): Effect.Effect<never, AuthorizationError> =>
  Effect.fail(new AuthorizationError({ operation, reason, message: `${operation}: ${problem}.` }))
