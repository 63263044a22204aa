/** The grants without a person at hand: client credentials, token exchange, JWT bearer. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { decodeJwt } from "jose"
import * as Issue from "./issue.js"
import * as Reply from "./reply.js"
import * as Routes from "./routes.js"
import type { State } from "./state.js"
import * as Targets from "./targets.js"
import * as Tokens from "./tokens.js"

type Answer = Effect.Effect<Reply.Json, Reply.Refusal>

/** RFC 6749 section 4.4: confidential clients only, and no refresh token. */
export const clientCredentials = (request: Issue.GrantRequest): Answer =>
  Effect.gen(function* () {
    const { client, form, state } = request
    if (client.secret === undefined && client.jwks === undefined) {
      return yield* Reply.refuse("unauthorized_client", "A public client has no credentials")
    }
    const scope = yield* Targets.scope(state, client, form.get("scope"))
    const resources = yield* Targets.targets(state, client, form.getAll("resource"), "resource")
    return yield* Issue.accessToken(request, { sub: client.clientId, audience: resources, scope })
  })

const tokenType = (name: string): string => `urn:ietf:params:oauth:token-type:${name}`
const readable = ["access_token", "id_token", "jwt"].map(tokenType)

interface Party {
  readonly sub: string
  readonly claims: Reply.Json
}

const issuerOf = (token: string): Option.Option<string> =>
  Option.liftThrowable(() => decodeJwt(token).iss ?? "")()

/** Reads a subject or actor token: one of ours, or a JWT of an issuer that is trusted. */
const party = (
  state: State,
  form: URLSearchParams,
  role: "subject" | "actor",
  now: number
): Effect.Effect<Party, Reply.Refusal> =>
  Effect.gen(function* () {
    const invalid = (description: string) => Reply.refuse("invalid_request", description)
    const token = form.get(`${role}_token`) ?? ""
    const type = form.get(`${role}_token_type`) ?? ""
    if (!readable.includes(type)) return yield* invalid(`${role}_token_type is missing or not supported`)
    const issuer = Option.getOrElse(issuerOf(token), () => "")
    const trusted = state.trusted.get(issuer)
    const read: Option.Option<Tokens.Inspected> =
      trusted === undefined
        ? yield* Tokens.inspect(state, token)
        : yield* Tokens.verify(token, trusted, { issuer, now }).pipe(
            Effect.map(({ payload }) => ({ type: "jwt" as const, claims: payload })),
            Effect.option
          )
    if (Option.isNone(read)) return yield* invalid(`The ${role}_token is not valid here`)
    if (type !== tokenType("jwt") && read.value.type !== "jwt" && type !== tokenType(read.value.type)) {
      return yield* invalid(`The ${role}_token is not of the type named`)
    }
    const sub = read.value.claims["sub"]
    if (typeof sub !== "string") return yield* invalid(`The ${role}_token names no subject`)
    return { sub, claims: read.value.claims }
  })

/** `may_act` (RFC 8693 section 4.4) names who may stand in; without it everyone may. */
const mayAct = (subject: Party, actor: Party): boolean => {
  const allowed = subject.claims["may_act"]
  return !Predicate.isReadonlyRecord(allowed) || allowed["sub"] === actor.sub
}

/** The chain of actors (RFC 8693 section 4.1): the present one outermost. */
const actClaim = (subject: Party, actor: Option.Option<Party>): unknown => {
  const before = subject.claims["act"]
  return Option.match(actor, {
    onNone: () => before,
    onSome: ({ claims, sub }) => Reply.override({ sub }, { iss: claims["iss"], act: before })
  })
}

/** RFC 8693 section 2. */
export const tokenExchange = (request: Issue.GrantRequest): Answer =>
  Effect.gen(function* () {
    const { client, distortion, form, now, state } = request
    const subject = yield* party(state, form, "subject", now)
    if (form.has("actor_token") !== form.has("actor_token_type")) {
      return yield* Reply.refuse("invalid_request", "actor_token and actor_token_type belong together")
    }
    const actor = form.has("actor_token")
      ? Option.some(yield* party(state, form, "actor", now))
      : Option.none<Party>()
    if (Option.isSome(actor) && !mayAct(subject, actor.value)) {
      return yield* Reply.refuse("invalid_request", "The actor may not act for the subject (may_act)")
    }
    const asked = form.get("requested_token_type") ?? tokenType("access_token")
    if (!readable.includes(asked)) {
      return yield* Reply.refuse("invalid_request", "requested_token_type is not supported")
    }
    const resources = yield* Targets.targets(state, client, form.getAll("resource"), "resource")
    const audience = yield* Targets.targets(state, client, form.getAll("audience"), "audience")
    const wanted = yield* Targets.scope(state, client, form.get("scope"))
    const held = subject.claims["scope"]
    const scope =
      held === undefined ? wanted : yield* Targets.narrow(Tokens.scopes(held), wanted, "invalid_scope")
    if (asked === tokenType("id_token")) {
      const lifetime = state.settings.lifetimes.idToken
      const token = yield* Tokens.idToken(
        state,
        { sub: subject.sub, audience: audience.length > 0 ? audience : [client.clientId], lifetime },
        distortion.idToken
      )
      return {
        access_token: token,
        issued_token_type: asked,
        token_type: "N_A",
        expires_in: Duration.toSeconds(lifetime)
      }
    }
    const tokens = yield* Issue.accessToken(request, {
      sub: subject.sub,
      audience: [...resources, ...audience],
      scope,
      act: actClaim(subject, actor)
    })
    return { ...tokens, issued_token_type: asked }
  })

/** RFC 7523 section 2.1: an assertion of a trusted issuer as an authorization grant. */
export const jwtBearer = (request: Issue.GrantRequest): Answer =>
  Effect.gen(function* () {
    const { client, form, now, state } = request
    const assertion = form.get("assertion") ?? ""
    const issuer = Option.getOrElse(issuerOf(assertion), () => "")
    const trusted = state.trusted.get(issuer)
    if (trusted === undefined)
      return yield* Reply.refuse("invalid_grant", "The issuer of the assertion is not trusted")
    const { payload } = yield* Tokens.verify(assertion, trusted, {
      issuer,
      now,
      audience: [state.settings.issuer, Routes.urls(state.settings.issuer).token],
      requiredClaims: ["sub", "aud"]
    })
    if (payload.jti !== undefined) {
      const id = `${issuer} ${payload.jti}`
      if (state.assertionIds.has(id))
        return yield* Reply.refuse("invalid_grant", "The assertion was used before (jti)")
      state.assertionIds.add(id)
    }
    const scope = yield* Targets.scope(state, client, form.get("scope"))
    const resources = yield* Targets.targets(state, client, form.getAll("resource"), "resource")
    return yield* Issue.accessToken(request, { sub: payload.sub ?? "", audience: resources, scope })
  })
