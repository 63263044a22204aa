/**
 * Client ID metadata documents: a client whose id is the URL of a document
 * about it (draft-ietf-oauth-client-id-metadata-document).
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Telemetry from "../http/Telemetry.js"
import * as Wire from "../http/Wire.js"
import type { AuthorizationServerMetadata } from "../protocol/AuthorizationServerMetadata.js"
import * as Endpoint from "../protocol/Endpoint.js"
import { DiscoveryError, ProtocolViolation } from "../protocol/OAuthError.js"
import type { TransportError } from "../protocol/OAuthError.js"
import type { ClientMetadata } from "./ClientMetadata.js"
import * as Rules from "./internal/clientMetadataRules.js"

const specification = "draft-ietf-oauth-client-id-metadata-document"

/**
 * A document about a client, at the URL that is its `client_id`. Members which
 * the toolkit does not know are kept as they came.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClientIdMetadata extends ClientMetadata {
  readonly client_id: string
  readonly [member: string]: unknown
}

/**
 * What a test may loosen.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Accept `http` URLs of this machine as client ids, for tests; false unless said. */
  readonly allowLoopback?: boolean | undefined
}

/**
 * Why a URL may not be a client id, or `None` when it may (section 3 of the
 * draft): https, a path that is more than `/`, no `.` or `..` segment (nor
 * `%2e`), no fragment, no user information; and the rules of every endpoint. The
 * answer continues a sentence that names the URL.
 *
 * @since 0.1.0
 * @category rules
 */
export const urlProblem = (url: string, options: Options = {}): Option.Option<string> =>
  Option.orElse(Endpoint.problem(url), () => {
    if (!/^https:/i.test(url) && options.allowLoopback !== true) return Option.some("is not an https URL")
    const path = Option.match(Endpoint.parts(url), { onNone: () => "", onSome: (parts) => parts.path })
    return path === "" || path === "/"
      ? Option.some("has no path, which says which of the host's clients it is")
      : Endpoint.hasDotSegment(path)
        ? Option.some("has a . or .. segment in its path")
        : Option.none()
  })

/**
 * The document to publish at a URL, as `application/json`, so that the URL is a
 * client id. Refuses what `decode` would refuse; the `client_name` is what
 * people are shown.
 *
 * @since 0.1.0
 * @category publishing
 */
export const build = (
  url: string,
  metadata: ClientMetadata & { readonly client_name: string },
  options: Options & {
    /** Members of the caller's own; those of `metadata` win. */
    readonly additional?: Readonly<Record<string, unknown>> | undefined
  } = {}
): Effect.Effect<ClientIdMetadata, DiscoveryError | ProtocolViolation> =>
  decode(
    "ClientIdMetadata.build",
    url,
    { ...Rules.said(options.additional ?? {}), ...Rules.said(metadata), client_id: url },
    options
  )

/**
 * Reads a document from parsed JSON (section 4 of the draft): an object whose
 * `client_id` is the URL it came from, character for character; redirect URIs
 * that may be used, each once, where the grant types need any; no method, secret
 * or key that would have to be shared with the server; for `private_key_jwt` a
 * `jwks` of public keys or an https `jwks_uri`. No value but a URL is shown in
 * an error.
 *
 * @since 0.1.0
 * @category decoding
 */
