/**
 * What a program sees of an exchange: the request as it gave it. What was sent
 * has the token in its headers, and responses and errors print their request.
 */
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Stream from "effect/Stream"

type Response = HttpClientResponse.HttpClientResponse
type Request = HttpClientRequest.HttpClientRequest

/** A response to this request instead of the one that was sent; with the body of another where that is given. */
export const response = (request: Request, original: Response, body: Response = original): Response =>
  new Answer(request, original, body)

/** The same failure, of this request; what another library says stays where it does not say `secrets`. */
export const error = (
  request: Request,
  secrets: ReadonlyArray<string>,
  failure: HttpClientError.HttpClientError
): HttpClientError.HttpClientError => {
  const { description } = failure
  const told = {
    request,
    cause: harmless(failure.cause, secrets),
    ...(description === undefined || says(description, secrets) ? {} : { description })
  }
  return failure._tag === "RequestError"
    ? new HttpClientError.RequestError({ ...told, reason: failure.reason })
    : responseError(request, secrets, failure, response(request, failure.response))
}

const responseError = (
  request: Request,
  secrets: ReadonlyArray<string>,
  failure: HttpClientError.ResponseError,
  answer: Response
): HttpClientError.ResponseError => {
  const { description } = failure
  return new HttpClientError.ResponseError({
    request,
    response: answer,
    reason: failure.reason,
    cause: harmless(failure.cause, secrets),
    ...(description === undefined || says(description, secrets) ? {} : { description })
  })
}

const says = (text: string, secrets: ReadonlyArray<string>): boolean =>
  secrets.some((secret) => text.includes(secret))

/** The words and codes of an error and of what caused it: the objects themselves may hold the request. */
const harmless = (cause: unknown, secrets: ReadonlyArray<string>, depth: number = 4): unknown => {
  if (!(cause instanceof Error) || depth === 0) return undefined
  if (says(`${cause.name} ${cause.message}`, secrets)) return undefined
  const copy = new Error(cause.message)
  copy.name = cause.name
  const code = "code" in cause && typeof cause.code === "string" ? { code: cause.code } : {}
  const inner = harmless(cause.cause, secrets, depth - 1)
  return Object.assign(copy, code, inner === undefined ? {} : { cause: inner })
}

class Answer extends Inspectable.Class implements Response {
  readonly [HttpIncomingMessage.TypeId]: HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly request: Request
  readonly #original: Response
  readonly #body: Response

  constructor(request: Request, original: Response, body: Response) {
    super()
    this.request = request
    this.#original = original
    this.#body = body
  }

  get status() {
    return this.#original.status
  }
  get headers() {
    return this.#original.headers
  }
  get cookies() {
    return this.#original.cookies
  }
  get remoteAddress() {
    return this.#original.remoteAddress
  }
  get json() {
    return Effect.mapError(this.#body.json, (failure) => this.#own(failure))
  }
  get text() {
    return Effect.mapError(this.#body.text, (failure) => this.#own(failure))
  }
  get urlParamsBody() {
    return Effect.mapError(this.#body.urlParamsBody, (failure) => this.#own(failure))
  }
  get formData() {
    return Effect.mapError(this.#body.formData, (failure) => this.#own(failure))
  }
  get arrayBuffer() {
    return Effect.mapError(this.#body.arrayBuffer, (failure) => this.#own(failure))
  }
  get stream() {
    return Stream.mapError(this.#body.stream, (failure) => this.#own(failure))
  }

  #own(failure: HttpClientError.ResponseError): HttpClientError.ResponseError {
    return responseError(this.request, [], failure, this)
  }

  toJSON(): unknown {
    return HttpIncomingMessage.inspect(this, {
      _id: "@effect/platform/HttpClientResponse",
      request: this.request.toJSON(),
      status: this.status
    })
  }
}
