/** The control handle over one state. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { IssuerHandle } from "../IssuerHandle.js"
import type { IssuerOptions } from "../IssuerOptions.js"
import type { Endpoint } from "../RecordedRequest.js"
import { ConnectionBroken, NoCallback } from "../TestIssuerError.js"
import { consent } from "../TestUser.js"
import type { Decision } from "../TestUser.js"
import * as Client from "./client.js"
import * as Issue from "./issue.js"
import * as Keys from "./keys.js"
import * as Reply from "./reply.js"
import * as Router from "./router.js"
import * as Routes from "./routes.js"
import type { Settings, State } from "./state.js"
import * as State_ from "./state.js"
import * as Tokens from "./tokens.js"

const settingsOf = (options: IssuerOptions): Settings => {
  const lifetimes = options.lifetimes ?? {}
  return {
    issuer: options.issuer ?? "https://issuer.test",
    resources: options.resources ?? ["https://api.test"],
    resourceScopes: options.resourceScopes ?? [],
    wellKnown: options.wellKnown ?? ["oauth-authorization-server", "openid-configuration"],
    metadata: options.metadata ?? {},
    scopes: options.scopes,
    targets: options.targets,
    algorithm: options.algorithm ?? "ES256",
    accessTokens: options.accessTokens ?? "jwt",
    assertionAudience: options.assertionAudience ?? "either",
    requirePkce: options.requirePkce ?? true,
    issParameter: options.issParameter ?? true,
    rotateRefreshTokens: options.rotateRefreshTokens ?? true,
    lifetimes: {
      code: Duration.decode(lifetimes.code ?? "1 minute"),
      accessToken: Duration.decode(lifetimes.accessToken ?? "1 hour"),
      idToken: Duration.decode(lifetimes.idToken ?? "1 hour"),
      refreshToken: Duration.decode(lifetimes.refreshToken ?? "30 days"),
      device: Duration.decode(lifetimes.device ?? "10 minutes")
    }
  }
}

const makeState = (options: IssuerOptions): Effect.Effect<State> =>
  Effect.gen(function* () {
    const settings = settingsOf(options)
    return {
      settings,
      users: new Map((options.users ?? [{ sub: "alice" }]).map((user) => [user.sub, user])),
      clients: new Map((options.clients ?? []).map((client) => [client.clientId, client])),
      trusted: new Map(),
      codes: new Map(),
      refreshTokens: new Map(),
      accessTokens: new Map(),
      devices: new Map(),
      assertionIds: new Set(),
      revokedFamilies: new Set(),
      revokedTokens: new Set(),
      scripts: new Map(),
      requests: [],
      keys: [yield* Keys.generate(settings.algorithm, "key-1")],
      keysMade: 1,
      unpublished: yield* Effect.cached(Keys.generate(settings.algorithm, "unpublished")),
      skew: options.skew ?? 0,
      decision: consent(),
      openBodies: 0
    }
  })

/** Opens the authorization URL as a browser does, up to the redirect. */
const authorize = (state: State, url: string, decision: Decision | undefined) =>
  Effect.gen(function* () {
    const target = URL.canParse(url) ? new URL(url) : undefined
    const route = target === undefined ? undefined : Router.find(state, target)
    if (target === undefined || route?.endpoint !== "authorization") {
      return yield* new NoCallback({
        message: "This is not the authorization endpoint of this issuer",
        status: 404
      })
    }
    const incoming = { method: "GET", url: target, headers: {}, body: new Uint8Array(0), decision }
    const reply = yield* Router.answer(state, incoming, route)
    const location = reply.headers["location"]
    if (location !== undefined && reply.status >= 300 && reply.status < 400) return location
    const page = new TextDecoder().decode(Reply.bytesOf(reply.body) ?? new Uint8Array(0))
    const text = page.replace(/^.*<p>|<[^>]*>/gs, "").slice(0, 200)
    return yield* new NoCallback({ message: `No redirect but a page: ${text}`, status: reply.status })
  })

const handle = (state: State, request: Request): Effect.Effect<Response, ConnectionBroken> =>
  Effect.gen(function* () {
    const url = new URL(request.url)
    const route = Router.find(state, url) ?? { endpoint: "other", resource: undefined }
    const body = yield* Effect.tryPromise({
      try: () => request.arrayBuffer(),
      catch: () => new ConnectionBroken({ message: "The request body cannot be read" })
    })
    const incoming = {
      method: request.method,
      url,
      headers: Object.fromEntries(request.headers.entries()),
      body: new Uint8Array(body),
      decision: undefined
    }
    const reply = yield* Router.answer(state, incoming, route)
    return yield* Client.toResponse(state, reply, request.signal)
  })