export const decode = (
  operation: string,
  url: string,
  json: unknown,
  options: Options = {}
): Effect.Effect<ClientIdMetadata, DiscoveryError | ProtocolViolation> =>
  Effect.gen(function* () {
    yield* checkUrl(operation, url, options)
    const refuse = (reason: ProtocolViolation["reason"], member: string, rule: string, problem: string) =>
      new ProtocolViolation({
        operation,
        reason,
        member,
        rule: `${specification}: ${rule}`,
        message: `${operation}: the client metadata of ${Endpoint.show(url)} is not valid: ${problem}.`
      })
    if (!Rules.isObject(json))
      return yield* refuse("type", "(body)", "the document is a JSON object", "it is not a JSON object")
    const document = Rules.said(json)
    const { client_id: clientId, token_endpoint_auth_method: method } = document
    if (clientId === undefined)
      return yield* refuse("missing", "client_id", "client_id is required", "it has no client_id")
    if (clientId !== url) {
      return yield* refuse(
        "mismatch",
        "client_id",
        "client_id is the URL of the document, by simple string comparison",
        typeof clientId === "string"
          ? `its client_id is ${Endpoint.show(clientId)}`
          : "its client_id is no text"
      )
    }
    for (const member of ["client_secret", "client_secret_expires_at"]) {
      if (document[member] !== undefined) {
        return yield* refuse(
          "value",
          member,
          `${member} must not be used`,
          `it has a ${member}, for all to see`
        )
      }
    }
    if (Rules.isSharedSecretMethod(method)) {
      return yield* refuse(
        "value",
        "token_endpoint_auth_method",
        "no method that is based on a shared secret",
        "its token_endpoint_auth_method needs a shared secret"
      )
    }
    const wrong = Rules.problem(document, {})
    if (Option.isSome(wrong)) {
      const { member, problem, reason, rule } = wrong.value
      return yield* refuse(reason, member, rule, problem)
    }
    if (
      (method === "private_key_jwt" || method === "self_signed_tls_client_auth") &&
      document["jwks"] === undefined &&
      document["jwks_uri"] === undefined
    ) {
      return yield* refuse(
        "missing",
        "jwks",
        `${method} needs the client's public keys`,
        `it has neither jwks nor jwks_uri, which ${method} needs`
      )
    }
    // What is of the wrong type was refused above.
    return { ...document, client_id: url }
  })

/**
 * Reads the document of a client id as an authorization server does (section 4
 * and the security considerations of the draft): once, no redirect, only status
 * 200, at most `maxBytes` (5 KiB unless said, as the draft recommends).
 *
 * The URL is somebody else's: on a server, provide an `HttpClient` that keeps
 * away from private addresses, such as `GuardedHttpClient` of
 * `effect-oauth-node`.
 *
 * @since 0.1.0
 * @category reading
 */
export const fetch = (
  url: string,
  options: Options & { readonly maxBytes?: number | undefined } = {}
): Effect.Effect<
  ClientIdMetadata,
  DiscoveryError | ProtocolViolation | TransportError,
  HttpClient.HttpClient
> =>
  Effect.gen(function* () {
    const operation = "ClientIdMetadata.fetch"
    yield* checkUrl(operation, url, options)
    const wire = yield* Wire.make
    const response = yield* wire.send(
      operation,
      HttpClientRequest.setHeader(HttpClientRequest.get(url), "accept", "application/json"),
      { maxBodyBytes: options.maxBytes ?? 5 * 1024 }
    )
    if (response.status !== 200) return yield* yield* Wire.statusError(operation, response)
    return yield* decode(operation, url, yield* Wire.json(operation, response), options)
  }).pipe(Telemetry.flow("ClientIdMetadata.fetch", { client_id: Endpoint.show(url) }))

/**
 * Whether a server takes such client ids
 * (`client_id_metadata_document_supported`, section 5 of the draft).
 *
 * @since 0.1.0
 * @category capabilities
 */
export const isSupported = (metadata: AuthorizationServerMetadata): boolean =>
  metadata.client_id_metadata_document_supported === true

/**
 * A URL as the client id for a server: checked, and only for a server that says
 * that it takes such ids; else it fails with `unsupported`.
 *
 * @since 0.1.0
 * @category capabilities
 */
export const clientId = (
  metadata: AuthorizationServerMetadata,
  url: string,
  options: Options = {}
): Effect.Effect<string, DiscoveryError> =>
  Effect.zipRight(
    checkUrl("ClientIdMetadata.clientId", url, options),
    isSupported(metadata)
      ? Effect.succeed(url)
      : Effect.fail(
          new DiscoveryError({
            operation: "ClientIdMetadata.clientId",
            reason: "unsupported",
            expected: "client_id_metadata_document_supported",
            message: `ClientIdMetadata.clientId: ${Endpoint.show(metadata.issuer)} does not say that it takes a URL as client id (client_id_metadata_document_supported). Register the client there in another way.`
          })
        )
  )

const checkUrl = (operation: string, url: string, options: Options): Effect.Effect<void, DiscoveryError> =>
  Option.match(urlProblem(url, options), {
    onNone: () => Effect.void,
    onSome: (why) =>
      Effect.fail(
        new DiscoveryError({
          operation,
          reason: "forbidden_url",
          actual: Endpoint.show(url),
          message: `${operation}: ${Endpoint.show(url)} may not be a client id: it ${why}.`
        })
      )
  })
