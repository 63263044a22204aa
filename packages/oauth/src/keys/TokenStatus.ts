/**
 * Whether a token has been revoked since it was issued: status lists
 * (draft-ietf-oauth-status-list).
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Wire from "../http/Wire.js"
import { JwtError } from "../protocol/OAuthError.js"
import type { KeyringError } from "../protocol/OAuthError.js"
import * as FetchedList from "./internal/fetchStatusList.js"
import * as StatusList from "./internal/statusList.js"
import * as StatusLists from "./internal/statusLists.js"
import * as StatusReference from "./internal/statusReference.js"
import type { JwtClaims } from "./Jwt.js"
import type * as JwtProfile from "./JwtProfile.js"
import * as JwtVerifier from "./JwtVerifier.js"
import { KeyringService } from "./Keyring.js"
import { TokenVerifier } from "./TokenVerifier.js"

/**
 * Looks up what became of a token, in the list that the token refers to: a
 * resource server, or a relying party with ID tokens, so learns of a revocation
 * without asking the issuer about each token.
 *
 * @since 0.1.0
 * @category services
 */
export class TokenStatus extends Context.Tag("effect-oauth/TokenStatus")<
  TokenStatus,
  TokenStatus.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace TokenStatus {
  /**
   * What a list says of a token.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Status {
    /** 0 is valid, 1 invalid, 2 suspended; 3 and 12 to 15 mean what the application says (section 7.1). */
    readonly value: number
    /** When the list was issued, in seconds since the epoch. */
    readonly issuedAt: number
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * The status of a token that has been verified, by its claims `iss` and
     * `status.status_list` (section 6.2); none for one that has no `status`.
     *
     * The list is fetched from the `uri` of the token, once for all who ask, and
     * must be a JWT of type `statuslist+jwt`, signed by a key of the token's
     * issuer, with `sub` the `uri` (section 8.3). It is kept for its `ttl`, within
     * the bounds of the options, and never past its `exp`.
     *
     * Fails with a `JwtError` of reason `claim` where the token's own reference is
     * not as it must be, or is not in the list. A list that cannot be had is a
     * `KeyringError`: `unavailable` in an outage or where it has expired,
     * `forbidden` for an address that may not be used, `malformed` for what is no
     * such list, or too large. It says nothing about the token.
     */
    readonly statusOf: (claims: JwtClaims) => Effect.Effect<Option.Option<Status>, JwtError | KeyringError>
    /**
     * Refuses a token whose status is none of those accepted, with a `JwtError` of
     * reason `claim` and claim `status`; and one without a status, where one is
     * required.
     */
    readonly check: (claims: JwtClaims) => Effect.Effect<void, JwtError | KeyringError>
  }
}

/**
 * How statuses are looked up. Everything has a default.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends JwtProfile.JwtProfile.Common {
  /** The statuses with which a token is accepted. 0 (valid) alone. */
  readonly accepts?: ReadonlyArray<number> | undefined
  /** Refuse tokens that refer to no list, of an issuer that has all of its tokens do so. false. */
  readonly required?: boolean | undefined
  /** How long a list is kept at most, whatever its `ttl`: so long a revoked token is accepted still. 15 minutes. */
  readonly timeToLive?: Duration.DurationInput | undefined
  /** How long it is kept at least, whatever its `ttl`, but never past its `exp`. 5 seconds. */
  readonly minTimeToLive?: Duration.DurationInput | undefined
  /**
   * How long after that a list still serves while no newer one can be fetched,
   * but never past its `exp`. 0: an outage of the lists is one of the API. Longer
   * than that, and whoever keeps the lists away keeps a revoked token good so long.
   */
  readonly staleFor?: Duration.DurationInput | undefined
  /** How many lists are kept; the one asked for longest ago goes. 100. */
  readonly maximum?: number | undefined
  /** The longest status list token that is read, in bytes. 1 MiB. */
  readonly maxTokenBytes?: number | undefined
  /** What a list may grow to when it is decompressed, in bytes. 4 MiB: 32 million tokens of one bit each. */
  readonly maxListBytes?: number | undefined
  /** Refuse lists that are not on the origin of the issuer. false: lists may be with a third party, since they are signed. */
  readonly sameOrigin?: boolean | undefined
}

/**
 * Makes the service with the keyring of the program, which must trust the
 * issuers of the tokens: it verifies their lists as well.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options = {}
): Effect.Effect<TokenStatus.Service, never, HttpClient.HttpClient | KeyringService | Scope.Scope> =>
  Effect.gen(function* () {
    const wire = yield* Wire.make
    const { accepts = [0], maxListBytes = 4 * 1024 * 1024, maxTokenBytes = 1024 * 1024 } = options
    const verifier = yield* JwtVerifier.fromKeyring(yield* KeyringService, { maxTokenBytes })
    const longest = Duration.toMillis(options.timeToLive ?? "15 minutes")
    const lists = yield* StatusLists.make({
      fetch: (issuer, uri) =>
        FetchedList.fetch({ ...options, wire, verifier, maxListBytes, maxTokenBytes, issuer, uri }),
      longest,
      shortest: Math.min(Duration.toMillis(options.minTimeToLive ?? "5 seconds"), longest),
      staleFor: Duration.toMillis(options.staleFor ?? 0),
      maximum: options.maximum ?? 100
    })

    const statusOf: TokenStatus.Service["statusOf"] = (claims) =>
      Effect.gen(function* () {
        const reference = yield* StatusReference.read(operation, claims)
        if (Option.isNone(reference)) return Option.none()
        const { index, issuer, uri } = reference.value
        yield* FetchedList.checkPlace(issuer, uri, wire.limits, options.sameOrigin === true)
        const list = yield* lists(issuer, uri)
        const value = StatusList.at(list, index)
        return value === undefined
          ? yield* refuse("the token is not in the status list that it refers to")
          : Option.some({ value, issuedAt: list.issuedAt })
      })

    return {
      statusOf,
      check: (claims) =>
        Effect.flatMap(
          statusOf(claims),
          Option.match({
            onNone: () =>
              options.required === true ? refuse("the token refers to no status list") : Effect.void,
            onSome: ({ value }) => (accepts.includes(value) ? Effect.void : refuse(described(value)))
          })
        )
    }
  })

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options?: Options
): Layer.Layer<TokenStatus, never, HttpClient.HttpClient | KeyringService> =>
  Layer.scoped(TokenStatus, make(options))

/**
 * A verifier that accepts what another one accepts and whose status is good. The
 * status is looked at last: for a token that is refused anyway, nothing is
 * fetched (section 8.3).
 *
 * @since 0.1.0
 * @category combining
 */
export const verifier = (
  inner: TokenVerifier.Service
): Effect.Effect<TokenVerifier.Service, never, TokenStatus> =>
  Effect.map(TokenStatus, ({ check }) => ({
    verify: (token) => Effect.tap(inner.verify(token), ({ claims }) => check(claims))
  }))

/**
 * The verifier of a layer, and with it the status.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerVerifier = <E, R>(
  inner: Layer.Layer<TokenVerifier, E, R>
): Layer.Layer<TokenVerifier, E, R | TokenStatus> =>
  Layer.provide(Layer.effect(TokenVerifier, Effect.flatMap(TokenVerifier, verifier)), inner)

const described = (value: number): string =>
  value === 1
    ? "the token has been revoked"
    : value === 2
      ? "the token is suspended"
      : `the status of the token is ${value}, which is not accepted`

const { operation } = FetchedList

const refuse = (problem: string): JwtError =>
  new JwtError({ operation, reason: "claim", claim: "status", message: `${operation}: ${problem}.` })
