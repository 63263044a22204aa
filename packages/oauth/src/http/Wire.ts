/**
 * The wire: the one way from the toolkit to a server.
 *
 * @since 0.1.0
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import { constTrue } from "effect/Function"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Scope from "effect/Scope"
import * as Endpoint from "../protocol/Endpoint.js"
import { TransportError } from "../protocol/internal/exchangeErrors.js"
import { HttpLimits } from "./HttpLimits.js"
import type { Limits } from "./HttpLimits.js"
import { broken, readBody } from "./internal/body.js"
import { parseRetryAfter, withRetries } from "./internal/retry.js"
import { within } from "./internal/within.js"

/**
 * An answer, read whole under the cap. Any status is an answer but a redirect.
 *
 * @since 0.1.0
 * @category models
 */
export interface WireResponse {
  readonly status: number
  readonly headers: Headers.Headers
  readonly body: Uint8Array
  /** Origin and path of the request that was answered, for messages. */
  readonly url: string
}

/**
 * A hardened client made from the program's own `HttpClient`.
 *
 * Every exchange through it: only https URLs (http to the loopback interface),
 * no userinfo, no fragment; redirects are not followed; one deadline from
 * sending to the last byte; the body is cut off at its cap while it arrives; no
 * trace header is sent and no client span is made, so that no secret reaches
 * one; the failures of `HttpClient`, which print headers and bodies, end here
 * and a `TransportError` without them goes on.
 *
 * @since 0.1.0
 * @category models
 */
export interface Wire {
  /** Sends once. */
  readonly send: (
    operation: string,
    request: HttpClientRequest.HttpClientRequest,
    options?: { readonly maxBodyBytes?: number | undefined }
  ) => Effect.Effect<WireResponse, TransportError>
  /**
   * Reads a document with GET under the metadata cap, trying again (with
   * jitter and `Retry-After`) when nothing, 429 or 5xx comes back. Fails with
   * reason `status` when the last try still says 429 or 5xx.
   */
  readonly get: (
    operation: string,
    url: string,
    options?: {
      readonly accept?: string | undefined
      /** Do not wait for the body, which may never end: it is let go of, and empty here. */
      readonly headOnly?: boolean | undefined
    }
  ) => Effect.Effect<WireResponse, TransportError>
  readonly limits: Limits
}

