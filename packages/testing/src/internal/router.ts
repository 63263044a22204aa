/** From a request to an answer: record, dispatch, misbehave. */
import * as Effect from "effect/Effect"
import type { RecordedRequest } from "../RecordedRequest.js"
import type { Misbehaviour } from "../Misbehaviour.js"
import type { Endpoint } from "../RecordedRequest.js"
import type { ConnectionBroken } from "../TestIssuerError.js"
import type { Decision } from "../TestUser.js"
import * as Authorize from "./authorize.js"
import * as Keys from "./keys.js"
import * as Metadata from "./metadata.js"
import * as Misbehave from "./misbehave.js"
import * as Reply from "./reply.js"
import * as Resource from "./resource.js"
import * as Routes from "./routes.js"
import type { State } from "./state.js"
import * as State_ from "./state.js"
import * as TokenEndpoint from "./tokenEndpoint.js"

/** A request as it comes in, before it is known what it is for. */
export interface Incoming {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  readonly decision: Decision | undefined
}

const onlyGet = (exchange: Reply.Exchange, answer: () => Reply.Reply): Effect.Effect<Reply.Reply> =>
  Effect.sync(() =>
    exchange.request.method === "GET" || exchange.request.method === "HEAD"
      ? answer()
      : Reply.empty(405, { allow: "GET" })
  )

const handle = (state: State, exchange: Reply.Exchange, route: Routes.Route): Effect.Effect<Reply.Reply> => {
  const resource = route.resource ?? ""
  switch (route.endpoint) {
    case "metadata":
      return onlyGet(exchange, () => Reply.json(Metadata.authorizationServer(state)))
    case "jwks":
      return onlyGet(exchange, () => Reply.json(Keys.jwks(state.keys)))
    case "authorization":
      return Authorize.authorization(state, exchange)
    case "token":
      return TokenEndpoint.token(state, exchange)
    case "userinfo":
      return Resource.userinfo(state, exchange)
    case "introspection":
      return TokenEndpoint.introspection(state, exchange)
    case "revocation":
      return TokenEndpoint.revocation(state, exchange)
    case "device_authorization":
      return TokenEndpoint.deviceAuthorization(state, exchange)
    case "resource_metadata":
      return onlyGet(exchange, () => Reply.json(Metadata.protectedResource(state.settings, resource)))
    case "resource":
      return Resource.resource(state, exchange, resource)
    case "other":
      return Effect.succeed(Reply.empty(404))
  }
}

/** The script for this request; one that is used up is dropped. */
const takeScript = (state: State, endpoint: Endpoint): ReadonlyArray<Misbehaviour> => {
  const scripts = (state.scripts.get(endpoint) ?? []).filter((script) => script.remaining > 0)
  state.scripts.set(endpoint, scripts)
  const [first] = scripts
  if (first === undefined) return []
  first.remaining -= 1
  return first.misbehaviours
}

const webRequest = ({ body, headers, method, url }: Incoming): Request =>
  new Request(url, {
    method,
    headers: { ...headers },
    ...(method === "GET" || method === "HEAD" ? {} : { body: body.slice() })
  })

/** Whether this issuer serves the URL, and as what. */
export const find = (state: State, url: URL): Routes.Route | undefined => Routes.route(state.settings, url)

/** Answers one request. */
export const answer = (
  state: State,
  incoming: Incoming,
  route: Routes.Route
): Effect.Effect<Reply.Reply, ConnectionBroken> =>
  Effect.gen(function* () {
    const now = yield* State_.now(state)
    const body = new TextDecoder().decode(incoming.body)
    const isForm = (incoming.headers["content-type"] ?? "").startsWith("application/x-www-form-urlencoded")
    const request: RecordedRequest = {
      endpoint: route.endpoint,
      method: incoming.method,
      url: incoming.url,
      headers: incoming.headers,
      body,
      form: new URLSearchParams(isForm ? body : ""),
      at: now
    }
    state.requests.push(request)
    const misbehaviours = takeScript(state, route.endpoint)
    const exchange: Reply.Exchange = {
      request,
      decision: incoming.decision ?? state.decision,
      distortion: Misbehave.distortion(misbehaviours),
      now
    }
    const dated = Effect.map(handle(state, exchange, route), (reply) => ({
      ...reply,
      headers: { date: new Date(now * 1000).toUTCString(), ...reply.headers }
    }))
    return yield* Misbehave.apply(route.endpoint, () => webRequest(incoming), dated, misbehaviours)
  })
