/** Puts a token on one request and sends it, so that the token goes to no other place and is shown nowhere. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as UrlParams from "@effect/platform/UrlParams"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Dpop from "../../../client/Dpop.js"
import * as AtOnce from "../../../http/AtOnce.js"
import * as Redirects from "../../../http/Redirects.js"
import * as Endpoint from "../../../protocol/Endpoint.js"
import { ProtocolViolation, TransportError } from "../../../protocol/OAuthError.js"
import type { JwtError, KeyringError } from "../../../protocol/OAuthError.js"
import type { TokenSet } from "../../../protocol/TokenSet.js"
import type { Places } from "./places.js"
import * as WithoutToken from "./withoutToken.js"

export const operation = "OAuthHttpClient.execute"

export type CarryError = ProtocolViolation | TransportError | KeyringError | JwtError

/** What came of a request, and of the token that went with it: none for a request that is none of ours. */
export interface Carried {
  readonly response: HttpClientResponse.HttpClientResponse
  readonly by: Carrier | undefined
}

/** The token that went, and the request as it was before, with its whole URL. */
export interface Carrier {
  readonly tokens: TokenSet
  readonly request: HttpClientRequest.HttpClientRequest
  readonly sent: HttpClientRequest.HttpClientRequest
}

export type Carry = <E, R, E2>(
  client: HttpClient.HttpClient.With<E, R>,
  request: HttpClientRequest.HttpClientRequest,
  obtain: Effect.Effect<TokenSet, E2>
) => Effect.Effect<Carried, E | E2 | HttpClientError.HttpClientError | CarryError, R>

export const make = (places: Places, dpop: Dpop.Dpop | undefined): Carry => {
  const authorize = makeAuthorize(dpop)
  const confinementOf = makeConfinement(dpop === undefined ? ["authorization"] : ["authorization", "dpop"])

  return <E, R, E2>(
    client: HttpClient.HttpClient.With<E, R>,
    given: HttpClientRequest.HttpClientRequest,
    obtain: Effect.Effect<TokenSet, E2>
  ) =>
    Effect.withFiberRuntime<Carried, E | E2 | HttpClientError.HttpClientError | CarryError, R>((fiber) => {
      let by: Carrier | undefined
      // The request changes last, after whatever the client does to it, so that the URL is that which is asked for.
      const carrying = HttpClient.mapRequestEffect(
        client,
        (request): Effect.Effect<HttpClientRequest.HttpClientRequest, E2 | CarryError> =>
          request.headers["authorization"] !== undefined || !places(request.url)
            ? Effect.succeed(request)
            : Effect.flatMap(obtain, (tokens) =>
                AtOnce.map(authorize(tokens, request), (sent) => {
                  by = { tokens, request, sent }
                  return sent
                })
              )
      )
      const confine = confinementOf(fiber, Redirects.areNeverFollowed(client))
      const confined =
        confine === undefined
          ? carrying
          : HttpClient.transform(carrying, (effect) => (by === undefined ? effect : confine(effect)))
      return Effect.matchEffect(confined.execute(given), {
        onFailure: (failure) =>
          Effect.fail(
            by !== undefined && HttpClientError.isHttpClientError(failure)
              ? WithoutToken.error(by.request, secretsOf(by.sent), failure)
              : failure
          ),
        onSuccess: (response): Effect.Effect<Carried, TransportError> => {
          if (by === undefined) return Effect.succeed({ response, by })
          const { url } = response.request
          if (url !== by.sent.url && !places(url)) return escaped(by, response)
          const carried = { response: WithoutToken.response(by.request, response), by }
          return dpop === undefined || response.headers["dpop-nonce"] === undefined
            ? Effect.succeed(carried)
            : Effect.as(dpop.learn(absolute(by.sent), response.headers), carried)
        }
      })
    })
}

/** The header of a token set, made once for all requests with it. */
const makeAuthorize = (dpop: Dpop.Dpop | undefined) => {
  let last: { readonly tokens: TokenSet; readonly header: string } | undefined

  return (
    tokens: TokenSet,
    request: HttpClientRequest.HttpClientRequest
  ): Effect.Effect<HttpClientRequest.HttpClientRequest, ProtocolViolation | KeyringError | JwtError> => {
    if (last?.tokens !== tokens) {
      const token = Redacted.value(tokens.accessToken)
      if (tokens.tokenType === "N_A" || (tokens.tokenType === "DPoP" && dpop === undefined)) {
        return Dpop.notUsable(operation, tokens.tokenType)
      }
      if (!/^[\x21-\x7E]+$/.test(token)) return notText()
      last = { tokens, header: `${tokens.tokenType} ${token}` }
    }
    const { header } = last
    if (dpop === undefined) {
      return Effect.succeed(HttpClientRequest.setHeader(request, "authorization", header))
    }
    if (tokens.tokenType === "Bearer") {
      return Effect.as(
        dpop.requireBound(operation, tokens.tokenType),
        HttpClientRequest.setHeader(request, "authorization", header)
      )
    }
    return Effect.map(
      dpop.proof({ method: request.method, url: absolute(request), accessToken: tokens.accessToken }),
      (proof) => HttpClientRequest.setHeaders(request, { authorization: header, dpop: Redacted.value(proof) })
    )
  }
}

