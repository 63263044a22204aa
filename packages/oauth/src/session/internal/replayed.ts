/** A document as it was found, a wire that finds it again, and what of it could be used. */
import * as Headers from "@effect/platform/Headers"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Limits } from "../../http/HttpLimits.js"
import type { Wire, WireResponse } from "../../http/Wire.js"
import type { AuthorizationServerMetadata } from "../../protocol/AuthorizationServerMetadata.js"
import * as Endpoint from "../../protocol/Endpoint.js"
import * as Issuer from "../../protocol/Issuer.js"
import { TransportError } from "../../protocol/OAuthError.js"

export interface Heard {
  /** The places that were looked at before, in vain. */
  readonly absent: ReadonlyArray<string>
  readonly url: string
  readonly body: string
}

/** A wire by which the resource itself is asked once, whatever is made of its answer, and whatever that is. */
export const asking = (wire: Wire, resource: string): Wire => {
  let answer: Effect.Effect<WireResponse, TransportError> | undefined
  return {
    ...wire,
    get: (operation, url, options) =>
      Effect.suspend(() =>
        url !== resource
          ? wire.get(operation, url, options)
          : (answer ??
            Effect.tapBoth(wire.get(operation, url, options), {
              onFailure: (error) =>
                Effect.sync(() => {
                  answer = Effect.fail(error)
                }),
              onSuccess: (response) =>
                Effect.sync(() => {
                  answer = Effect.succeed(response)
                })
            }))
      )
  }
}

/** A wire that remembers where a search for a document looked, and what it ended with; `live` is no such place. */
export const recording = (
  wire: Wire,
  live?: string
): { readonly wire: Wire; readonly heard: () => Option.Option<Heard> } => {
  const absent: Array<string> = []
  let last: { readonly url: string; readonly response: WireResponse } | undefined
  return {
    heard: () =>
      Option.map(Option.fromNullable(last), ({ response, url }) => ({
        absent: absent.filter((other) => other !== url),
        url,
        body: new TextDecoder().decode(response.body)
      })),
    wire: {
      ...wire,
      get: (operation, url, options) =>
        Effect.suspend(() => {
          if (url === live) return wire.get(operation, url, options)
          absent.push(url)
          return Effect.tap(wire.get(operation, url, options), (response) =>
            Effect.sync(() => {
              last = { url, response }
            })
          )
        })
    }
  }
}

/** A wire that answers what was asked then as it was answered then, and nothing else; `live` is asked now. */
export const replaying = (wire: Wire, { absent, body, url: found }: Heard, live?: string): Wire => {
  const document = new TextEncoder().encode(body)
  const isTooLarge = document.byteLength > wire.limits.maxMetadataBytes
  const answer = (url: string, status: number, bytes: Uint8Array): WireResponse => ({
    status,
    headers: Headers.empty,
    body: bytes,
    url: Endpoint.show(url)
  })
  return {
    limits: wire.limits,
    send: (operation) => unheard(operation, ""),
    get: (operation, url, options) => {
      if (url === live) return wire.get(operation, url, options)
      if (isTooLarge || Option.isSome(Endpoint.problem(url, wire.limits))) return unheard(operation, url)
      if (url === found) return Effect.succeed(answer(url, 200, document))
      return absent.includes(url)
        ? Effect.succeed(answer(url, 404, new Uint8Array()))
        : unheard(operation, url)
    }
  }
}

const unheard = (operation: string, url: string): Effect.Effect<never, TransportError> =>
  Effect.fail(
    new TransportError({
      operation,
      reason: "unreachable",
      url: Endpoint.show(url),
      retriable: false,
      message: `${operation}: what was kept does not say what ${Endpoint.show(url)} answers.`
    })
  )

/** Whether no endpoint is one that would be refused when it is used (`AuthorizationServerMetadata.endpoint`). */
export const isUsableServer = (metadata: AuthorizationServerMetadata, limits: Limits): boolean =>
  [metadata, metadata.mtls_endpoint_aliases ?? {}]
    .flatMap((members) => Object.entries(members))
    .filter(([member]) => /_endpoint$|^jwks_uri$/.test(member))
    .every(
      ([, url]) =>
        typeof url === "string" &&
        Option.isNone(Endpoint.problem(url, limits)) &&
        (limits.allowInsecure || !Endpoint.isLoopback(url) || Endpoint.isLoopback(metadata.issuer))
    )

/** Whether each may be an issuer at all. */
export const areUsableIssuers = (issuers: ReadonlyArray<string>, limits: Limits): boolean =>
  issuers.every((issuer) => Option.isNone(Issuer.problem(issuer, limits)))
