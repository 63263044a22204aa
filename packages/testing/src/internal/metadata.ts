/** What an issuer and a resource say of themselves. */
import { grantTypes } from "./tokenEndpoint.js"
import * as Reply from "./reply.js"
import * as Routes from "./routes.js"
import type { Settings, State } from "./state.js"

const methods = ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]

/** RFC 8414 section 2 and OpenID Connect Discovery section 3. */
export const authorizationServer = (state: State): Reply.Json => {
  const { issuer, metadata, scopes, algorithm, issParameter } = state.settings
  const urls = Routes.urls(issuer)
  const signing = ["RS256", "PS256", "ES256", "ES384", "ES512", "Ed25519"]
  return Reply.override(
    {
      issuer,
      authorization_endpoint: urls.authorization,
      token_endpoint: urls.token,
      jwks_uri: urls.jwks,
      userinfo_endpoint: urls.userinfo,
      introspection_endpoint: urls.introspection,
      revocation_endpoint: urls.revocation,
      device_authorization_endpoint: urls.device_authorization,
      response_types_supported: ["code"],
      response_modes_supported: ["query"],
      grant_types_supported: grantTypes,
      code_challenge_methods_supported: ["S256"],
      token_endpoint_auth_methods_supported: methods,
      token_endpoint_auth_signing_alg_values_supported: signing,
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: [algorithm],
      authorization_response_iss_parameter_supported: issParameter
    },
    { scopes_supported: scopes, ...metadata }
  )
}

/** RFC 9728 section 2. */
export const protectedResource = (settings: Settings, resource: string): Reply.Json =>
  Reply.override(
    {
      resource,
      authorization_servers: [settings.issuer],
      bearer_methods_supported: ["header"]
    },
    { scopes_supported: settings.resourceScopes.length > 0 ? settings.resourceScopes : undefined }
  )
