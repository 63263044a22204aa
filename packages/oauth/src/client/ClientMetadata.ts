/**
 * What a client tells of itself: RFC 7591 section 2 and OpenID Connect Dynamic
 * Client Registration 1.0 section 2.
 *
 * @since 0.1.0
 */
import type { JsonWebKeySet } from "../keys/Jwk.js"

/**
 * The metadata of a client, with the member names of the registry ("OAuth
 * Dynamic Client Registration Metadata"). Everything is optional: a server has
 * defaults (`authorization_code`, `code`, `client_secret_basic`). Members that
 * are not in this list, and texts in several languages (`client_name#ja`), go
 * where extra members are taken.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClientMetadata {
  // RFC 7591 section 2
  /** https, http on this machine, or a private-use scheme (RFC 8252); required for flows with redirection. */
  readonly redirect_uris?: ReadonlyArray<string> | undefined
  readonly token_endpoint_auth_method?: string | undefined
  readonly grant_types?: ReadonlyArray<string> | undefined
  readonly response_types?: ReadonlyArray<string> | undefined
  readonly client_name?: string | undefined
  readonly client_uri?: string | undefined
  readonly logo_uri?: string | undefined
  /** Separated by spaces. */
  readonly scope?: string | undefined
  readonly contacts?: ReadonlyArray<string> | undefined
  readonly tos_uri?: string | undefined
  readonly policy_uri?: string | undefined
  /** Not together with `jwks`. */
  readonly jwks_uri?: string | undefined
  /** Public keys alone; not together with `jwks_uri`. */
  readonly jwks?: JsonWebKeySet | undefined
  readonly software_id?: string | undefined
  readonly software_version?: string | undefined

  // OpenID Connect Dynamic Client Registration 1.0 section 2
  readonly application_type?: "web" | "native" | undefined
  readonly sector_identifier_uri?: string | undefined
  readonly subject_type?: "pairwise" | "public" | undefined
  readonly id_token_signed_response_alg?: string | undefined
  readonly id_token_encrypted_response_alg?: string | undefined
  readonly id_token_encrypted_response_enc?: string | undefined
  readonly userinfo_signed_response_alg?: string | undefined
  readonly userinfo_encrypted_response_alg?: string | undefined
  readonly userinfo_encrypted_response_enc?: string | undefined
  readonly request_object_signing_alg?: string | undefined
  readonly request_object_encryption_alg?: string | undefined
  readonly request_object_encryption_enc?: string | undefined
  readonly token_endpoint_auth_signing_alg?: string | undefined
  /** In seconds. */
  readonly default_max_age?: number | undefined
  readonly require_auth_time?: boolean | undefined
  readonly default_acr_values?: ReadonlyArray<string> | undefined
  readonly initiate_login_uri?: string | undefined
  readonly request_uris?: ReadonlyArray<string> | undefined

  // RP-Initiated Logout 3.1, Back-Channel Logout 2.2, Front-Channel Logout 2
  readonly post_logout_redirect_uris?: ReadonlyArray<string> | undefined
  readonly backchannel_logout_uri?: string | undefined
  readonly backchannel_logout_session_required?: boolean | undefined
  readonly frontchannel_logout_uri?: string | undefined
  readonly frontchannel_logout_session_required?: boolean | undefined

  // RFC 8705 sections 2.1.2 and 3.4, RFC 9101, RFC 9126, RFC 9396, RFC 9449, RFC 9701, JARM, CIBA
  readonly tls_client_auth_subject_dn?: string | undefined
  readonly tls_client_auth_san_dns?: string | undefined
  readonly tls_client_auth_san_uri?: string | undefined
  readonly tls_client_auth_san_ip?: string | undefined
  readonly tls_client_auth_san_email?: string | undefined
  readonly tls_client_certificate_bound_access_tokens?: boolean | undefined
  readonly require_signed_request_object?: boolean | undefined
  readonly require_pushed_authorization_requests?: boolean | undefined
  readonly authorization_details_types?: ReadonlyArray<string> | undefined
  readonly dpop_bound_access_tokens?: boolean | undefined
  readonly introspection_signed_response_alg?: string | undefined
  readonly authorization_signed_response_alg?: string | undefined
  readonly backchannel_token_delivery_mode?: "poll" | "ping" | "push" | undefined
  readonly backchannel_client_notification_endpoint?: string | undefined
  readonly backchannel_authentication_request_signing_alg?: string | undefined
  readonly backchannel_user_code_parameter?: boolean | undefined
}
