/**
 * Reading metadata documents from where they are published.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as AuthorizationServerMetadata from "../protocol/AuthorizationServerMetadata.js"
import type { EndpointPolicy } from "../protocol/EndpointPolicy.js"
import * as Endpoint from "../protocol/Endpoint.js"
import * as Issuer from "../protocol/Issuer.js"
import { DiscoveryError } from "../protocol/internal/exchangeErrors.js"
import type { ProtocolViolation, TransportError } from "../protocol/OAuthError.js"
import * as Wire from "./Wire.js"

/**
 * Where to look for the metadata of an authorization server.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServerMetadataOptions {
  /** Read this address and no other, and still expect the issuer: for a server whose inner address differs. */
  readonly metadataUrl?: string | undefined
  /** Read only the well-known location of RFC 8414, or only that of OpenID Connect Discovery. */
  readonly wellKnown?: "oauth-authorization-server" | "openid-configuration" | undefined
  /** Where the endpoints may be, such as `EndpointPolicy.sameOrigin`; the endpoint rules alone unless given. */
  readonly endpointPolicy?: EndpointPolicy | undefined
}

/**
 * Reads the metadata of an authorization server (RFC 8414 section 3, OpenID
 * Connect Discovery 1.0 section 4) and checks that it is that server's.
 *
 * Tries RFC 8414 path insertion, OpenID path insertion, OpenID path append. An
 * answer that is not a JSON object with an issuer counts as absent and the next
 * is tried; a document that names another issuer is fatal, and no endpoint is
 * ever guessed.
 *
 * @since 0.1.0
 * @category reading
 */
export const serverMetadata = (
  wire: Wire.Wire,
  operation: string,
  issuer: string,
  options: ServerMetadataOptions = {}
): Effect.Effect<
  AuthorizationServerMetadata.AuthorizationServerMetadata,
  DiscoveryError | TransportError | ProtocolViolation
> =>
  Effect.gen(function* () {
    yield* Issuer.validate(operation, issuer, { allowInsecure: wire.limits.allowInsecure })
    const document = yield* firstDocument(
      wire,
      operation,
      options.metadataUrl === undefined ? wellKnownUrls(issuer, options.wellKnown) : [options.metadataUrl],
      (json) => typeof json["issuer"] === "string",
      `the authorization server ${issuer}`
    )
    const metadata = yield* AuthorizationServerMetadata.decode(operation, document.json)
    return yield* judged(operation, issuer, metadata, options)
  })

/**
 * Metadata that is had already, as it is judged when it is read: that it is
 * this issuer's, and that the endpoint policy allows what it names.
 *
 * @since 0.1.0
 * @category reading
 */
export const judged = (
  operation: string,
  issuer: string,
  metadata: AuthorizationServerMetadata.AuthorizationServerMetadata,
  options?: ServerMetadataOptions
): Effect.Effect<AuthorizationServerMetadata.AuthorizationServerMetadata, DiscoveryError> =>
  Effect.as(
    Effect.zipRight(
      Issuer.check(operation, issuer, metadata.issuer),
      options?.endpointPolicy?.(metadata) ?? Effect.void
    ),
    metadata
  )

const wellKnownUrls = (issuer: string, only: ServerMetadataOptions["wellKnown"] | "" = "") =>
  Issuer.wellKnownUrls(issuer).filter((url) => url.includes(`/.well-known/${only}`))

/**
 * The first of several addresses that answers with a JSON object of the kind
 * looked for. What the others answered is in the message of the failure, without
 * their queries, in which some have keys; a
 * server that cannot be reached, or whose answer is too large, ends the search.
 *
 * @since 0.1.0
 * @category reading
 */
export const firstDocument = (
  wire: Wire.Wire,
  operation: string,
  urls: ReadonlyArray<string>,
  isDocument: (json: Readonly<Record<string, unknown>>) => boolean,
  subject: string
): Effect.Effect<
  { readonly url: string; readonly json: Readonly<Record<string, unknown>> },
  DiscoveryError | TransportError
> =>
  Effect.gen(function* () {
    const tried: Array<string> = []
    let passing: TransportError | undefined
    for (const url of urls) {
      const answer = yield* Effect.either(readDocument(wire, operation, url))
      if (answer._tag === "Left") {
        const error = answer.left
        const absences: Partial<Record<TransportError["reason"], string>> = {
          content: "not JSON",
          redirect: "a redirect",
          status: `status ${error.status}`
        }
        const absence = absences[error.reason]
        if (absence === undefined) return yield* error
        if (error.retriable) passing ??= error
        tried.push(`${Endpoint.show(url)} (${absence})`)
      } else if (answer.right !== undefined && isDocument(answer.right)) {
        return { url, json: answer.right }
      } else {
        tried.push(`${Endpoint.show(url)} (no metadata document)`)
      }
    }
    // An outage is not an absence.
    if (passing !== undefined) return yield* passing
    return yield* new DiscoveryError({
      operation,
      reason: "not_found",
      message: `${operation}: no metadata of ${subject} was found. Tried ${tried.join(", ")}. Check the address, or give the metadata.`
    })
  })

const readDocument = (wire: Wire.Wire, operation: string, url: string) =>
  Effect.gen(function* () {
    const response = yield* wire.get(operation, url)
    if (response.status !== 200)
      return yield* Effect.flatMap(Wire.statusError(operation, response), Effect.fail)
    const json = yield* Wire.json(operation, response)
    return Predicate.isReadonlyRecord(json) && !Array.isArray(json) ? json : undefined
  })