/**
 * Makes the wire from the `HttpClient` of the program and the `HttpLimits` in
 * force.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Wire, never, HttpClient.HttpClient> = Effect.gen(function* () {
  const client = HttpClient.withScope(yield* HttpClient.HttpClient)
  const limits = yield* HttpLimits

  let last: ReturnType<typeof checked> | undefined

  const exchange = (
    operation: string,
    request: HttpClientRequest.HttpClientRequest,
    maxBodyBytes: number | undefined
  ) => {
    // A client asks the same endpoint again and again.
    if (last?.text !== request.url) last = checked(request.url, limits)
    const { problem, url } = last
    const forbidden = (why: string) =>
      new TransportError({
        operation,
        reason: "forbidden_url",
        url,
        retriable: false,
        message: `${operation} refused to send to ${url}: ${why}.`
      })
    if (Option.isSome(problem)) return Effect.fail(forbidden(problem.value))
    const read = Effect.flatMap(
      // A copy, since the abort signal of an exchange belongs to one request value.
      client.execute(HttpClientRequest.setHeaders(request, {})),
      (response) => {
        // The platform's responses make them anew for whoever asks.
        const { headers, status } = response
        const answer = (body: Uint8Array): WireResponse => ({ status, headers, body, url })
        return maxBodyBytes === undefined
          ? Effect.succeed(answer(new Uint8Array()))
          : Effect.map(readBody(operation, url, response, maxBodyBytes), answer)
      }
    )
    const failed = (cause: Cause.Cause<HttpClientError.HttpClientError | TransportError>) =>
      Either.match(Cause.failureOrCause(cause), {
        onLeft: (error) =>
          Effect.fail(
            error._tag === "TransportError"
              ? error
              : // Such as a client that keeps away from private addresses: its own words may hold what is secret.
                error.reason === "InvalidUrl"
                ? forbidden("the HttpClient forbids it")
                : broken(operation, url)
          ),
        // A platform's client may die on what a server sends; to a flow that is a broken connection.
        onRight: (rest) => (Cause.isDie(rest) ? Effect.fail(broken(operation, url)) : Effect.failCause(rest))
      })
    return within(
      hardened(read, failed, maxBodyBytes === undefined),
      limits.deadline,
      () =>
        new TransportError({
          operation,
          reason: "timeout",
          url,
          retriable: true,
          message: `${operation}: ${url} did not answer in full within ${Duration.format(limits.deadline)} (HttpLimits.deadline).`
        })
    )
  }

  const send: Wire["send"] = (operation, request, options) =>
    Effect.flatMap(exchange(operation, request, options?.maxBodyBytes ?? limits.maxBodyBytes), (response) =>
      isRedirect(response.status)
        ? Effect.fail(redirectRefused(operation, response))
        : Effect.succeed(response)
    )

  const get: Wire["get"] = (operation, url, options) => {
    const headers = { accept: options?.accept ?? "application/json" }
    const read = (target: string, redirects: number): Effect.Effect<WireResponse, TransportError> =>
      Effect.flatMap(
        exchange(
          operation,
          HttpClientRequest.get(target, { headers }),
          options?.headOnly ? undefined : limits.maxMetadataBytes
        ),
        (response) => {
          if (isRedirect(response.status)) {
            const next = redirects > 0 ? sameOrigin(target, response.headers["location"]) : Option.none()
            return Option.isSome(next)
              ? read(next.value, redirects - 1)
              : Effect.fail(redirectRefused(operation, response))
          }
          return response.status === 429 || response.status >= 500
            ? Effect.flatMap(statusError(operation, response), Effect.fail)
            : Effect.succeed(response)
        }
      )
    return withRetries(limits, read(url, Math.min(limits.metadataRedirects, 3)))
  }

  return { send, get, limits }
})

/** Made once, since the platforms take long to make one; it keeps nothing from one text to the next. */
const utf8 = new TextDecoder("utf-8", { fatal: true })

/**
 * The text of an answer: strict UTF-8, without a byte order mark.
 *
 * @since 0.1.0
 * @category decoding
 */
export const text = (operation: string, response: WireResponse): Effect.Effect<string, TransportError> =>
  Effect.try({
    try: () => utf8.decode(response.body),
    catch: () => unreadable(operation, response, "is not UTF-8 text")
  })

/**
 * The JSON value of an answer (RFC 8259). What it is called in `Content-Type`
 * does not matter, since servers mislabel; what does not parse, or is nested
 * more than 64 deep (section 9), fails with reason `content`.
 *
 * @since 0.1.0
 * @category decoding
 */
export const json = (operation: string, response: WireResponse): Effect.Effect<unknown, TransportError> =>
  Effect.flatMap(text(operation, response), (body) => {
    const refused = () => unreadable(operation, response, "is not JSON, or too deep")
    return Effect.filterOrFail(
      Effect.try({ try: (): unknown => JSON.parse(body), catch: refused }),
      (value) => !isDeeper(value, 64),
      refused
    )
  })

/** What is deeper than any document is would overflow the stack of whoever walks it whole, or writes it again. */
const isDeeper = (value: unknown, than: number): boolean =>
  Predicate.isObject(value) && (than < 1 || Object.values(value).some((one) => isDeeper(one, than - 1)))

/**
 * How long a server asks to be left alone, in seconds from now: `Retry-After`
 * as a number or a date (RFC 9110 section 10.2.3).
 *
 * @since 0.1.0
 * @category decoding
 */
export const retryAfter = (response: WireResponse): Effect.Effect<number | undefined> =>
  parseRetryAfter(response.headers["retry-after"])

/**
 * An answer with a status that the operation does not expect.
 *
 * @since 0.1.0
 * @category errors
 */
export const statusError = (operation: string, response: WireResponse): Effect.Effect<TransportError> =>
  Effect.map(retryAfter(response), (seconds) => {
    const retriable = response.status === 429 || response.status >= 500
    return new TransportError({
      operation,
      reason: "status",
      url: response.url,
      status: response.status,
      retryAfter: seconds,
      retriable,
      message: `${operation}: ${response.url} answered with status ${response.status}.`
    })
  })

