/** Says what a resource wants of the person, and whether that was asked of the person already. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Jwt from "../../../keys/Jwt.js"
import * as Challenge from "../../../protocol/Challenge.js"
import * as Endpoint from "../../../protocol/Endpoint.js"
import { StepUpRequired } from "../../../protocol/OAuthError.js"
import * as Scope from "../../../protocol/Scope.js"
import * as StepUpChallenge from "../../../protocol/StepUpChallenge.js"
import type { TokenSet } from "../../../protocol/TokenSet.js"

export type StepUps = (refused: {
  readonly reason: StepUpChallenge.Reason
  readonly told: ReadonlyArray<Challenge.Challenge>
  readonly status: number
  readonly url: string
  readonly tokens: TokenSet
}) => Effect.Effect<StepUpRequired>

/** What was wanted, of which token, and until when it is remembered. */
interface Past {
  readonly wanted: string
  readonly token: Redacted.Redacted<string>
  readonly until: number
}

const remembered = Duration.toMillis("10 minutes")
const maxRemembered = 32

/** `kind` is that of the source of the tokens, where it is known. */
export const make = (operation: string, kind = "refresh_token"): Effect.Effect<StepUps> =>
  Effect.map(Ref.make<ReadonlyArray<Past>>([]), (past) => {
    /** Whether the same was wanted a short while ago of another token. */
    const isRepeated = (wanted: string, token: Redacted.Redacted<string>, lasts: number) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Ref.modify(past, (all) => {
          const alive = all.filter(({ until }) => now < until && until <= now + remembered)
          const same = alive.filter((one) => one.wanted === wanted)
          const isOther = (one: Past) => Redacted.value(one.token) !== Redacted.value(token)
          // Many requests meet one refusal: the token for which it was first said is what counts.
          const next =
            same.length > 0 ? alive : [...alive, { wanted, token, until: now + lasts }].slice(-maxRemembered)
          return [same.some(isOther), next]
        })
      )

    return ({ reason, status, told: said, tokens, url }) =>
      Effect.gen(function* () {
        const told = said.map((one) => needed(one, Redacted.value(tokens.accessToken)))
        const none: StepUpChallenge.Wanted = { scope: [], acrValues: [], maxAge: undefined }
        const wanted = Option.getOrElse(StepUpChallenge.wanted(told), () => none)
        const { acrValues, maxAge, scope } = wanted
        const login = loginOf(tokens)
        const isNamed = scope.length > 0 || acrValues.length > 0 || maxAge !== undefined
        const now = (yield* Clock.currentTimeMillis) / 1000
        const isGranted =
          isNamed && Scope.includes(tokens.scope, scope) && StepUpChallenge.isMet(wanted, login, now)
        // Also where the tokens do not tell, or the server did not grant what the person was asked for.
        const isAskedFor = yield* isRepeated(
          JSON.stringify([reason, scope, acrValues, maxAge]),
          tokens.accessToken,
          Math.min(remembered, (maxAge ?? Infinity) * 1000)
        )
        const repeated = isGranted || isAskedFor
        const shown = Endpoint.show(url)
        return new StepUpRequired({
          operation,
          reason,
          url: shown,
          status,
          challenge: Challenge.format(told),
          granted: tokens.scope,
          scope: Scope.union(tokens.scope, scope),
          acrValues,
          maxAge: maxAge === undefined ? undefined : Duration.seconds(maxAge),
          login,
          repeated,
          message: `${operation}: ${shown} wants ${described(reason, scope)} than the token stands for. ${advice(kind, repeated)}`
        })
      })
  })

/** What a challenge says of the step-up, and nothing in which it says the token back. */
const needed = ({ parameters, scheme }: Challenge.Challenge, token: string): Challenge.Challenge =>
  Challenge.make(
    scheme,
    Object.fromEntries(
      [...parameters].filter(([name, value]) => members.includes(name) && !value.includes(token))
    )
  )

const members = ["error", "scope", "acr_values", "max_age", "resource_metadata"]

const described = (reason: StepUpChallenge.Reason, scope: ReadonlyArray<string>): string =>
  reason === "insufficient_scope"
    ? scope.length === 0
      ? "more scope"
      : `more scope (${Scope.format(scope).slice(0, 200)})`
    : "another or a fresher login"

/** Only a login can be made again; other sources ask for what they were told to, and no person. */
const advice = (kind: string, repeated: boolean): string =>
  kind === "refresh_token"
    ? repeated
      ? "This was asked for and given already: to ask the person again would probably change nothing."
      : "Ask the person again, with StepUp.begin."
    : `The tokens come from ${kind}, with no person to ask: ask for that in its TokenSource.`

/** As the access token tells it, which is what the resource looked at; else as the ID token does. */
const loginOf = ({ accessToken, idToken }: TokenSet): StepUpChallenge.Login => {
  const claims = [Jwt.decodeUnverified(accessToken), Option.flatMap(idToken, Jwt.decodeUnverified)].flatMap(
    (token) => (Option.isSome(token) ? [token.value.claims] : [])
  )
  const acr = claims.map((one) => one["acr"]).find((value) => typeof value === "string")
  const time = claims.map((one) => one["auth_time"]).find((value) => typeof value === "number")
  return {
    acr: typeof acr === "string" ? acr : undefined,
    auth_time: typeof time === "number" ? time : undefined
  }
}
