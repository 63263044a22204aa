/** What a resource says when it does not let a request in. */
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Option from "effect/Option"
import type * as Challenge from "../../../protocol/Challenge.js"
import * as StepUpChallenge from "../../../protocol/StepUpChallenge.js"

export type Refusal =
  /** Another token may help: `invalid_token`, or a 401 without any error (RFC 6750 section 3.1). */
  | { readonly _tag: "Token" }
  /** A proof with the nonce of this answer may help (RFC 9449 section 9). */
  | { readonly _tag: "Nonce" }
  /** A person may help. */
  | {
      readonly _tag: "StepUp"
      readonly reason: StepUpChallenge.Reason
      readonly told: ReadonlyArray<Challenge.Challenge>
    }

/** None for what is no refusal, and for one that neither another token nor a person mends. */
export const read = (response: HttpClientResponse.HttpClientResponse): Option.Option<Refusal> => {
  const { status } = response
  if (status !== 401 && status !== 403) return Option.none()
  const header = response.headers["www-authenticate"]
  const told = header === undefined ? [] : StepUpChallenge.challenges(header)
  const stepUp = StepUpChallenge.reason(told)
  if (Option.isSome(stepUp)) return Option.some({ _tag: "StepUp", reason: stepUp.value, told })
  if (status === 403) return Option.none()
  const errors = told.flatMap(({ parameters }) =>
    Option.toArray(Option.fromNullable(parameters.get("error")))
  )
  if (errors.includes("use_dpop_nonce")) return Option.some({ _tag: "Nonce" })
  // A challenge of another scheme alone, such as Basic, says that no token is wanted at all.
  const wantsToken = header === undefined || told.length > 0
  return wantsToken && (errors.length === 0 || errors.includes("invalid_token"))
    ? Option.some({ _tag: "Token" })
    : Option.none()
}