const unreadable = (operation: string, response: WireResponse, problem: string): TransportError => {
  const encoding = response.headers["content-encoding"]
  return new TransportError({
    operation,
    reason: "content",
    url: response.url,
    status: response.status,
    retriable: response.status >= 500,
    message: `${operation}: the answer of ${response.url} (status ${response.status}, ${contentType(response)}) ${problem}${encoding === undefined ? "" : ", and the HttpClient did not decompress it"}.`
  })
}

/** The media type as a server names it, where it is one. */
const contentType = (response: WireResponse): string =>
  /^[\w.+-]{1,60}\/[\w.+-]{1,60}/.exec(response.headers["content-type"] ?? "")?.[0] ?? "no content type"

/** Statuses by which a server sends its client elsewhere; 0 is a browser's opaque redirect. */
const isRedirect = (status: number): boolean => status === 0 || (status >= 300 && status < 400)

const redirectRefused = (operation: string, response: WireResponse): TransportError =>
  new TransportError({
    operation,
    reason: "redirect",
    url: response.url,
    status: response.status,
    retriable: false,
    message: `${operation}: ${response.url} answered with a redirect (${response.status}), which is not followed. Configure its address.`
  })

/** Where a redirect leads, if it stays on its origin. */
const sameOrigin = (from: string, location: string | undefined): Option.Option<string> =>
  location !== undefined &&
  URL.canParse(location, from) &&
  new URL(location, from).origin === new URL(from).origin
    ? Option.some(new URL(location, from).href)
    : Option.none()

/** Header names whose values are hidden wherever a request is printed. */
const secretHeaders = /^(authorization|dpop|(set-)?cookie|oauth-client-attestation(-pop)?)$/i

/**
 * In the fiber of an exchange: no redirect, no trace header, no span; and nothing of its errors in a log, since
 * what fails inside the platform's clients prints headers and URLs. An exchange that does not end well is aborted,
 * and so is one whose body was not to be read.
 *
 * The fiber is the exchange's own and ends with it, so that nothing set here is taken back.
 */
const hardened = <A, E, E2>(
  exchange: Effect.Effect<A, E, Scope.Scope>,
  failed: (cause: Cause.Cause<E>) => Effect.Effect<never, E2>,
  letGo: boolean
): Effect.Effect<A, E2> =>
  Effect.flatMap(Scope.make(), (scope) => {
    const close = Scope.close(scope, Exit.void)
    return Effect.zipRight(
      Effect.updateFiberRefs((id, refs) =>
        FiberRefs.updateManyAs(refs, { entries: settings(id, refs, scope) })
      ),
      Effect.catchAllCause(
        Effect.interruptible(letGo ? Effect.zipLeft(exchange, close) : exchange),
        (cause) => Effect.zipRight(close, failed(cause))
        // The scope is in the context that was set.
      ) as Effect.Effect<A, E2>
    )
  })

const settings = (id: FiberId.Single, refs: FiberRefs.FiberRefs, scope: Scope.Scope): Settings => {
  const context = FiberRefs.getOrDefault(refs, FiberRef.currentContext)
  const redirect = {
    ...Option.getOrUndefined(Context.getOption(context, FetchHttpClient.RequestInit)),
    // FetchHttpClient follows redirects unless told otherwise.
    redirect: "manual" as const
  }
  const names = [...FiberRefs.getOrDefault(refs, Headers.currentRedactedNames), secretHeaders]
  return [
    [
      FiberRef.currentContext,
      [
        [
          id,
          Context.add(context, Scope.Scope, scope).pipe(Context.add(FetchHttpClient.RequestInit, redirect))
        ]
      ]
    ],
    [HttpClient.currentTracerPropagation, [[id, false]]],
    [HttpClient.currentTracerDisabledWhen, [[id, constTrue]]],
    [Headers.currentRedactedNames, [[id, names]]],
    [FiberRef.unhandledErrorLogLevel, [[id, Option.none()]]]
  ]
}

type Settings = Parameters<typeof FiberRefs.updateManyAs>[1]["entries"]

const checked = (text: string, limits: Limits) => ({
  text,
  url: Endpoint.show(text),
  problem: Endpoint.problem(text, limits)
})