const tokenControls = (state: State): Pick<IssuerHandle, "mintAccessToken" | "mintIdToken" | "revoke"> => {
  const { lifetimes } = state.settings
  const firstClient = () => state.clients.keys().next().value ?? "client"
  return {
    mintAccessToken: (options = {}) =>
      Effect.suspend(() =>
        Tokens.accessToken(
          state,
          {
            sub: options.sub ?? State_.defaultUser(state),
            clientId: options.clientId ?? firstClient(),
            audience: [options.audience ?? Issue.defaultAudience(state)].flat(),
            scope: options.scope ?? [],
            lifetime: Duration.decode(options.lifetime ?? lifetimes.accessToken)
          },
          options
        )
      ),
    mintIdToken: (options = {}) =>
      Effect.suspend(() =>
        Tokens.idToken(
          state,
          {
            sub: options.sub ?? State_.defaultUser(state),
            audience: [options.clientId ?? firstClient()],
            nonce: options.nonce,
            accessToken: options.accessToken,
            lifetime: Duration.decode(options.lifetime ?? lifetimes.idToken)
          },
          options
        )
      ),
    revoke: (token) =>
      Effect.sync(() => {
        state.revokedTokens.add(token)
      })
  }
}

const decideDevice = (state: State, userCode: string, decision: Decision): boolean => {
  const waiting = [...state.devices.values()].find((device) => device.userCode === userCode)
  if (waiting !== undefined) waiting.decision = decision
  return waiting !== undefined
}

/** A new issuer. */
export const make = (options: IssuerOptions): Effect.Effect<IssuerHandle> =>
  Effect.map(makeState(options), (state) => {
    const change = (f: () => void) => Effect.sync(f)
    const received = (endpoint: Endpoint) => state.requests.filter((request) => request.endpoint === endpoint)
    return {
      issuer: state.settings.issuer,
      urls: Routes.urls(state.settings.issuer),
      httpClient: Client.make(state),
      app: HttpServerRequest.HttpServerRequest.pipe(
        Effect.flatMap(HttpServerRequest.toWeb),
        Effect.mapError(() => new ConnectionBroken({ message: "The request has no URL" })),
        Effect.flatMap((request) => handle(state, request)),
        Effect.map(HttpServerResponse.fromWeb)
      ),
      handle: (request) => handle(state, request),
      endpointOf: (url) =>
        Option.map(Option.fromNullable(Router.find(state, new URL(url))), (route) => route.endpoint),
      addUser: (user) => change(() => state.users.set(user.sub, user)),
      addClient: (client) => change(() => state.clients.set(client.clientId, client)),
      trust: (issuer, jwks) => change(() => state.trusted.set(issuer, jwks)),
      decide: (decision) =>
        change(() => {
          state.decision = decision
        }),
      authorize: (url, decision) => authorize(state, url, decision),
      decideDevice: (userCode, decision) =>
        Effect.sync(() => decideDevice(state, userCode, decision ?? state.decision)),
      rotateKeys: (rotation) =>
        Effect.suspend(() => Keys.generate(state.settings.algorithm, `key-${++state.keysMade}`)).pipe(
          Effect.map((key) => {
            state.keys = rotation?.overlap === true ? [key, ...state.keys] : [key]
          })
        ),
      jwks: Effect.sync(() => Keys.jwks(state.keys)),
      setSkew: (seconds) =>
        change(() => {
          state.skew = seconds
        }),
      ...tokenControls(state),
      requests: Effect.sync(() => [...state.requests]),
      requestsTo: (endpoint) => Effect.sync(() => received(endpoint)),
      count: (endpoint) => Effect.sync(() => received(endpoint).length),
      forgetRequests: change(() => state.requests.splice(0)),
      openBodies: Effect.sync(() => state.openBodies),
      misbehave: (endpoint, misbehaviour, scope) =>
        change(() => {
          const script = { misbehaviours: [misbehaviour].flat(), remaining: scope?.times ?? Infinity }
          const before = state.scripts.get(endpoint) ?? []
          const counted = before.filter((other) => other.remaining !== Infinity)
          const always = before.filter((other) => other.remaining === Infinity)
          state.scripts.set(
            endpoint,
            script.remaining === Infinity ? [...counted, script] : [...counted, script, ...always]
          )
        }),
      behave: (endpoint) =>
        change(() => (endpoint === undefined ? state.scripts.clear() : state.scripts.delete(endpoint)))
    }
  })
