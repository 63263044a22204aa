/** Minting tokens, and reading them back as a strict server does. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { randomText } from "effect-oauth/Entropy"
import * as jose from "jose"
import type { KeySet } from "../TestClient.js"
import type { TokenOverrides } from "../TestToken.js"
import * as Keys from "./keys.js"
import * as Reply from "./reply.js"
import type { State } from "./state.js"
import * as State_ from "./state.js"

const signWith = (
  state: State,
  typ: string,
  claims: Reply.Json,
  overrides: TokenOverrides
): Effect.Effect<string> =>
  Effect.gen(function* () {
    const [published] = state.keys
    const choice = overrides.key ?? "published"
    const key =
      choice === "published"
        ? published
        : choice === "unpublished"
          ? yield* state.unpublished
          : choice === "none"
            ? undefined
            : choice
    const alg = key === undefined ? "none" : key instanceof Uint8Array ? "HS256" : key.algorithm
    return yield* Keys.sign(
      key,
      Reply.override({ alg, typ, kid: published.kid }, overrides.header),
      Reply.override(claims, overrides.claims)
    )
  })

export interface AccessTokenRequest {
  readonly sub: string
  readonly clientId: string
  readonly audience: ReadonlyArray<string>
  readonly scope: ReadonlyArray<string>
  readonly lifetime: Duration.Duration
  readonly authTime?: number | undefined
  readonly act?: unknown
  readonly family?: string | undefined
}

const audienceClaim = (audience: ReadonlyArray<string>): string | ReadonlyArray<string> | undefined =>
  audience.length === 1 ? audience[0] : audience

/** An access token: a JWT by RFC 9068, or an opaque text, as the issuer is set. */
export const accessToken = (
  state: State,
  request: AccessTokenRequest,
  overrides: TokenOverrides
): Effect.Effect<string> =>
  Effect.gen(function* () {
    const now = yield* State_.now(state)
    const claims = Reply.override(
      {
        iss: state.settings.issuer,
        sub: request.sub,
        aud: audienceClaim(request.audience),
        client_id: request.clientId,
        iat: now,
        exp: now + Duration.toSeconds(request.lifetime),
        jti: yield* randomText(16)
      },
      {
        scope: request.scope.length > 0 ? request.scope.join(" ") : undefined,
        auth_time: request.authTime,
        act: request.act
      }
    )
    const token =
      state.settings.accessTokens === "opaque"
        ? yield* randomText(32)
        : yield* signWith(state, "at+jwt", claims, overrides)
    state.accessTokens.set(token, {
      claims: Reply.override(claims, overrides.claims),
      family: request.family
    })
    return token
  })

export interface IdTokenRequest {
  readonly sub: string
  readonly audience: ReadonlyArray<string>
  readonly nonce?: string | undefined
  readonly accessToken?: string | undefined
  readonly authTime?: number | undefined
  readonly lifetime: Duration.Duration
}

/** An ID token (OpenID Connect Core section 2); the first audience is the client. */
export const idToken = (
  state: State,
  request: IdTokenRequest,
  overrides: TokenOverrides
): Effect.Effect<string> =>
  Effect.gen(function* () {
    const now = yield* State_.now(state)
    const [{ algorithm }] = state.keys
    const claims = Reply.override(
      {
        iss: state.settings.issuer,
        sub: request.sub,
        aud: audienceClaim(request.audience),
        iat: now,
        exp: now + Duration.toSeconds(request.lifetime)
      },
      {
        azp: request.audience.length > 1 ? request.audience[0] : undefined,
        nonce: request.nonce,
        auth_time: request.authTime,
        at_hash:
          request.accessToken === undefined
            ? undefined
            : yield* Keys.leftHalfHash(algorithm, request.accessToken)
      }
    )
    return yield* signWith(state, "JWT", claims, overrides)
  })

/** A token that holds, and what it says. */
export interface Inspected {
  readonly type: "access_token" | "id_token" | "jwt"
  readonly claims: Reply.Json
}

/**
 * Reads a token of this issuer. Nothing when it is unknown, tampered with,
 * expired, or revoked. A JWT is verified against the keys now published.
 */
export const inspect = (state: State, token: string): Effect.Effect<Option.Option<Inspected>> =>
  Effect.gen(function* () {
    const now = yield* State_.now(state)
    const record = state.accessTokens.get(token)
    if (state.revokedTokens.has(token)) return Option.none()
    if (record?.family !== undefined && state.revokedFamilies.has(record.family)) return Option.none()
    if (token.split(".").length !== 3) {
      const exp = record?.claims["exp"]
      return record !== undefined && typeof exp === "number" && exp > now
        ? Option.some<Inspected>({ type: "access_token", claims: record.claims })
        : Option.none()
    }
    return yield* verify(token, Keys.jwks(state.keys), { issuer: state.settings.issuer, now }).pipe(
      Effect.map(({ payload, protectedHeader }) => {
        const type = protectedHeader.typ === "at+jwt" ? "access_token" : "id_token"
        return Option.some<Inspected>({ type, claims: payload })
      }),
      Effect.orElseSucceed(() => Option.none())
    )
  })

/** Verifies a JWT with jose: signature, `iss`, `exp` (required) and whatever else is named. */
export const verify = (
  token: string,
  jwks: KeySet,
  options: {
    readonly issuer: string
    readonly now: number
    readonly subject?: string
    readonly audience?: ReadonlyArray<string>
    readonly requiredClaims?: ReadonlyArray<string>
  }
): Effect.Effect<jose.JWTVerifyResult, Reply.Refusal> =>
  Effect.tryPromise({
    try: () =>
      jose.jwtVerify(token, jose.createLocalJWKSet(Keys.toJose(jwks)), {
        issuer: options.issuer,
        currentDate: new Date(options.now * 1000),
        requiredClaims: ["exp", ...(options.requiredClaims ?? [])],
        ...(options.subject === undefined ? {} : { subject: options.subject }),
        ...(options.audience === undefined ? {} : { audience: [...options.audience] })
      }),
    catch: (error) =>
      Reply.refuse("invalid_grant", error instanceof Error ? error.message : "The token does not verify")
  })

/** The values of `aud`, one or several. */
export const audiences = (claims: Reply.Json): ReadonlyArray<string> => {
  const aud = claims["aud"]
  return (Array.isArray(aud) ? aud : [aud]).filter((value): value is string => typeof value === "string")
}

/** The values of a space separated `scope`. */
export const scopes = (text: unknown): ReadonlyArray<string> =>
  typeof text === "string" ? text.split(" ").filter((scope) => scope !== "") : []
