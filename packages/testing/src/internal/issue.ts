/** What a successful token response says (RFC 6749 section 5.1). */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { randomText } from "effect-oauth/Entropy"
import type { TestClient } from "../TestClient.js"
import type * as Reply from "./reply.js"
import type { Grant, State } from "./state.js"
import * as Targets from "./targets.js"
import * as Tokens from "./tokens.js"

/** One request at the token endpoint, after client authentication. */
export interface GrantRequest {
  readonly state: State
  readonly client: TestClient
  readonly form: URLSearchParams
  readonly now: number
  readonly distortion: Reply.Distortion
}

/** Where a token is good when no resource was named. */
export const defaultAudience = (state: State): string => state.settings.resources[0] ?? state.settings.issuer

export interface AccessTokenAnswer {
  readonly sub: string
  readonly audience: ReadonlyArray<string>
  readonly scope: ReadonlyArray<string>
  readonly authTime?: number
  readonly act?: unknown
  readonly family?: string
}

/** The members every token response has. */
export const accessToken = (
  { client, distortion, state }: GrantRequest,
  answer: AccessTokenAnswer
): Effect.Effect<Reply.Json> => {
  const lifetime = state.settings.lifetimes.accessToken
  return Effect.map(
    Tokens.accessToken(
      state,
      {
        sub: answer.sub,
        clientId: client.clientId,
        audience: answer.audience.length > 0 ? answer.audience : [defaultAudience(state)],
        scope: answer.scope,
        lifetime,
        authTime: answer.authTime,
        act: answer.act,
        family: answer.family
      },
      distortion.accessToken
    ),
    (token) => ({
      access_token: token,
      token_type: "Bearer",
      expires_in: Duration.toSeconds(lifetime),
      ...(answer.scope.length > 0 ? { scope: answer.scope.join(" ") } : {})
    })
  )
}

/** Access, refresh and ID token for what a person agreed to. */
export const forPerson = (
  request: GrantRequest,
  grant: Grant,
  narrowed: {
    readonly scope: ReadonlyArray<string>
    readonly resources: ReadonlyArray<string>
    readonly nonce: string | undefined
    /** The refresh token to answer with; a new one when there is none. */
    readonly refreshToken: string | undefined
  }
): Effect.Effect<Reply.Json> =>
  Effect.gen(function* () {
    const { client, distortion, now, state } = request
    const { family, sub, authTime } = grant
    const tokens = yield* accessToken(request, {
      sub,
      audience: narrowed.resources,
      scope: narrowed.scope,
      authTime,
      family
    })
    const refreshToken =
      narrowed.refreshToken ?? (Targets.mayUse(client, "refresh_token") ? yield* randomText(32) : undefined)
    if (refreshToken !== undefined && narrowed.refreshToken === undefined) {
      const { clientId, resources, scope } = grant
      const expires = now + Duration.toSeconds(state.settings.lifetimes.refreshToken)
      state.refreshTokens.set(refreshToken, {
        ...{ family, clientId, sub, scope, resources, authTime },
        expires,
        used: false
      })
    }
    const idToken = narrowed.scope.includes("openid")
      ? yield* Tokens.idToken(
          state,
          {
            sub,
            audience: [client.clientId, ...(client.idTokenAudiences ?? [])],
            nonce: narrowed.nonce,
            accessToken: String(tokens["access_token"]),
            authTime,
            lifetime: state.settings.lifetimes.idToken
          },
          distortion.idToken
        )
      : undefined
    return {
      ...tokens,
      ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
      ...(idToken === undefined ? {} : { id_token: idToken })
    }
  })
