/**
 * Verifying access tokens by asking the server that issued them.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as FlightCache from "../http/FlightCache.js"
import { frozen, TokenVerifier } from "../keys/TokenVerifier.js"
import type { VerifiedToken } from "../keys/TokenVerifier.js"
import { JwtError, KeyringError } from "../protocol/OAuthError.js"
import * as Text from "../protocol/Text.js"
import { list } from "./internal/list.js"
import * as Introspection from "./Introspection.js"
import * as OAuthClient from "./OAuthClient.js"
import type { TokenEndpoint } from "./TokenEndpoint.js"

/**
 * How introspection verifies.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The identifiers of this resource: one of them must be in `aud`, byte for byte. */
  readonly audience: string | ReadonlyArray<string>
  /**
   * Accept a token of which the server tells no audience (`aud` is optional in
   * RFC 7662 section 2.2), where it answers a resource only about its own
   * tokens. One that names another audience is refused in any case. false.
   */
  readonly allowMissingAudience?: boolean | undefined
  /** Take only answers that the server signs (RFC 9701). false. */
  readonly signed?: boolean | undefined
  /**
   * How long a good answer is kept, never past `exp`: so long a revoked token is
   * accepted still. 30 seconds; 0 asks each time.
   */
  readonly timeToLive?: Duration.DurationInput | undefined
  /** How long it is kept that a token is not good. 5 seconds. */
  readonly refusedTimeToLive?: Duration.DurationInput | undefined
  /** How many answers are kept, good ones and bad ones each. 10 000. */
  readonly maximum?: number | undefined
  /**
   * How many tokens the server is asked about at once. One more is `unavailable`:
   * a flood of tokens must not become one of requests, which go on when those who
   * asked have left. 1 000.
   */
  readonly maximumAtOnce?: number | undefined
}

/** What the server said, judged. */
type Verdict =
  | { readonly _tag: "Verified"; readonly token: VerifiedToken }
  | { readonly _tag: "Refused"; readonly error: JwtError }

/**
 * Makes a `TokenVerifier` that asks the server of the `OAuthClient` what a
 * token is (RFC 7662), whatever it is made of.
 *
 * Accepted is a token that is active, is for this resource, is of this issuer
 * where the server says whose it is, and is an access token as far as the
 * server tells (`token_type`, `token_use`): a refresh token is active too. One
 * of type `DPoP` must be bound to a key. Everything the server says is in
 * `claims`, with `iss` of the server where it does not tell; `cnf` among it, for
 * who checks senders. A refused token is a `JwtError`: `subject` where it is not
 * active. A server that cannot be asked, or does not answer by the
 * specification, is a `KeyringError` with reason `unavailable`, and says nothing
 * about the token.
 *
 * Answers are kept by a hash of the token, and one request is made for all who
 * ask at once, whoever of them goes away.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<
  TokenVerifier.Service,
  never,
  Introspection.Introspection | OAuthClient.OAuthClient | Scope.Scope
> =>
  Effect.gen(function* () {
    const { issuer } = yield* OAuthClient.OAuthClient
    const introspection = yield* Introspection.Introspection
    const audience = list(options.audience)
    const good = Duration.toMillis(options.timeToLive ?? "30 seconds")
    const bad = Duration.toMillis(options.refusedTimeToLive ?? "5 seconds")

    const cache = yield* FlightCache.make<Verdict, KeyringError>({
      maximum: options.maximum ?? 10_000,
      kind: ({ _tag }) => _tag,
      keepUntil: (verdict, now) =>
        verdict._tag === "Refused" ? now + bad : Math.min(now + good, expiry(verdict.token.claims))
    })

    const judge = (answer: Introspection.Introspection.Active, now: number): Verdict => {
      const problem = problemOf(answer, issuer, audience, options.allowMissingAudience === true)
      return problem !== undefined
        ? refuse(problem.reason, problem.claim, problem.why)
        : {
            _tag: "Verified",
            // The same answer is given to whoever presents the token.
            token: frozen({
              claims: { ...answer.claims, iss: Option.getOrElse(answer.issuer, () => issuer) },
              scope: answer.scope,
              verifiedAt: Math.floor(now / 1000)
            })
          }
    }

    const ask = (token: Redacted.Redacted<string>): Effect.Effect<Verdict, KeyringError> =>
      introspection.introspect(token, { signed: options.signed, tokenTypeHint: "access_token" }).pipe(
        Effect.mapError((error) => unavailable(issuer, error)),
        Effect.flatMap((answer) =>
          Effect.clockWith((clock) =>
            Effect.succeed(
              answer.active
                ? judge(answer, clock.unsafeCurrentTimeMillis())
                : refuse("subject", undefined, "the server says that the token is not active")
            )
          )
        )
      )

    const maximumAtOnce = options.maximumAtOnce ?? 1000
    let underWay = 0
    const bounded = (token: Redacted.Redacted<string>): Effect.Effect<Verdict, KeyringError> =>
      Effect.acquireUseRelease(
        Effect.suspend(() =>
          underWay < maximumAtOnce ? Effect.sync(() => underWay++) : Effect.fail(tooMany(issuer))
        ),
        () => ask(token),
        () => Effect.sync(() => underWay--)
      )

    return {
      verify: (token) => {
        const { length } = Redacted.value(token)
        return length === 0 || length > maxTokenLength
          ? refusal(length === 0 ? "malformed" : "too_large", undefined, "the token is empty or too long")
          : Effect.flatMap(Text.sha256(Redacted.value(token)), (key) =>
              Effect.flatMap(cache.get(key, bounded(token)), (verdict) =>
                verdict._tag === "Verified" ? Effect.succeed(verdict.token) : Effect.fail(verdict.error)
              )
            )
      }
    }
  })

/**
 * Verifies access tokens by introspection, as `make` does.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options
): Layer.Layer<TokenVerifier, never, Introspection.Introspection | OAuthClient.OAuthClient> =>
  Layer.scoped(TokenVerifier, make(options))

const operation = "IntrospectionVerifier.verify"

const maxTokenLength = 16 * 1024

/** In milliseconds. */
const expiry = ({ exp }: VerifiedToken["claims"]): number =>
  typeof exp === "number" ? exp * 1000 : Number.POSITIVE_INFINITY

