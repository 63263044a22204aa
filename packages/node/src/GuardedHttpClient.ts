/**
 * An HTTP client for URLs that others supply.
 *
 * @since 0.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Endpoint from "effect-oauth/Endpoint"
import { lookup } from "node:dns/promises"
import { isIP } from "node:net"
import * as Dispatcher from "./internal/guardedDispatcher.js"
import * as NetworkPolicy from "./NetworkPolicy.js"

/**
 * What is loosened or tightened. Everything has a default.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * Accept URLs of this machine (`localhost`, `127.0.0.0/8`, `[::1]`), http too,
   * when every address of the host is of this machine: for tests. A name of
   * another kind is refused as ever when it resolves to this machine. Off.
   */
  readonly allowLoopback?: boolean | undefined
  /** Hosts that may have addresses that are not public, exactly as in the URL: `auth.internal`, `auth.internal:8443`. */
  readonly privateHosts?: ReadonlyArray<string> | undefined
  /** The only ports that may be connected to; any unless given. */
  readonly ports?: ReadonlyArray<number> | undefined
  /** How long finding the addresses of a host may take; 1 second. */
  readonly dnsTimeout?: Duration.DurationInput | undefined
  /** How long a connection may take, TLS included; 2 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /** The largest body of an answer, in bytes; 1 MiB. `HttpLimits` of the toolkit may be stricter. */
  readonly maxResponseBytes?: number | undefined
  /** The authorities to trust in the place of the system's, as PEM. */
  readonly certificateAuthorities?: ReadonlyArray<string> | undefined
  /** How the addresses of a host are found; the system's resolver unless given. */
  readonly resolve?: ((host: string) => Effect.Effect<ReadonlyArray<string>, unknown>) | undefined
}

/**
 * Makes a client for metadata, key sets and client metadata documents whose
 * addresses somebody else chose, so that they cannot aim requests at what only
 * this machine can reach (server-side request forgery).
 *
 * For every connection the host is resolved once; every address found must be
 * public (`NetworkPolicy.isPublic`), and the connection goes to one of those,
 * with the name for `Host` and the certificate: a name that means another
 * address a moment later gains nothing. A redirect, where one is followed, is a
 * request like any other. Only https without user information or fragment; no
 * proxy; `Host` cannot be set by the caller; bodies are asked for uncompressed,
 * and one that is compressed is thrown away.
 *
 * What is refused is a `RequestError` with reason `InvalidUrl` and a description
 * that says why; through a flow of the toolkit it is a `TransportError` with
 * reason `forbidden_url`, and the description is logged at level debug.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<HttpClient.HttpClient, never, Scope.Scope> =>
  Effect.map(
    Dispatcher.make({
      admit: admission(options),
      connectMillis: Duration.toMillis(options.connectTimeout ?? "2 seconds"),
      maxResponseBytes: options.maxResponseBytes ?? 1024 * 1024,
      certificateAuthorities: options.certificateAuthorities
    }),
    (dispatcher) =>
      HttpClient.transform(NodeHttpClient.makeUndici(dispatcher), (response, request) =>
        Option.match(urlProblem(request, options), {
          onNone: () =>
            Effect.catchTag(response, "RequestError", (error) =>
              error.cause instanceof Dispatcher.Refused
                ? refused(request, error.cause.problem)
                : Effect.fail(error)
            ),
          onSome: (problem) => refused(request, problem)
        })
      )
  )

/**
 * The client of `make` in the place of any other.
 *
 * @example
 * import * as ClientIdMetadata from "effect-oauth/ClientIdMetadata"
 * import * as GuardedHttpClient from "effect-oauth-node/GuardedHttpClient"
 * import * as Effect from "effect/Effect"
 *
 * // What somebody says is a client
 * const read = (clientId: string) =>
 *   ClientIdMetadata.fetch(clientId).pipe(Effect.provide(GuardedHttpClient.layer()))
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<HttpClient.HttpClient> =>
  Layer.scoped(HttpClient.HttpClient, make(options))

const urlProblem = (
  request: HttpClientRequest.HttpClientRequest,
  { allowLoopback }: Options
): Option.Option<string> =>
  Option.orElse(Endpoint.problem(request.url), () =>
    allowLoopback !== true && !/^https:/i.test(request.url)
      ? Option.some("uses plain http")
      : Option.map(request.hash, () => "has a fragment")
  )

/** Says why, once, where it is not a part of the error that comes out of a flow. */
const refused = (
  request: HttpClientRequest.HttpClientRequest,
  problem: string
): Effect.Effect<never, HttpClientError.RequestError> => {
  const description = `${Endpoint.show(request.url)} ${problem}`
  return Effect.zipRight(
    Effect.logDebug(`GuardedHttpClient refused a request: ${description}`),
    Effect.fail(new HttpClientError.RequestError({ request, reason: "InvalidUrl", description }))
  )
}

/** Finds the addresses of a host, and whether all of them may be connected to. */
const admission =
  (options: Options) =>
  (host: string, port: number): Effect.Effect<ReadonlyArray<string>, Dispatcher.Refused> =>
    Effect.gen(function* () {
      const refuse = (problem: string) => new Dispatcher.Refused({ problem })
      if (options.ports?.includes(port) === false)
        return yield* refuse(`is at port ${port}, which is not allowed`)
      const addresses = yield* isIP(host) > 0
        ? Effect.succeed([host])
        : (options.resolve ?? resolveBySystem)(host).pipe(
            Effect.mapError(() => refuse("has no address that could be found")),
            Effect.timeoutFail({
              duration: options.dnsTimeout ?? "1 second",
              onTimeout: () => refuse("has no address that could be found in time")
            })
          )
      if (addresses.length === 0) return yield* refuse("has no address")
      const ours = options.allowLoopback === true && namesLoopback(host)
      const named = [host, `${host}:${port}`, `[${host}]`, `[${host}]:${port}`]
      const exempt = options.privateHosts?.some((one) => named.includes(one.toLowerCase())) ?? false
      const mayBe = ours ? NetworkPolicy.isLoopback : NetworkPolicy.isPublic
      // A name with one public address and one that is not is how the check is meant to be fooled.
      if (!exempt && !addresses.every(mayBe)) {
        return yield* refuse(
          ours ? "is not only at addresses of this machine" : "is at an address that is not public"
        )
      }
      return addresses
    })

const namesLoopback = (host: string): boolean => host === "localhost" || NetworkPolicy.isLoopback(host)

const resolveBySystem = (host: string): Effect.Effect<ReadonlyArray<string>, unknown> =>
  Effect.map(
    Effect.tryPromise(() => lookup(host, { all: true, verbatim: true })),
    (found) => found.map(({ address }) => address)
  )
