/**
 * What an authorization server says of itself: RFC 8414 and OpenID Connect
 * Discovery 1.0.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Endpoint from "./Endpoint.js"
import * as MetadataDocument from "./internal/metadataDocument.js"
import { DiscoveryError, type ProtocolViolation } from "./internal/exchangeErrors.js"

const endpoints = {
  authorization_endpoint: "text",
  token_endpoint: "text",
  jwks_uri: "text",
  registration_endpoint: "text",
  revocation_endpoint: "text",
  introspection_endpoint: "text",
  userinfo_endpoint: "text",
  end_session_endpoint: "text",
  device_authorization_endpoint: "text",
  pushed_authorization_request_endpoint: "text",
  backchannel_authentication_endpoint: "text"
} as const satisfies MetadataDocument.Shape

const members = {
  issuer: "text",
  ...endpoints,

  // RFC 8414 section 2
  scopes_supported: "list",
  response_types_supported: "list",
  response_modes_supported: "list",
  grant_types_supported: "list",
  token_endpoint_auth_methods_supported: "list",
  token_endpoint_auth_signing_alg_values_supported: "list",
  revocation_endpoint_auth_methods_supported: "list",
  revocation_endpoint_auth_signing_alg_values_supported: "list",
  introspection_endpoint_auth_methods_supported: "list",
  introspection_endpoint_auth_signing_alg_values_supported: "list",
  code_challenge_methods_supported: "list",
  signed_metadata: "text",

  // OpenID Connect Discovery 1.0 section 3
  acr_values_supported: "list",
  subject_types_supported: "list",
  id_token_signing_alg_values_supported: "list",
  id_token_encryption_alg_values_supported: "list",
  id_token_encryption_enc_values_supported: "list",
  userinfo_signing_alg_values_supported: "list",
  userinfo_encryption_alg_values_supported: "list",
  userinfo_encryption_enc_values_supported: "list",
  request_object_signing_alg_values_supported: "list",
  request_object_encryption_alg_values_supported: "list",
  request_object_encryption_enc_values_supported: "list",
  claims_supported: "list",
  claims_parameter_supported: "flag",
  request_parameter_supported: "flag",

  // OpenID Connect Front-Channel and Back-Channel Logout
  frontchannel_logout_supported: "flag",
  frontchannel_logout_session_supported: "flag",
  backchannel_logout_supported: "flag",
  backchannel_logout_session_supported: "flag",

  // RFC 8705 section 5, RFC 9101 section 10.5, RFC 9126 section 5, RFC 9207 section 3
  tls_client_certificate_bound_access_tokens: "flag",
  require_signed_request_object: "flag",
  require_pushed_authorization_requests: "flag",
  authorization_response_iss_parameter_supported: "flag",

  // RFC 9396 section 10, RFC 9449 section 5.1, RFC 9701 section 7, RFC 9728 section 4
  authorization_details_types_supported: "list",
  dpop_signing_alg_values_supported: "list",
  introspection_signing_alg_values_supported: "list",
  introspection_encryption_alg_values_supported: "list",
  introspection_encryption_enc_values_supported: "list",
  protected_resources: "list",

  // JWT Secured Authorization Response Mode section 4
  authorization_signing_alg_values_supported: "list",
  authorization_encryption_alg_values_supported: "list",
  authorization_encryption_enc_values_supported: "list",

  // Client-Initiated Backchannel Authentication section 4
  backchannel_token_delivery_modes_supported: "list",
  backchannel_authentication_request_signing_alg_values_supported: "list",
  backchannel_user_code_parameter_supported: "flag",

  // Drafts: client ID metadata documents, identity assertion grants
  client_id_metadata_document_supported: "flag",
  authorization_grant_profiles_supported: "list"
} as const satisfies MetadataDocument.Shape

/**
 * The metadata of an authorization server, with the member names of the
 * registry ("OAuth Authorization Server Metadata"). Members which the toolkit
 * does not know, or which are for people to read, are kept as they came.
 *
 * @since 0.1.0
 * @category models
 */
export interface AuthorizationServerMetadata extends MetadataDocument.Document<typeof members> {
  readonly issuer: string
  /** The endpoints for requests with a client certificate (RFC 8705 section 5). */
  readonly mtls_endpoint_aliases?: MetadataDocument.Document<typeof endpoints> | undefined
}

/**
 * A member that holds the URL of an endpoint.
 *
 * @since 0.1.0
 * @category models
 */
export type EndpointName = keyof typeof endpoints

/**
 * Reads a metadata document from parsed JSON.
 *
 * `issuer` is required and every known member must have its type; the first
 * that has not is a `ProtocolViolation` which names the member and never shows
 * its value. A known optional member that is `null` counts as absent. Whether
 * the document is the right issuer's is `Issuer.check`; URLs are checked where
 * they are used, by `endpoint`.
 *
 * @since 0.1.0
 * @category decoding
 */
