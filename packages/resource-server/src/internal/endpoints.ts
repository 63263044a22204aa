/** What each endpoint of an API needs, found again when a request comes. */
import * as HttpApi from "@effect/platform/HttpApi"
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import type * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import { FindMyWay } from "@effect/platform/HttpLayerRouter"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import * as Scope from "effect-oauth/Scope"
import type { Requirements } from "../Requirements.js"
import { combine, Open, Requires } from "../Requirements.js"
import { ResourceServerError } from "../ResourceServerError.js"

/** An endpoint of an API. */
export interface Endpoint {
  readonly method: string
  readonly path: string
  readonly name: string
  readonly group: string
  readonly isProtected: boolean
  /** Whether its group or the whole API is protected, and not this endpoint alone. */
  readonly isCovered: boolean
  readonly isOpen: boolean
  readonly requirements: Requirements
  /** The annotations that these are made of. */
  readonly stated: ReadonlyArray<Requirements>
}

const hasOf =
  (guard: { readonly key: string }) =>
  (tags: ReadonlySet<HttpApiMiddleware.TagClassAny>): boolean =>
    [...tags].some(({ key }) => key === guard.key)

const statedBy = (...annotations: ReadonlyArray<Context.Context<never>>): ReadonlyArray<Requirements> =>
  annotations.flatMap((one) => Option.toArray(Context.getOption(one, Requires)))

/** The endpoints of an API, and what is said of each. */
export const list = <Id extends string, Groups extends HttpApiGroup.HttpApiGroup.Any, E, R>(
  api: HttpApi.HttpApi<Id, Groups, E, R>,
  guard: { readonly key: string }
): ReadonlyArray<Endpoint> => {
  const found: Array<Endpoint> = []
  const has = hasOf(guard)
  HttpApi.reflect(api, {
    onGroup: () => {},
    onEndpoint: ({ endpoint, group, mergedAnnotations, middleware }) => {
      const isCovered = has(api.middlewares) || has(group.middlewares)
      const stated = statedBy(group.annotations, endpoint.annotations)
      found.push({
        method: endpoint.method,
        path: endpoint.path,
        name: endpoint.name,
        group: group.identifier,
        isProtected: isCovered || has(middleware),
        isCovered,
        isOpen: Option.isSome(Context.getOption(mergedAnnotations, Open)),
        requirements: stated.reduce(combine, {}),
        stated
      })
    }
  })
  return found
}

/** The groups and endpoints at which the guard stands itself, and the API where it does. */
const placesOf = <Id extends string, Groups extends HttpApiGroup.HttpApiGroup.Any, E, R>(
  api: HttpApi.HttpApi<Id, Groups, E, R>,
  guard: { readonly key: string }
): number => {
  const has = hasOf(guard)
  const places = new Set<unknown>(has(api.middlewares) ? [api] : [])
  HttpApi.reflect(api, {
    onGroup: () => {},
    onEndpoint: ({ endpoint, group }) => {
      if (has(endpoint.middlewares)) places.add(endpoint)
      else if (has(group.middlewares)) places.add(group)
    }
  })
  return places.size
}

/** Whether another API has an endpoint of the same method and path that needs what this one does not ask. */
const asksMore = (others: ReadonlyArray<Endpoint>, endpoints: ReadonlyArray<Endpoint>): boolean =>
  others.some((other) => {
    const own = endpoints.filter(({ method, path }) => method === other.method && path === other.path)
    return (
      own.length > 0 &&
      other.isProtected &&
      other.stated.some((one) => !own.some(({ stated }) => stated.includes(one)))
    )
  })

/** Why the endpoints cannot be as they were meant to be. */
const problem = (endpoints: ReadonlyArray<Endpoint>): ResourceServerError | undefined => {
  for (const endpoint of endpoints) {
    const { requirements } = endpoint
    const name = `${endpoint.group}.${endpoint.name} (${endpoint.method} ${endpoint.path})`
    const wrong = Scope.problem(requirements.scope ?? [])
    const asks = Object.values(requirements).some((value) => value !== undefined)
    if (Option.isSome(wrong)) return refuse("requirements", `${name}: ${wrong.value}`)
    if (requirements.acr?.length === 0) {
      return refuse("requirements", `${name} needs an acr of an empty list, which no token has`)
    }
    if (!endpoint.isProtected && asks) {
      return refuse(
        "unprotected",
        `${name} has requirements, and no BearerAuth that reads them. middlewareEndpoints covers only endpoints that were added before it; put BearerAuth on the group`
      )
    }
    if (endpoint.isProtected && endpoint.isOpen) {
      return refuse("unprotected", `${name} is annotated as open, and protected`)
    }
    const siblings = endpoints.filter(({ group }) => group === endpoint.group)
    if (!endpoint.isProtected && !endpoint.isOpen && siblings.some((sibling) => sibling.isProtected)) {
      return refuse(
        "unprotected",
        `${name} is open, and others of its group are protected one by one. middlewareEndpoints covers only endpoints that were added before it; annotate the endpoint with Open if that is meant`
      )
    }
  }
  return undefined
}

