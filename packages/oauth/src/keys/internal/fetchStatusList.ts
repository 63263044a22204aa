/** One fetch of a status list (draft-ietf-oauth-status-list sections 8.1 to 8.3). */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Wire from "../../http/Wire.js"
import * as Endpoint from "../../protocol/Endpoint.js"
import { KeyringError } from "../../protocol/OAuthError.js"
import type { JwtError, TransportError } from "../../protocol/OAuthError.js"
import type { JwtVerifier } from "../JwtVerifier.js"
import * as Base64Url from "./base64url.js"
import type { JwtProfile } from "./profile.js"
import * as StatusList from "./statusList.js"
import * as StatusListProfile from "./statusListProfile.js"

export const operation = "TokenStatus.check"

/** A list as its issuer signed it; in seconds. */
export interface Fetched extends StatusList.StatusList {
  readonly issuedAt: number
  /** None: for ever, and for as long as one likes. */
  readonly exp: number | undefined
  readonly ttl: number | undefined
}

export interface Wanted extends JwtProfile.Common {
  readonly wire: Wire.Wire
  readonly verifier: JwtVerifier.Service
  readonly issuer: string
  readonly uri: string
  readonly maxTokenBytes: number
  readonly maxListBytes: number
}

/** Fetches, verifies and decompresses a list; its type is that of the JWT, whatever the answer says it is. */
export const fetch = (wanted: Wanted): Effect.Effect<Fetched, KeyringError> => {
  const { algorithms, issuer, leeway, maxListBytes, maxTokenBytes, uri, verifier, wire } = wanted
  return Effect.gen(function* () {
    const request = HttpClientRequest.get(uri).pipe(
      HttpClientRequest.setHeader("accept", "application/statuslist+jwt")
    )
    const response = yield* wire.send(operation, request, { maxBodyBytes: maxTokenBytes })
    if (response.status !== 200) return yield* yield* Wire.statusError(operation, response)
    const token = (yield* Wire.text(operation, response)).trim()
    const profile = StatusListProfile.statusList({ issuer, uri, algorithms, leeway })
    const { exp, iat, status_list: list, ttl } = (yield* verifier.verify(token, profile)).claims
    const compressed = Base64Url.decodeBytes(list.lst)
    const bytes =
      compressed === undefined
        ? yield* Effect.fail("damaged" as const)
        : yield* StatusList.inflate(compressed, maxListBytes)
    return { bits: list.bits, bytes, issuedAt: iat, exp, ttl }
  }).pipe(Effect.mapError((error) => listProblem(issuer, uri, error, maxListBytes)))
}

/** Whether a list may be fetched from there: the rules of every endpoint, and the program's own. */
export const checkPlace = (
  issuer: string,
  uri: string,
  rules: Endpoint.Options,
  sameOrigin: boolean
): Effect.Effect<void, KeyringError> => {
  const problem = Option.orElse(Endpoint.problem(uri, rules), () =>
    rules.allowInsecure !== true && Endpoint.isLoopback(uri) && !Endpoint.isLoopback(issuer)
      ? Option.some("is on this machine, but the issuer is not")
      : sameOrigin && originOf(uri) !== originOf(issuer)
        ? Option.some("is not on the origin of the issuer, as the policy wants it")
        : Option.none()
  )
  return Option.isNone(problem)
    ? Effect.void
    : Effect.fail(failure(issuer, "forbidden", `${Endpoint.show(uri)} ${problem.value}`))
}

const originOf = (url: string): string | undefined =>
  Option.getOrUndefined(Option.map(Endpoint.parts(url), ({ origin }) => origin))

const listProblem = (
  issuer: string,
  uri: string,
  error: TransportError | JwtError | KeyringError | "damaged" | "too_large",
  maxListBytes: number
): KeyringError => {
  const list = `the status list at ${Endpoint.show(uri)}`
  if (error === "damaged") return failure(issuer, "malformed", `${list} cannot be decompressed`)
  if (error === "too_large") {
    return failure(
      issuer,
      "malformed",
      `${list} grows to more than ${maxListBytes} bytes when it is decompressed`
    )
  }
  switch (error._tag) {
    case "KeyringError":
      return error
    case "TransportError":
      return error.reason === "too_large"
        ? failure(issuer, "malformed", `${list} is too large`)
        : failure(issuer, "unavailable", `${list} could not be had. ${error.message}`, error.retryAfter)
    default:
      return error.reason === "expired"
        ? failure(issuer, "unavailable", `${list} has expired, and no newer one is there`)
        : failure(issuer, "malformed", `${list} is not accepted (${error.reason}). ${error.message}`)
  }
}

const failure = (
  issuer: string,
  reason: KeyringError["reason"],
  problem: string,
  retryAfter?: number
): KeyringError =>
  new KeyringError({
    operation,
    reason,
    issuer,
    retriable: reason === "unavailable",
    ...(retryAfter === undefined ? {} : { retryAfter }),
    message: `${operation}: ${problem.replace(/\.$/, "")}.`
  })
