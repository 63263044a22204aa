/** Reading what a platform says of a program: small, whole, and never in a message. */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as HttpLimits from "effect-oauth/HttpLimits"
import * as Jwt from "effect-oauth/Jwt"
import { KeyringError, type TransportError } from "effect-oauth/OAuthError"
import * as Wire from "effect-oauth/Wire"
import { open } from "node:fs/promises"

const operation = "WorkloadIdentity.assertion"

const maxBytes = 64 * 1024

export const problem = (reason: KeyringError["reason"], what: string): KeyringError =>
  new KeyringError({
    operation,
    reason,
    retriable: reason === "unavailable",
    message: `${operation}: ${what}.`
  })

export const fail = (reason: KeyringError["reason"], what: string): Effect.Effect<never, KeyringError> =>
  Effect.fail(problem(reason, what))

/** A variable that is set to something. */
export const variable = (name: string): Effect.Effect<Option.Option<string>> =>
  Config.string(name).pipe(
    Effect.map((value) => Option.filter(Option.some(value.trim()), (text) => text !== "")),
    Effect.orElseSucceed(() => Option.none())
  )

/** One token: visible characters, white space around them left out. */
export const tokenOf = (
  what: string,
  text: string
): Effect.Effect<Redacted.Redacted<string>, KeyringError> => {
  const token = text.trim()
  if (token === "") return fail("malformed", `${what} is empty`)
  return /^[\x21-\x7E]+$/.test(token)
    ? Effect.succeed(Redacted.make(token))
    : fail("malformed", `${what} is not one token`)
}

/** Whether a JWT says that it is for this audience: what it says is not verified, and only ever keeps it back. */
export const isFor = (token: Redacted.Redacted<string>, audience: string): boolean =>
  Option.exists(Jwt.decodeUnverified(token), ({ claims: { aud } }) =>
    Array.isArray(aud) ? aud.includes(audience) : aud === audience
  )

/** Reads a file as far as a token may be long, and one byte more. */
const read = async (path: string): Promise<Buffer> => {
  const handle = await open(path, "r")
  try {
    const buffer = Buffer.alloc(maxBytes + 1)
    let length = 0
    for (;;) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length)
      length += bytesRead
      if (bytesRead === 0 || length === buffer.length) return buffer.subarray(0, length)
    }
  } finally {
    await handle.close()
  }
}

/** The token in a file, read now. */
export const readToken = (
  path: string,
  named?: string
): Effect.Effect<Redacted.Redacted<string>, KeyringError> => {
  const what = `the token file ${JSON.stringify(path)}${named === undefined ? "" : ` (${named})`}`
  return Effect.tryPromise({
    try: () => read(path),
    catch: (error) =>
      Predicate.hasProperty(error, "code") && error.code === "ENOENT"
        ? problem("not_found", `${what} is not there`)
        : problem("unavailable", `${what} cannot be read${codeOf(error)}`)
  }).pipe(
    Effect.flatMap((bytes) =>
      bytes.length > maxBytes
        ? fail("malformed", `${what} is larger than ${maxBytes} bytes`)
        : tokenOf(what, bytes.toString("utf8"))
    )
  )
}

const codeOf = (error: unknown): string =>
  Predicate.hasProperty(error, "code") && typeof error.code === "string" ? ` (${error.code})` : ""

export interface Platform {
  /** In messages. */
  readonly name: string
  readonly allowInsecure?: boolean
  /** Whether it gives identities alone: 404 of such a one says that there is none for this machine. */
  readonly isOfMachine?: boolean
}

/** Asks the platform, over the wire and its rules. */
export const ask = (
  platform: Platform,
  request: HttpClientRequest.HttpClientRequest
): Effect.Effect<Wire.WireResponse, KeyringError | TransportError, HttpClient.HttpClient> =>
  Effect.flatMap(HttpClient.HttpClient, (client) => askOver(client, platform, request))

export const askOver = (
  client: HttpClient.HttpClient,
  { allowInsecure = false, isOfMachine = false, name }: Platform,
  request: HttpClientRequest.HttpClientRequest
): Effect.Effect<Wire.WireResponse, KeyringError | TransportError> =>
  Effect.gen(function* () {
    const limits = yield* HttpLimits.HttpLimits
    const wire = yield* Wire.make.pipe(
      Effect.provideService(HttpClient.HttpClient, client),
      Effect.provideService(HttpLimits.HttpLimits, {
        ...limits,
        allowInsecure: allowInsecure || limits.allowInsecure
      })
    )
    const response = yield* wire.send(operation, request, { maxBodyBytes: maxBytes })
    return response.status === 200
      ? response
      : yield* fail(reasonOf(response.status, isOfMachine), `${name} answered with status ${response.status}`)
  })

/** Who is refused has an identity, or had one: another one is not to take its place. */
const reasonOf = (status: number, isOfMachine: boolean): KeyringError["reason"] => {
  if (status === 404 && isOfMachine) return "not_found"
  return status >= 400 && status < 500 && status !== 408 && status !== 429 ? "forbidden" : "unavailable"
}

/** The token in a member of a JSON object. */
export const memberOf = (
  what: string,
  response: Wire.WireResponse,
  member: string
): Effect.Effect<Redacted.Redacted<string>, KeyringError | TransportError> =>
  Effect.flatMap(Wire.json(operation, response), (json) => {
    const value = Predicate.hasProperty(json, member) ? json[member] : undefined
    return typeof value === "string" ? tokenOf(what, value) : fail("malformed", `${what} has no ${member}`)
  })
