/** The shape of profiles, and how they are made. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { JwtError } from "../../protocol/OAuthError.js"
import type { Problem, Rules } from "./claimRules.js"
import { compile, listed } from "./claimRules.js"
import { oneOf } from "./names.js"
import type { JwtClaims, JwtHeader } from "../Jwt.js"
import type { JwtAlgorithm } from "../JwtAlgorithm.js"
import { asymmetric } from "../JwtAlgorithm.js"

/**
 * The rules for one kind of token, and the type of its claims.
 *
 * @since 0.1.0
 * @category models
 */
export interface JwtProfile<out A> {
  readonly name: string
  readonly algorithms: ReadonlyArray<JwtAlgorithm>
  /** Where the key comes from: of the issuer, through the keyring; or out of the header, for a proof of possession. */
  readonly key: "issuer" | "header"
  /** The RFC 7638 thumbprint of the only key that a proof of possession may have, where that is known before. */
  readonly thumbprint?: string | undefined
  /** Whether a `typ` is that of the kind. */
  readonly acceptsType: (typ: string | undefined) => boolean
  readonly expectedType: string
  /** Whether an issuer is trusted; asked before any key is looked up. */
  readonly acceptsIssuer: (issuer: string) => boolean
  readonly expectedIssuer: string
  /** The trusted issuers, where they can be listed: a refusal says how that of the token differs from them. */
  readonly issuers?: ReadonlyArray<string> | undefined
  /** Whose a token is that does not say; one without issuer is refused unless given. */
  readonly impliedIssuer?: string | undefined
  /** Judges the claims before the signature; `now` is in seconds. */
  readonly check: (claims: JwtClaims, header: JwtHeader, now: number) => Problem | undefined
  /** What is left to do once the signature is known to be good. */
  readonly finish: (claims: JwtClaims, header: JwtHeader) => Effect.Effect<A, JwtError>
}

/**
 * @since 0.1.0
 */
export declare namespace JwtProfile {
  /**
   * What most profiles can be told.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Common {
    /** The algorithms accepted. Every asymmetric one but ES256K. */
    readonly algorithms?: ReadonlyArray<JwtAlgorithm> | undefined
    /** How far clocks may differ. 30 seconds. */
    readonly leeway?: Duration.DurationInput | undefined
  }

  /**
   * A rule of your own: undefined when the claims keep it.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Rule {
    (claims: JwtClaims, header: JwtHeader, now: number): Problem | undefined
  }
}

/**
 * Any profile: what `make` puts together.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<A> extends JwtProfile.Common {
  readonly name: string
  readonly issuer?: string | ReadonlyArray<string> | ((issuer: string) => boolean) | undefined
  /** Whose a token without `iss` is; such a token is refused unless given. */
  readonly impliedIssuer?: string | undefined
  readonly key?: JwtProfile<A>["key"] | undefined
  readonly thumbprint?: string | undefined
  /** The accepted values of `typ`, without `application/`; `undefined` accepts its absence. */
  readonly types: ReadonlyArray<string | undefined>
  /** One of these must be among the audiences of the token. Not looked at when absent. */
  readonly audience?: string | ReadonlyArray<string> | undefined
  /** Whether `exp` must be there; where it is, it is always checked. */
  readonly expires?: boolean | undefined
  /** Claims that must be non-empty text. */
  readonly required?: ReadonlyArray<string> | undefined
  /** Whether `iat` must be there. */
  readonly issued?: boolean | undefined
  /** How long ago `iat` may be. */
  readonly maxAge?: Duration.DurationInput | undefined
  readonly rules?: ReadonlyArray<JwtProfile.Rule> | undefined
  /** What the claims are once all rules are kept. */
  readonly finish: JwtProfile<A>["finish"]
}

/**
 * Makes a profile from rules: for kinds of tokens that have none here.
 *
 * Every profile refuses a token that has expired, is not valid yet or was
 * issued in the future, times that are not finite numbers, and an `aud` that is
 * neither text nor a list of text (RFC 7519 section 4.1).
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <A>(options: Options<A>): JwtProfile<A> => {
  const types = options.types.map((type) => type?.toLowerCase())
  const rules: Rules = {
    leeway: Duration.toSeconds(options.leeway ?? defaultLeeway),
    audience: options.audience === undefined ? undefined : listed(options.audience),
    expires: options.expires ?? true,
    issued: options.issued ?? false,
    maxAge: options.maxAge === undefined ? undefined : Duration.toSeconds(options.maxAge),
    required: options.required ?? [],
    rules: options.rules ?? []
  }
  const issuer = options.issuer ?? []
  const all = typeof issuer === "function" ? undefined : listed(issuer)
  const issuers: ReadonlySet<string> = new Set(all)
  return {
    name: options.name,
    algorithms: options.algorithms ?? asymmetric,
    key: options.key ?? "issuer",
    thumbprint: options.thumbprint,
    acceptsType: (typ) => types.includes(typ) || (typ !== undefined && types.includes(mediaType(typ))),
    expectedType: options.types.map((type) => type ?? "none").join(" or "),
    acceptsIssuer: typeof issuer === "function" ? issuer : (name) => issuers.has(name),
    expectedIssuer: all === undefined ? "an issuer that the profile accepts" : oneOf(all),
    issuers: all,
    impliedIssuer: options.impliedIssuer,
    check: compile(rules),
    finish: options.finish
  }
}

/** RFC 7515 section 4.1.9: `application/` may be left out; media types have no case. */
const mediaType = (typ: string): string => {
  const lower = typ.toLowerCase()
  return lower.startsWith("application/") && !lower.includes("/", 12) ? lower.slice(12) : lower
}

/**
 * How far clocks may differ unless a profile is told otherwise.
 *
 * @since 0.1.0
 * @category constants
 */
export const defaultLeeway: Duration.Duration = Duration.seconds(30)

/**
 * Adds claims of your own to a profile: decoded with the schema after the
 * signature, and only then. What does not decode fails with reason `claim`,
 * naming the member and never its value.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withClaims =
  <B extends object, I>(schema: Schema.Schema<B, I>) =>
  <A extends object>(profile: JwtProfile<A>): JwtProfile<A & B> => {
    const decode = Schema.decodeUnknown(schema)
    // A cached token keeps its claims object, so that it is decoded once.
    const decoded = new WeakMap<JwtClaims, B>()
    const own = (claims: JwtClaims): Effect.Effect<B, JwtError> => {
      const known = decoded.get(claims)
      return known !== undefined
        ? Effect.succeed(known)
        : decode(claims).pipe(
            Effect.tap((value) => Effect.sync(() => decoded.set(claims, value))),
            Effect.catchAll((error) => Effect.fail(undecodable(error)))
          )
    }
    return {
      ...profile,
      finish: (claims, header) =>
        Effect.zipWith(profile.finish(claims, header), own(claims), (a, b) => ({ ...a, ...b }))
    }
  }

const undecodable = (error: ParseResult.ParseError): JwtError => {
  const name = ParseResult.ArrayFormatter.formatErrorSync(error)[0]?.path[0]
  const claim = typeof name === "string" && /^[\w:./-]{1,64}$/.test(name) ? name : undefined
  return new JwtError({
    operation: "JwtVerifier.verify",
    reason: "claim",
    ...(claim === undefined ? {} : { claim }),
    message: `JwtVerifier.verify: ${claim === undefined ? "the claims do" : `the claim ${claim} does`} not fit the schema of the profile.`
  })
}
