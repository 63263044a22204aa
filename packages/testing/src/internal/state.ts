/** What a test issuer remembers. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Misbehaviour } from "../Misbehaviour.js"
import type { Endpoint, RecordedRequest } from "../RecordedRequest.js"
import type { KeySet, TestClient } from "../TestClient.js"
import type { Decision, TestUser } from "../TestUser.js"
import type { IssuerKey } from "./keys.js"
import type { Json } from "./reply.js"

export type WellKnown =
  "oauth-authorization-server" | "openid-configuration-inserted" | "openid-configuration"

export interface Settings {
  readonly issuer: string
  readonly resources: ReadonlyArray<string>
  readonly wellKnown: ReadonlyArray<WellKnown>
  readonly metadata: Json
  readonly scopes: ReadonlyArray<string> | undefined
  readonly targets: ReadonlyArray<string> | undefined
  readonly resourceScopes: ReadonlyArray<string>
  readonly algorithm: string
  readonly accessTokens: "jwt" | "opaque"
  readonly assertionAudience: "issuer" | "token_endpoint" | "either"
  readonly requirePkce: boolean
  readonly issParameter: boolean
  readonly rotateRefreshTokens: boolean
  readonly lifetimes: {
    readonly code: Duration.Duration
    readonly accessToken: Duration.Duration
    readonly idToken: Duration.Duration
    readonly refreshToken: Duration.Duration
    readonly device: Duration.Duration
  }
}

/** What a person agreed to: the root of a family of tokens. */
export interface Grant {
  readonly family: string
  readonly clientId: string
  readonly sub: string
  readonly scope: ReadonlyArray<string>
  /** What was asked for by RFC 8707; empty when nothing was. */
  readonly resources: ReadonlyArray<string>
  readonly authTime: number
}

export interface CodeRecord extends Grant {
  readonly redirectUri: string | undefined
  readonly challenge: string | undefined
  readonly nonce: string | undefined
  readonly expires: number
  used: boolean
}

export interface RefreshRecord extends Grant {
  readonly expires: number
  used: boolean
}

export interface AccessRecord {
  readonly claims: Json
  readonly family: string | undefined
}

export interface DeviceRecord {
  readonly userCode: string
  readonly clientId: string
  readonly scope: ReadonlyArray<string>
  readonly resources: ReadonlyArray<string>
  readonly expires: number
  interval: number
  lastPoll: number | undefined
  decision: Decision | undefined
}

export interface Script {
  readonly misbehaviours: ReadonlyArray<Misbehaviour>
  remaining: number
}

export interface State {
  readonly settings: Settings
  readonly users: Map<string, TestUser>
  readonly clients: Map<string, TestClient>
  /** Issuers whose assertions and subject tokens are accepted. */
  readonly trusted: Map<string, KeySet>
  readonly codes: Map<string, CodeRecord>
  readonly refreshTokens: Map<string, RefreshRecord>
  readonly accessTokens: Map<string, AccessRecord>
  readonly devices: Map<string, DeviceRecord>
  readonly assertionIds: Set<string>
  readonly revokedFamilies: Set<string>
  readonly revokedTokens: Set<string>
  readonly scripts: Map<Endpoint, Array<Script>>
  readonly requests: Array<RecordedRequest>
  /** The first one signs, the others are still published. */
  keys: NonEmptyReadonlyArray<IssuerKey>
  keysMade: number
  /** A key that no document shows; made when it is first needed. */
  readonly unpublished: Effect.Effect<IssuerKey>
  skew: number
  decision: Decision
  openBodies: number
}

/** Seconds since the epoch, by the clock of the issuer. */
export const now = (state: State): Effect.Effect<number> =>
  Effect.map(Clock.currentTimeMillis, (millis) => Math.floor(millis / 1000) + state.skew)

/** The first user, when none is named. */
export const defaultUser = (state: State): string => {
  for (const sub of state.users.keys()) return sub
  return "user"
}
