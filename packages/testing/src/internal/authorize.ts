/** The authorization endpoint (RFC 6749 section 4.1.1, RFC 7636, RFC 8707, RFC 9207). */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { randomText } from "effect-oauth/Entropy"
import type { TestClient } from "../TestClient.js"
import * as Reply from "./reply.js"
import * as State_ from "./state.js"
import type { State } from "./state.js"
import * as Targets from "./targets.js"

const loopback = new Set(["127.0.0.1", "[::1]"])

/** Equality, but for the port of a loopback address (RFC 8252 section 7.3). */
const sameRedirectUri = (registered: string, given: string): boolean => {
  if (registered === given) return true
  if (!URL.canParse(registered) || !URL.canParse(given)) return false
  const a = new URL(registered)
  const b = new URL(given)
  if (a.protocol !== "http:" || !loopback.has(a.hostname) || a.hostname !== b.hostname) return false
  b.port = a.port
  return a.href === b.href && !given.includes("#")
}

const redirectTarget = (client: TestClient, given: string | null): string | undefined => {
  const registered = client.redirectUris ?? []
  if (given === null) return registered.length === 1 ? registered[0] : undefined
  return registered.some((uri) => sameRedirectUri(uri, given)) ? given : undefined
}

const duplicated = (parameters: URLSearchParams): string | undefined =>
  [...parameters.keys()].find((name) => name !== "resource" && parameters.getAll(name).length > 1)

/** What must hold before a person is asked. */
const check = (
  state: State,
  client: TestClient,
  parameters: URLSearchParams
): Effect.Effect<
  { readonly scope: ReadonlyArray<string>; readonly resources: ReadonlyArray<string> },
  Reply.Refusal
> =>
  Effect.gen(function* () {
    const twice = duplicated(parameters)
    if (twice !== undefined)
      return yield* Reply.refuse("invalid_request", `${twice} was given more than once`)
    if (parameters.get("response_type") !== "code") {
      return yield* Reply.refuse("unsupported_response_type", "response_type must be code")
    }
    if ((parameters.get("response_mode") ?? "query") !== "query") {
      return yield* Reply.refuse("invalid_request", "response_mode must be query")
    }
    if (!Targets.mayUse(client, "authorization_code")) {
      return yield* Reply.refuse("unauthorized_client", "This client may not use authorization codes")
    }
    const challenge = parameters.get("code_challenge")
    if (challenge === null && state.settings.requirePkce) {
      return yield* Reply.refuse("invalid_request", "code_challenge is required")
    }
    if (challenge !== null && !/^[A-Za-z0-9_-]{43}$/.test(challenge)) {
      return yield* Reply.refuse("invalid_request", "code_challenge is not the base64url of a SHA-256")
    }
    if (challenge !== null && parameters.get("code_challenge_method") !== "S256") {
      return yield* Reply.refuse("invalid_request", "code_challenge_method must be S256")
    }
    const scope = yield* Targets.scope(state, client, parameters.get("scope"))
    const resources = yield* Targets.targets(state, client, parameters.getAll("resource"), "resource")
    return { scope, resources }
  })

/** Answers an authorization request as the scripted person decides. */
export const authorization = (state: State, exchange: Reply.Exchange): Effect.Effect<Reply.Reply> =>
  Effect.gen(function* () {
    const { request, decision, now } = exchange
    const parameters = request.method === "POST" ? request.form : request.url.searchParams
    const client = state.clients.get(parameters.get("client_id") ?? "")
    if (client === undefined) return Reply.html(400, "Unknown client")
    if (parameters.getAll("client_id").length > 1 || parameters.getAll("redirect_uri").length > 1) {
      return Reply.html(400, "client_id or redirect_uri was given more than once")
    }
    const given = parameters.get("redirect_uri")
    const target = redirectTarget(client, given)
    if (target === undefined) return Reply.html(400, "The redirect_uri is not registered")

    const answer = (entries: Readonly<Record<string, string>>): Reply.Reply => {
      const url = new URL(target)
      for (const [name, value] of Object.entries(entries)) url.searchParams.append(name, value)
      const stateParameter = parameters.getAll("state")
      if (stateParameter[0] !== undefined) url.searchParams.append("state", stateParameter[0])
      if (state.settings.issParameter) url.searchParams.append("iss", state.settings.issuer)
      return Reply.redirect(url.href)
    }

    return yield* check(state, client, parameters).pipe(
      Effect.flatMap(({ scope, resources }) => {
        if (decision._tag === "Fail") {
          return Reply.refuse(
            decision.error,
            decision.description ?? "The authorization server was told to refuse"
          )
        }
        return Effect.gen(function* () {
          const code = yield* randomText(32)
          state.codes.set(code, {
            family: yield* randomText(16),
            clientId: client.clientId,
            sub: decision.sub ?? State_.defaultUser(state),
            scope:
              decision.scope === undefined ? scope : scope.filter((name) => decision.scope?.includes(name)),
            resources,
            authTime: now - Math.floor(Duration.toSeconds(decision.authenticated ?? 0)),
            redirectUri: given ?? undefined,
            challenge: parameters.get("code_challenge") ?? undefined,
            nonce: parameters.get("nonce") ?? undefined,
            expires: now + Duration.toSeconds(state.settings.lifetimes.code),
            used: false
          })
          return answer({ code })
        })
      }),
      Effect.catchTag("Refusal", (refusal) =>
        Effect.succeed(answer({ error: refusal.error, error_description: refusal.description }))
      )
    )
  })
