/**
 * Serving what is published.
 *
 * @since 0.1.0
 */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Published } from "./Published.js"
import { ResourceServerError } from "./ResourceServerError.js"

/**
 * The headers of a protected API that a script of another origin must be allowed
 * to read to find its way (`exposedHeaders` of `HttpMiddleware.cors`). What is
 * published here needs none of that: it is open to all.
 *
 * @since 0.1.0
 * @category constants
 */
export const exposedHeaders: ReadonlyArray<string> = ["www-authenticate", "dpop-nonce", "retry-after"]

/** Anybody's script may read these documents; no cookie and no credential has a part in it. */
const cors = { "access-control-allow-origin": "*" }

/** MCP clients send the version of their protocol with every request, also with these. */
const preflight = HttpServerResponse.empty({
  status: 204,
  headers: {
    ...cors,
    "access-control-allow-methods": "GET, HEAD",
    "access-control-allow-headers": "mcp-protocol-version, accept, content-type",
    "access-control-max-age": "86400"
  }
})

/** For clients, a moment's trouble; why is in the log. */
const unavailable = HttpServerResponse.empty({
  status: 503,
  headers: { ...cors, "retry-after": "5", "cache-control": "no-store" }
})

/** Whatever host this is for, nothing is told of it. */
const misdirected = HttpServerResponse.empty({
  status: 421,
  headers: { ...cors, "cache-control": "no-store" }
})

const notAllowed = HttpServerResponse.empty({
  status: 405,
  headers: { ...cors, allow: "GET, HEAD, OPTIONS" }
})

const answer = (
  published: Published
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest> =>
  published.document.pipe(
    Effect.map((document) =>
      HttpServerResponse.text(JSON.stringify(document), {
        contentType: "application/json",
        headers: {
          ...cors,
          "cache-control": `public, max-age=${Math.floor(Duration.toSeconds(published.maxAge))}`,
          "x-content-type-options": "nosniff",
          ...varying(published)
        }
      })
    ),
    Effect.catchAll((error) =>
      error._tag === "Misdirected"
        ? Effect.succeed(misdirected)
        : Effect.as(
            Effect.logWarning(`What is published at ${published.path} cannot be had: ${error.message}`),
            unavailable
          )
    )
  )

/** A cache between shall not give one host the document of another. */
const varying = ({ vary = [] }: Published): Record<string, string> =>
  vary.length === 0 ? {} : { vary: vary.join(", ") }

const handler = (
  published: Published
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest> =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ method }) =>
    method === "GET" || method === "HEAD"
      ? answer(published)
      : Effect.succeed(method === "OPTIONS" ? preflight : notAllowed)
  )

const decoded = Option.liftThrowable(decodeURI)

/** The path as the router compares it, which decodes what comes; nothing in it is a parameter. */
const literal = (path: Published["path"]): HttpRouter.PathInput =>
  `/${Option.getOrElse(decoded(path.slice(1)), () => path.slice(1)).replaceAll(":", "::")}`

/** None of them twice: the second would never be seen. */
const apart = (documents: ReadonlyArray<Published>): Effect.Effect<void, ResourceServerError> => {
  const twice = documents.find(({ path }, i) => documents.some((other, j) => j < i && other.path === path))
  return twice === undefined
    ? Effect.void
    : new ResourceServerError({
        reason: "option",
        option: "path",
        message: `Publishing: two documents are to be published at ${twice.path}.`
      })
}

/**
 * A router of documents, to concatenate with that of a program
 * (`HttpRouter.concat`) before any prefix is put to it, or to serve by itself.
 *
 * @example
 * ```ts
 * Publishing.router(Effect.all([Published.resource(), Published.jwks()]))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const router = <E, R>(
  documents: Effect.Effect<ReadonlyArray<Published>, E, R>
): Effect.Effect<HttpRouter.HttpRouter, E | ResourceServerError, R> =>
  Effect.map(Effect.tap(documents, apart), (all) =>
    all.reduce<HttpRouter.HttpRouter>(
      (routes, one) => HttpRouter.all(routes, literal(one.path), handler(one)),
      HttpRouter.empty
    )
  )

/**
 * Serves documents beside an `HttpApi` that `HttpApiBuilder` serves: give it to
 * the layer of the server, next to that of the API. They are open to all,
 * whatever protects the API; also the API as a whole, since they are answered
 * before it is asked.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <E, R>(
  documents: Effect.Effect<ReadonlyArray<Published>, E, R>
): Layer.Layer<never, E | ResourceServerError, Exclude<R, Scope.Scope>> =>
  Layer.unwrapScoped(
    Effect.map(Effect.tap(documents, apart), (all) =>
      Layer.merge(
        // For other spellings of a path, and for a program that takes the router without its middleware.
        HttpApiBuilder.Router.use((routes) =>
          Effect.forEach(all, (one) => routes.all(literal(one.path), handler(one)), { discard: true })
        ),
        HttpApiBuilder.middleware(before(all))
      )
    )
  )

/** A guard of the API as a whole stands before the router: nobody without a token would get past it. */
const before = (documents: ReadonlyArray<Published>): HttpApiBuilder.MiddlewareFn<never> => {
  const handlers = new Map<string, HttpApp.Default>(documents.map((one) => [one.path, handler(one)]))
  return (app) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ url }) => {
      const query = url.indexOf("?")
      return handlers.get(query < 0 ? url : url.slice(0, query)) ?? app
    })
}

/**
 * Serves documents with a `HttpLayerRouter`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerRouter = <E, R>(
  documents: Effect.Effect<ReadonlyArray<Published>, E, R>
): Layer.Layer<never, E | ResourceServerError, HttpLayerRouter.HttpRouter | Exclude<R, Scope.Scope>> =>
  HttpLayerRouter.use((routes) =>
    Effect.flatMap(Effect.tap(documents, apart), (all) =>
      Effect.forEach(all, (one) => routes.add("*", literal(one.path), handler(one)), { discard: true })
    )
  )
