/** Connections to checked addresses alone, and answers that are what they weigh. */
import * as Undici from "@effect/platform-node/Undici"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import { isIP } from "node:net"
import type { LookupFunction } from "node:net"

/** Why nothing was sent, or why an answer was thrown away; continues a sentence that names the host. */
export class Refused extends Data.TaggedError("Refused")<{ readonly problem: string }> {}

export interface Options {
  /** The addresses to connect to, all of them checked. */
  readonly admit: (host: string, port: number) => Effect.Effect<ReadonlyArray<string>, Refused>
  readonly connectMillis: number
  readonly maxResponseBytes: number
  readonly certificateAuthorities: ReadonlyArray<string> | undefined
}

/**
 * Makes a dispatcher. Each of its connections is opened to an address that was
 * checked for it, whatever the name means a moment later, and its certificate is
 * checked against the name.
 */
export const make = (options: Options): Effect.Effect<Undici.Dispatcher, never, Scope.Scope> =>
  Effect.gen(function* () {
    const fork = yield* FiberSet.makeRuntime<never>()
    const connect: Undici.buildConnector.connector = (target, callback) => {
      const { hostname, port, protocol } = target
      fork(
        options.admit(hostname, port === "" ? (protocol === "http:" ? 80 : 443) : Number(port)).pipe(
          Effect.match({
            onFailure: (refused) => callback(refused, null),
            onSuccess: (addresses) =>
              Undici.buildConnector({
                lookup: pinned(addresses),
                timeout: options.connectMillis,
                ...(options.certificateAuthorities === undefined
                  ? {}
                  : { ca: [...options.certificateAuthorities] })
              })(target, callback)
          })
        )
      )
    }
    const agent = yield* Effect.acquireRelease(
      Effect.sync(
        () =>
          new Undici.Agent({
            connect,
            maxHeaderSize: 64 * 1024,
            maxResponseSize: options.maxResponseBytes
          })
      ),
      (dispatcher) => Effect.promise(() => dispatcher.destroy())
    )
    return agent.compose(
      (dispatch) => (request, handler) =>
        dispatch({ ...request, headers: plainHeaders(request.headers) }, uncompressed(handler))
    )
  })

/** Answers every question of the socket with the addresses that were checked. */
const pinned =
  (addresses: ReadonlyArray<string>): LookupFunction =>
  (_hostname, { all }, callback) => {
    const found = addresses.map((address) => ({ address, family: isIP(address) }))
    const [first] = found
    if (first === undefined) callback(new Refused({ problem: "has no address" }), "")
    else if (all === true) callback(null, found)
    else callback(null, first.address, first.family)
  }

/** `Host` is the name in the URL, which the address was checked for; and nothing may come back compressed. */
const plainHeaders = (headers: Undici.Dispatcher.DispatchOptions["headers"]) => ({
  ...Object.fromEntries(
    Object.entries(headers ?? {}).filter(
      ([name]) => !["host", "accept-encoding"].includes(name.toLowerCase())
    )
  ),
  "accept-encoding": "identity"
})

/** A few compressed bytes can be any number of others: an answer that is encoded ends there. */
const uncompressed = (handler: Undici.Dispatcher.DispatchHandler): Undici.Dispatcher.DispatchHandler => ({
  onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
  onRequestUpgrade: (controller, status, headers, socket) =>
    handler.onRequestUpgrade?.(controller, status, headers, socket),
  onResponseStart: (controller, status, headers, message) => {
    const encoding = headers["content-encoding"] ?? "identity"
    if (encoding === "identity") handler.onResponseStart?.(controller, status, headers, message)
    else
      controller.abort(new Refused({ problem: "answered with a compressed body, which was not asked for" }))
  },
  onResponseData: (controller, chunk) => handler.onResponseData?.(controller, chunk),
  onResponseEnd: (controller, trailers) => handler.onResponseEnd?.(controller, trailers),
  onResponseError: (controller, error) => handler.onResponseError?.(controller, error)
})
