/** The grants that stand for a person: code, refresh token, device code. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { randomText } from "effect-oauth/Entropy"
import * as Issue from "./issue.js"
import * as Keys from "./keys.js"
import * as Reply from "./reply.js"
import * as State_ from "./state.js"
import * as Targets from "./targets.js"
import * as Tokens from "./tokens.js"

type Answer = Effect.Effect<Reply.Json, Reply.Refusal>

const invalidGrant = (description: string): Reply.Refusal => Reply.refuse("invalid_grant", description)

/** The S256 check of RFC 7636 section 4.6. */
const checkVerifier = (
  challenge: string | undefined,
  verifier: string | null
): Effect.Effect<void, Reply.Refusal> =>
  Effect.gen(function* () {
    if (challenge === undefined) {
      return verifier === null
        ? undefined
        : yield* invalidGrant("code_verifier was given without a code_challenge")
    }
    if (verifier === null || !/^[A-Za-z0-9._~-]{43,128}$/.test(verifier)) {
      return yield* invalidGrant("code_verifier is missing or malformed")
    }
    if ((yield* Keys.challengeOf(verifier)) !== challenge) {
      return yield* invalidGrant("code_verifier does not match the code_challenge")
    }
  })

/** RFC 6749 section 4.1.3. A code used twice revokes what it gave (section 4.1.2). */
export const authorizationCode = (request: Issue.GrantRequest): Answer =>
  Effect.gen(function* () {
    const { client, form, now, state } = request
    const code = state.codes.get(form.get("code") ?? "")
    if (code === undefined || code.clientId !== client.clientId)
      return yield* invalidGrant("The code is unknown")
    if (code.used) {
      state.revokedFamilies.add(code.family)
      return yield* invalidGrant("The code was used before; its tokens are revoked")
    }
    if (code.expires <= now) return yield* invalidGrant("The code has expired")
    if (code.redirectUri !== (form.get("redirect_uri") ?? undefined)) {
      return yield* invalidGrant("redirect_uri is not the one of the authorization request")
    }
    yield* checkVerifier(code.challenge, form.get("code_verifier"))
    const resources = yield* Targets.narrow(code.resources, form.getAll("resource"), "invalid_target")
    if (code.used) return yield* invalidGrant("The code was used before")
    code.used = true
    return yield* Issue.forPerson(request, code, {
      scope: code.scope,
      resources,
      nonce: code.nonce,
      refreshToken: undefined
    })
  })

/** RFC 6749 section 6, with rotation and reuse detection (RFC 9700 section 4.14.2). */
export const refreshToken = (request: Issue.GrantRequest): Answer =>
  Effect.gen(function* () {
    const { client, form, now, state } = request
    const given = form.get("refresh_token") ?? ""
    const record = state.refreshTokens.get(given)
    if (record === undefined || record.clientId !== client.clientId) {
      return yield* invalidGrant("The refresh token is unknown")
    }
    if (state.revokedFamilies.has(record.family) || state.revokedTokens.has(given)) {
      return yield* invalidGrant("The refresh token was revoked")
    }
    if (record.used) {
      state.revokedFamilies.add(record.family)
      return yield* invalidGrant("The refresh token was used before; its family is revoked")
    }
    if (record.expires <= now) return yield* invalidGrant("The refresh token has expired")
    const scope = yield* Targets.narrow(record.scope, Tokens.scopes(form.get("scope")), "invalid_scope")
    const resources = yield* Targets.narrow(record.resources, form.getAll("resource"), "invalid_target")
    record.used = state.settings.rotateRefreshTokens
    return yield* Issue.forPerson(request, record, {
      scope,
      resources,
      nonce: undefined,
      refreshToken: state.settings.rotateRefreshTokens ? undefined : given
    })
  })

const userCodeAlphabet = "BCDFGHJKLMNPQRSTVWXZ"

/** The device authorization request (RFC 8628 section 3.1). */
export const deviceAuthorization = (request: Issue.GrantRequest, verificationUri: string): Answer =>
  Effect.gen(function* () {
    const { client, form, now, state } = request
    const scope = yield* Targets.scope(state, client, form.get("scope"))
    const resources = yield* Targets.targets(state, client, form.getAll("resource"), "resource")
    const letters = [...(yield* randomText(8))]
      .slice(0, 8)
      .map((c) => userCodeAlphabet[c.charCodeAt(0) % 20] ?? "B")
    const userCode = `${letters.slice(0, 4).join("")}-${letters.slice(4).join("")}`
    const deviceCode = yield* randomText(32)
    const lifetime = Duration.toSeconds(state.settings.lifetimes.device)
    state.devices.set(deviceCode, {
      userCode,
      clientId: client.clientId,
      scope,
      resources,
      expires: now + lifetime,
      interval: 5,
      lastPoll: undefined,
      decision: undefined
    })
    return {
      device_code: deviceCode,
      user_code: userCode,
      verification_uri: verificationUri,
      verification_uri_complete: `${verificationUri}?user_code=${userCode}`,
      expires_in: lifetime,
      interval: 5
    }
  })

/** One poll (RFC 8628 section 3.4 and 3.5). */
export const deviceCode = (request: Issue.GrantRequest): Answer =>
  Effect.gen(function* () {
    const { client, form, now, state } = request
    const code = form.get("device_code") ?? ""
    const device = state.devices.get(code)
    if (device === undefined || device.clientId !== client.clientId) {
      return yield* invalidGrant("The device code is unknown")
    }
    if (device.expires <= now) return yield* Reply.refuse("expired_token", "The device code has expired")
    const tooSoon = device.lastPoll !== undefined && now - device.lastPoll < device.interval
    device.lastPoll = now
    if (tooSoon) {
      device.interval += 5
      return yield* Reply.refuse("slow_down", "Polled before the interval was over")
    }
    const decision = device.decision
    if (decision === undefined) return yield* Reply.refuse("authorization_pending", "Nobody has decided yet")
    state.devices.delete(code)
    if (decision._tag === "Fail")
      return yield* Reply.refuse(decision.error, decision.description ?? "Refused")
    const grant = {
      family: yield* randomText(16),
      clientId: client.clientId,
      sub: decision.sub ?? State_.defaultUser(state),
      scope: device.scope.filter((name) => decision.scope === undefined || decision.scope.includes(name)),
      resources: device.resources,
      authTime: now - Math.floor(Duration.toSeconds(decision.authenticated ?? 0))
    }
    return yield* Issue.forPerson(request, grant, {
      scope: grant.scope,
      resources: grant.resources,
      nonce: undefined,
      refreshToken: undefined
    })
  })
