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
import { DiscoveryError, type ProtocolViolation } from "./OAuthError.js"

const endpoints = [
  "authorization_endpoint",
  "token_endpoint",
  "jwks_uri",
  "registration_endpoint",
  "revocation_endpoint",
  "introspection_endpoint",
  "userinfo_endpoint",
  "end_session_endpoint",
  "device_authorization_endpoint",
  "pushed_authorization_request_endpoint",
  "backchannel_authentication_endpoint"
] as const

const aliases = {
  text: endpoints,
  flag: [],
  list: [],
  supported: []
} as const satisfies MetadataDocument.Shape

const members = {
  text: [
    "issuer",
    ...endpoints,
    // RFC 8414 section 2
    "service_documentation",
    "op_policy_uri",
    "op_tos_uri",
    "signed_metadata",
    // OpenID Connect Session Management, Front-Channel and Back-Channel Logout, Initiating User Registration
    "check_session_iframe"
  ],
  flag: [
    // OpenID Connect Discovery 1.0 section 3
    "claims_parameter_supported",
    "request_parameter_supported",
    "request_uri_parameter_supported",
    "require_request_uri_registration",
    // OpenID Connect Session Management, Front-Channel and Back-Channel Logout, Initiating User Registration
    "frontchannel_logout_supported",
    "frontchannel_logout_session_supported",
    "backchannel_logout_supported",
    "backchannel_logout_session_supported",
    // RFC 8705 section 5, RFC 9101 section 10.5, RFC 9126 section 5, RFC 9207 section 3
    "tls_client_certificate_bound_access_tokens",
    "require_signed_request_object",
    "require_pushed_authorization_requests",
    "authorization_response_iss_parameter_supported",
    // Client-Initiated Backchannel Authentication section 4
    "backchannel_user_code_parameter_supported",
    // Drafts: client ID metadata documents, identity assertion grants
    "client_id_metadata_document_supported"
  ],
  list: [
    // RFC 9396 section 10, RFC 9449 section 5.1, RFC 9701 section 7, RFC 9728 section 4
    "protected_resources"
  ],
  supported: [
    // RFC 8414 section 2
    "scopes",
    "response_types",
    "response_modes",
    "grant_types",
    "token_endpoint_auth_methods",
    "token_endpoint_auth_signing_alg_values",
    "revocation_endpoint_auth_methods",
    "revocation_endpoint_auth_signing_alg_values",
    "introspection_endpoint_auth_methods",
    "introspection_endpoint_auth_signing_alg_values",
    "code_challenge_methods",
    "ui_locales",
    // OpenID Connect Discovery 1.0 section 3
    "acr_values",
    "subject_types",
    "id_token_signing_alg_values",
    "id_token_encryption_alg_values",
    "id_token_encryption_enc_values",
    "userinfo_signing_alg_values",
    "userinfo_encryption_alg_values",
    "userinfo_encryption_enc_values",
    "request_object_signing_alg_values",
    "request_object_encryption_alg_values",
    "request_object_encryption_enc_values",
    "display_values",
    "claim_types",
    "claims",
    "claims_locales",
    // OpenID Connect Session Management, Front-Channel and Back-Channel Logout, Initiating User Registration
    "prompt_values",
    // RFC 9396 section 10, RFC 9449 section 5.1, RFC 9701 section 7, RFC 9728 section 4
    "authorization_details_types",
    "dpop_signing_alg_values",
    "introspection_signing_alg_values",
    "introspection_encryption_alg_values",
    "introspection_encryption_enc_values",
    // JWT Secured Authorization Response Mode section 4
    "authorization_signing_alg_values",
    "authorization_encryption_alg_values",
    "authorization_encryption_enc_values",
    // Client-Initiated Backchannel Authentication section 4
    "backchannel_token_delivery_modes",
    "backchannel_authentication_request_signing_alg_values",
    // Drafts: client ID metadata documents, identity assertion grants
    "authorization_grant_profiles"
  ]
} as const satisfies MetadataDocument.Shape

/**
 * The metadata of an authorization server, with the member names of the
 * registry ("OAuth Authorization Server Metadata"). Members which the toolkit
 * does not know are kept as they came.
 *
 * @since 0.1.0
 * @category models
 */
export interface AuthorizationServerMetadata extends MetadataDocument.Document<typeof members> {
  readonly issuer: string
  /** The endpoints for requests with a client certificate (RFC 8705 section 5). */
  readonly mtls_endpoint_aliases?: MetadataDocument.Document<typeof aliases> | undefined
}

/**
 * A member that holds the URL of an endpoint.
 *
 * @since 0.1.0
 * @category models
 */
export type EndpointName = (typeof endpoints)[number]

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
  const { mtls_endpoint_aliases: named, ...rest } = MetadataDocument.tidy(members, json)
  if (named !== undefined && named !== null && !MetadataDocument.isObject(named)) {
    return refuse("type", "mtls_endpoint_aliases")
  }
  const document = MetadataDocument.isObject(named)
    ? { ...rest, mtls_endpoint_aliases: MetadataDocument.tidy(aliases, named) }
    : rest
  if (rest["issuer"] === undefined) return refuse("missing", "issuer")
  return isMetadata(document) ? Effect.succeed(document) : refuse("type", wrongMember(document) ?? "")
}

const wrongMember = (document: Readonly<Record<string, unknown>>): string | undefined => {
  const named = document["mtls_endpoint_aliases"]
  const wrong = MetadataDocument.wrongMember(members, document)
  if (wrong !== undefined || !MetadataDocument.isObject(named)) return wrong
  const wrongAlias = MetadataDocument.wrongMember(aliases, named)
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
 * a downgrade is never silent (RFC 9700 section 2.1.1). With `listed` also for a
 * server without the list, which is the rule of MCP.
 *
 * @since 0.1.0
 * @category capabilities
 */
export const requirePkce = (
  operation: string,
  metadata: AuthorizationServerMetadata,
  options: { readonly listed?: boolean | undefined } = {}
): Effect.Effect<void, DiscoveryError> => {
  const isListed = metadata.code_challenge_methods_supported !== undefined
  return supportsPkce(metadata) && (isListed || options.listed !== true)
    ? Effect.void
    : Effect.fail(
        new DiscoveryError({
          operation,
          reason: "unsupported",
          message: isListed
            ? `The authorization server ${Endpoint.show(metadata.issuer)} lists its PKCE methods without S256, ` +
              `the only one that is used here.`
            : `The authorization server ${Endpoint.show(metadata.issuer)} does not say that it knows PKCE ` +
              `(code_challenge_methods_supported), which is required here.`,
          expected: "S256"
        })
      )
}

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
  if (
    options?.allowInsecure !== true &&
    Endpoint.isLoopback(url.value) &&
    !Endpoint.isLoopback(metadata.issuer)
  ) {
    return Effect.fail(
      new DiscoveryError({
        operation,
        reason: "forbidden_url",
        message:
          `${name} ${Endpoint.show(url.value)} may not be used: it is on this machine, ` +
          `but its server ${Endpoint.show(metadata.issuer)} is not.`,
        actual: Endpoint.show(url.value)
      })
    )
  }
  return Endpoint.validate(operation, name, url.value, options)
}