export const decode = (
  operation: string,
  json: unknown
): Effect.Effect<AuthorizationServerMetadata, ProtocolViolation> => {
  const refuse = (reason: "missing" | "type", member: string) =>
    MetadataDocument.violation(operation, "RFC 8414 section 2", reason, member)
  if (!MetadataDocument.isObject(json)) return refuse("type", "")
  const { mtls_endpoint_aliases: aliases, ...rest } = MetadataDocument.tidy(members, json)
  if (aliases !== undefined && aliases !== null && !MetadataDocument.isObject(aliases)) {
    return refuse("type", "mtls_endpoint_aliases")
  }
  const document = MetadataDocument.isObject(aliases)
    ? { ...rest, mtls_endpoint_aliases: MetadataDocument.tidy(endpoints, aliases) }
    : rest
  if (rest["issuer"] === undefined) return refuse("missing", "issuer")
  return isMetadata(document) ? Effect.succeed(document) : refuse("type", wrongMember(document) ?? "")
}

const wrongMember = (document: Readonly<Record<string, unknown>>): string | undefined => {
  const aliases = document["mtls_endpoint_aliases"]
  const wrong = MetadataDocument.wrongMember(members, document)
  if (wrong !== undefined || !MetadataDocument.isObject(aliases)) return wrong
  const wrongAlias = MetadataDocument.wrongMember(endpoints, aliases)
  return wrongAlias === undefined ? undefined : `mtls_endpoint_aliases.${wrongAlias}`
}

const isMetadata = (document: Readonly<Record<string, unknown>>): document is AuthorizationServerMetadata =>
  typeof document["issuer"] === "string" && wrongMember(document) === undefined

/**
 * Whether PKCE with S256 can be used: false only for a server which lists its
 * `code_challenge_methods_supported` and leaves S256 out. A server without the
 * list has said nothing; many of those support it (RFC 7636 section 5).
 *
 * @since 0.1.0
 * @category capabilities
 */
export const supportsPkce = (metadata: AuthorizationServerMetadata): boolean =>
  metadata.code_challenge_methods_supported?.includes("S256") ?? true

/**
 * Fails with `unsupported` for a server that `supportsPkce` rules out, so that
 * a downgrade is never silent (RFC 9700 section 2.1.1).
 *
 * @since 0.1.0
 * @category capabilities
 */
export const requirePkce = (
  operation: string,
  metadata: AuthorizationServerMetadata
): Effect.Effect<void, DiscoveryError> =>
  supportsPkce(metadata)
    ? Effect.void
    : Effect.fail(
        new DiscoveryError({
          operation,
          reason: "unsupported",
          message: `The authorization server ${Endpoint.show(metadata.issuer)} lists its PKCE methods without S256.`,
          expected: "S256"
        })
      )

/**
 * Fails with `unsupported` also for a server that says nothing of PKCE, which
 * is the rule of MCP ("Authorization Code Protection").
 *
 * @since 0.1.0
 * @category capabilities
 */
export const requireListedPkce = (
  operation: string,
  metadata: AuthorizationServerMetadata
): Effect.Effect<void, DiscoveryError> =>
  metadata.code_challenge_methods_supported !== undefined
    ? requirePkce(operation, metadata)
    : Effect.fail(
        new DiscoveryError({
          operation,
          reason: "unsupported",
          message:
            `The authorization server ${Endpoint.show(metadata.issuer)} does not say that it knows PKCE ` +
            `(code_challenge_methods_supported), which is required here.`,
          expected: "code_challenge_methods_supported"
        })
      )

/**
 * How an endpoint is looked up.
 *
 * @since 0.1.0
 * @category models
 */
export interface EndpointOptions extends Endpoint.Options {
  /** Prefer the alias of `mtls_endpoint_aliases` (RFC 8705 section 5), for a request with a client certificate. */
  readonly mutualTls?: boolean | undefined
}

/**
 * The URL of an endpoint, checked.
 *
 * Fails with `missing_endpoint` when the server does not name it (none is ever
 * guessed), and with `forbidden_url` when `Endpoint.problem` refuses it, or when
 * a server that is elsewhere names an endpoint on this machine, which would let
 * it aim our requests at local services (unless `allowInsecure`).
 *
 * @since 0.1.0
 * @category capabilities
 */
export const endpoint = (
  operation: string,
  metadata: AuthorizationServerMetadata,
  name: EndpointName,
  options?: EndpointOptions
): Effect.Effect<string, DiscoveryError> => {
  const alias =
    options?.mutualTls === true ? Option.fromNullable(metadata.mtls_endpoint_aliases?.[name]) : Option.none()
  const url = Option.orElse(alias, () => Option.fromNullable(metadata[name]))
  if (Option.isNone(url)) {
    return Effect.fail(
      new DiscoveryError({
        operation,
        reason: "missing_endpoint",
        message: `The authorization server ${Endpoint.show(metadata.issuer)} has no ${name} in its metadata.`,
        expected: name
      })
    )
  }
  return Endpoint.validate(operation, name, url.value, { ...options, namedBy: metadata.issuer })
}
