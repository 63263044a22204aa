/** An issuer that publishes keys, in memory: an `HttpClient` whose answers a test sets. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import type * as Wire from "../../../src/http/Wire.js"
import { make as makeWire } from "../../../src/http/Wire.js"
import { defaults, HttpLimits } from "../../../src/http/HttpLimits.js"
import * as RemoteJwks from "../../../src/keys/RemoteJwks.js"
import { issuer } from "./tokens.js"

export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: unknown
}

export interface KeyServer {
  /** What is answered from now on, to each request anew. */
  answer: Effect.Effect<Answer>
  /** The URLs asked for. */
  readonly requests: Array<string>
  readonly client: HttpClient.HttpClient
}

export const jwksUri = `${issuer}/keys`

export const publishing = (
  keys: ReadonlyArray<unknown>,
  headers: Readonly<Record<string, string>> = {}
): Effect.Effect<Answer> => Effect.succeed({ body: { keys }, headers })

export const failing = (
  status: number,
  headers: Readonly<Record<string, string>> = {}
): Effect.Effect<Answer> => Effect.succeed({ status, headers, body: "no" })

export const keyServer = (answer: Effect.Effect<Answer>): KeyServer => {
  const server: KeyServer = {
    answer,
    requests: [],
    client: HttpClient.make((request) =>
      Effect.suspend(() => {
        server.requests.push(request.url)
        return Effect.map(server.answer, ({ body, headers = {}, status = 200 }) =>
          HttpClientResponse.fromWeb(
            request,
            new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers })
          )
        )
      })
    )
  }
  return server
}

/** A wire that does not try again, so that a test counts what the keyring asks for. */
export const wireOf = (server: KeyServer, limits: Partial<typeof defaults> = {}): Effect.Effect<Wire.Wire> =>
  makeWire.pipe(
    Effect.provideService(HttpClient.HttpClient, server.client),
    Effect.provideService(HttpLimits, { ...defaults, retries: 0, ...limits })
  )

export const remote = (server: KeyServer, options: Partial<RemoteJwks.Options> = {}) =>
  Effect.flatMap(wireOf(server), (wire) =>
    RemoteJwks.make({ issuer, jwksUri: Effect.succeed(jwksUri), wire, ...options })
  )