interface Problem {
  readonly reason: JwtError["reason"]
  readonly claim: string
  readonly why: string
}

const problemOf = (
  { audience, claims, issuer: named, tokenType }: Introspection.Introspection.Active,
  issuer: string,
  wanted: ReadonlyArray<string>,
  allowMissing: boolean
): Problem | undefined => {
  if (Option.exists(named, (iss) => iss !== issuer)) {
    return { reason: "issuer", claim: "iss", why: "the token is of another issuer" }
  }
  if (audience.length === 0 ? !allowMissing : !audience.some((one) => wanted.includes(one))) {
    return { reason: "audience", claim: "aud", why: "the token is not for this resource" }
  }
  if (Option.exists(tokenType, (type) => !accessTokenTypes.includes(type.toLowerCase()))) {
    return { reason: "type", claim: "token_type", why: "the token is not an access token" }
  }
  const use = claims["token_use"]
  if (use !== undefined && use !== "access_token" && use !== "access") {
    return { reason: "type", claim: "token_use", why: "the token is not an access token" }
  }
  return Option.exists(tokenType, (type) => type.toLowerCase() === "dpop") && !hasKey(claims["cnf"])
    ? { reason: "claim", claim: "cnf", why: "the token is of type DPoP and bound to no key" }
    : undefined
}

/** The type of RFC 6749 section 5.1, and what servers say in its place. */
const accessTokenTypes = ["bearer", "dpop", "access_token", "urn:ietf:params:oauth:token-type:access_token"]

const hasKey = (confirmation: unknown): boolean =>
  typeof confirmation === "object" && confirmation !== null && Object.hasOwn(confirmation, "jkt")

const refusal = (
  reason: JwtError["reason"],
  claim: string | undefined,
  why: string
): Effect.Effect<never, JwtError> => Effect.fail(refuse(reason, claim, why).error)

const refuse = (
  reason: JwtError["reason"],
  claim: string | undefined,
  why: string
): Extract<Verdict, { readonly _tag: "Refused" }> => ({
  _tag: "Refused",
  error: new JwtError({
    operation,
    reason,
    ...(claim === undefined ? {} : { claim }),
    message: `${operation}: ${why}.`
  })
})

const tooMany = (issuer: string): KeyringError =>
  new KeyringError({
    operation,
    reason: "unavailable",
    issuer,
    retriable: true,
    message: `${operation}: the server is being asked about too many tokens at once.`
  })

const unavailable = (issuer: string, error: TokenEndpoint.RequestError): KeyringError => {
  const retryAfter = "retryAfter" in error ? error.retryAfter : undefined
  return new KeyringError({
    operation,
    reason: "unavailable",
    issuer,
    retriable: true,
    ...(retryAfter === undefined ? {} : { retryAfter }),
    message: `${operation}: the server could not be asked about the token (${error._tag}, ${Text.sanitize(error.reason)}).`
  })
}