/** As the client below makes it: relative URLs are so to the page, in a browser. */
const absolute = (request: HttpClientRequest.HttpClientRequest): string =>
  Either.match(UrlParams.makeUrl(request.url, request.urlParams, request.hash), {
    onLeft: () => request.url,
    onRight: (url) => url.href
  })

/**
 * Does not follow redirects, and hides these headers in spans. Nothing is to be
 * done, and nothing is spent, where the client or the program has both so for all
 * requests.
 */
const makeConfinement = (secretHeaders: ReadonlyArray<string>) => {
  // Most requests of a program come with the context of the one before.
  let last:
    | {
        readonly context: Context.Context<never>
        readonly names: Names
        readonly stays: boolean
        readonly confine: Confine | undefined
      }
    | undefined

  return (fiber: Fiber.RuntimeFiber<unknown, unknown>, stays: boolean): Confine | undefined => {
    const context = fiber.currentContext
    const names = fiber.getFiberRef(Headers.currentRedactedNames)
    if (last?.context !== context || last.names !== names || last.stays !== stays) {
      last = { context, names, stays, confine: confinement(context, names, stays, secretHeaders) }
    }
    return last.confine
  }
}

type Names = ReadonlyArray<string | RegExp>

type Confine = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

const confinement = (
  context: Context.Context<never>,
  names: Names,
  stays: boolean,
  secretHeaders: ReadonlyArray<string>
): Confine | undefined => {
  const init = Option.getOrUndefined(Context.getOption(context, FetchHttpClient.RequestInit))
  const shown = secretHeaders.filter((name) => !names.includes(name))
  const hidden: Confine | undefined =
    shown.length === 0 ? undefined : Effect.locally(Headers.currentRedactedNames, [...names, ...shown])
  if (stays || init?.redirect === "manual") return hidden
  // FetchHttpClient follows redirects unless told otherwise.
  const manual = Context.add(context, FetchHttpClient.RequestInit, { ...init, redirect: "manual" })
  return (effect) => {
    const once = within(effect, context, manual)
    return hidden === undefined ? once : hidden(once)
  }
}

/** `Effect.locally` of the context, in fewer steps: this is the hot path. */
const within = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  outside: Context.Context<never>,
  inside: Context.Context<never>
): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) => {
    const leave = FiberRef.set(FiberRef.currentContext, outside)
    return Effect.matchCauseEffect(
      Effect.zipRight(FiberRef.set(FiberRef.currentContext, inside), restore(effect)),
      {
        onFailure: (cause) => Effect.zipRight(leave, Effect.failCause(cause)),
        onSuccess: (value) => Effect.as(leave, value)
      }
    )
  })

const secretsOf = ({ headers }: HttpClientRequest.HttpClientRequest): ReadonlyArray<string> =>
  [headers["authorization"]?.replace(/^\w+ /, ""), headers["dpop"]].filter((text) => text !== undefined)

/** The client below has followed a redirect by itself, and the token with it: that must be known, and not happen again. */
const escaped = (
  { request }: Carrier,
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<never, TransportError> =>
  Effect.fail(
    new TransportError({
      operation,
      reason: "redirect",
      url: Endpoint.show(request.url),
      status: response.status,
      retriable: false,
      message: `${operation}: the HttpClient below followed a redirect from ${Endpoint.show(request.url)} to ${Endpoint.show(response.request.url)}, where the token must not go, and took it there. Consider the token stolen, and put HttpClient.followRedirects around this client instead of below it.`
    })
  )

const notText = (): Effect.Effect<never, ProtocolViolation> =>
  new ProtocolViolation({
    operation,
    reason: "value",
    member: "access_token",
    rule: "RFC 6750 section 2.1: a token in a header is visible ASCII without spaces",
    message: `${operation}: the access token has characters that cannot be sent in a header.`
  })