const refuse = (reason: "requirements" | "unprotected", message: string): ResourceServerError =>
  new ResourceServerError({ reason, message: `BearerAuth: ${message}.` })

const keyOf = (method: string, path: string): string => `${method} ${path}`

/** The path of a route without what it was mounted under. */
const ownPath = ({ path, prefix }: HttpRouter.Route<unknown, unknown>): string =>
  Option.match(prefix, {
    onNone: () => path,
    onSome: (given) => {
      const mounted = given.endsWith("/") ? given.slice(0, -1) : given
      return path.startsWith(mounted) ? path.slice(mounted.length) || "/" : path
    }
  })

/** Finds what a request needs; none for one that is no request of this API. */
export interface Endpoints {
  /** Whether the API as a whole is protected: then requests are judged before they are routed. */
  readonly isWhole: boolean
  /** How often the guard is put somewhere when this API is built once, and nothing else is. */
  readonly places: number
  /** Whether this API, which is served, says the same of the endpoints that both have. */
  readonly agreesWith: (served: Context.Tag.Service<HttpApi.Api>["api"]) => boolean
  readonly ofRoute: (route: HttpRouter.Route<unknown, unknown>) => Requirements | undefined
  readonly ofRequest: (method: string, url: string) => Requirements | undefined
}

/**
 * Reads an API. Two endpoints of one method and path cannot be told apart, so
 * each needs what both need.
 */
export const make = <Id extends string, Groups extends HttpApiGroup.HttpApiGroup.Any, E, R>(
  api: HttpApi.HttpApi<Id, Groups, E, R>,
  guard: { readonly key: string }
): Effect.Effect<Endpoints, ResourceServerError> =>
  Effect.suspend(() => {
    const endpoints = list(api, guard)
    const wrong = Option.isSome(Context.getOption(api.annotations, Requires))
      ? refuse(
          "requirements",
          "Requires is on the API as a whole, where addHttpApi forgets it for a group that has its own; annotate the groups"
        )
      : problem(endpoints)
    if (wrong !== undefined) return Effect.fail(wrong)
    const table = new Map<string, Requirements>()
    for (const { isProtected, method, path, requirements } of endpoints) {
      if (!isProtected) continue
      const key = keyOf(method, path)
      const other = table.get(key)
      table.set(key, other === undefined ? requirements : combine(other, requirements))
    }
    const isWhole = hasOf(guard)(api.middlewares)
    const places = placesOf(api, guard)
    const agreeing = new WeakMap<object, boolean>()
    const agreesWith: Endpoints["agreesWith"] = (served) => {
      const known = agreeing.get(served)
      if (known !== undefined) return known
      const agrees = !asksMore(list(served, guard), endpoints)
      agreeing.set(served, agrees)
      return agrees
    }
    // Routes are made once, and come again with every request.
    const routes = new WeakMap<object, Requirements>()
    const ofRoute: Endpoints["ofRoute"] = (route) => {
      const known = routes.get(route)
      if (known !== undefined) return known
      const found = table.get(keyOf(route.method, ownPath(route)))
      if (found !== undefined) routes.set(route, found)
      return found
    }
    return Effect.map(isWhole ? matcher(endpoints, table) : Effect.succeed(nowhere), (ofRequest) => ({
      ofRoute,
      ofRequest,
      isWhole,
      places,
      agreesWith
    }))
  })

type OfRequest = Endpoints["ofRequest"]

const nowhere: OfRequest = () => undefined

/** Finds endpoints as the router of the API does, which is set up alike. */
const matcher = (
  endpoints: ReadonlyArray<Endpoint>,
  table: ReadonlyMap<string, Requirements>
): Effect.Effect<OfRequest> =>
  Effect.map(FiberRef.get(HttpRouter.currentRouterConfig), (config) => {
    const router = FindMyWay.make<Requirements>(config)
    const added = new Set<string>()
    for (const { method, path } of endpoints) {
      const key = keyOf(method, path)
      const requirements = table.get(key)
      if (requirements === undefined || added.has(key) || !isMethod(method) || !isPath(path)) continue
      router.on(method, path, requirements)
      added.add(key)
    }
    return (method, url) =>
      isMethod(method)
        ? (router.find(method, url) ?? (method === "HEAD" ? router.find("GET", url) : undefined))?.handler
        : undefined
  })

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] as const

const isMethod = (method: string): method is (typeof methods)[number] =>
  methods.some((known) => known === method)

const isPath = (path: string): path is `/${string}` | "*" => path.startsWith("/") || path === "*"
