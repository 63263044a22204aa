/** Services that are in one place. */
import type { Preset } from "../Provider.js"

/**
 * Apple: the secret is `Provider.appleSecret`. Where scopes are asked for, the
 * response is posted (`responseMode: "form_post"`), and only the first has the
 * person's name.
 *
 * @since 0.1.0
 * @category presets
 */
export const apple: Preset = {
  name: "Apple",
  issuer: "https://appleid.apple.com",
  secret: "clientSecretPost",
  accessTokens: "opaque",
  documentation: "https://developer.apple.com/documentation/signinwithapplerestapi"
}

/**
 * Atlassian (3LO): `audience` names its API, refresh tokens rotate and want the
 * scope `offline_access`.
 *
 * @since 0.1.0
 * @category presets
 */
export const atlassian: Preset = {
  name: "Atlassian",
  issuer: "https://auth.atlassian.com",
  metadata: {
    issuer: "https://auth.atlassian.com",
    authorization_endpoint: "https://auth.atlassian.com/authorize",
    token_endpoint: "https://auth.atlassian.com/oauth/token"
  },
  quirks: { authorizeParameters: { audience: "api.atlassian.com", prompt: "consent" } },
  secret: "clientSecretPost",
  accessTokens: "opaque",
  documentation: "https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/"
}

/**
 * Discord.
 *
 * @since 0.1.0
 * @category presets
 */
export const discord: Preset = {
  name: "Discord",
  issuer: "https://discord.com",
  metadata: {
    issuer: "https://discord.com",
    authorization_endpoint: "https://discord.com/oauth2/authorize",
    token_endpoint: "https://discord.com/api/oauth2/token",
    revocation_endpoint: "https://discord.com/api/oauth2/token/revoke",
    userinfo_endpoint: "https://discord.com/api/oauth2/userinfo",
    jwks_uri: "https://discord.com/api/oauth2/keys"
  },
  secret: "clientSecretBasicRaw",
  accessTokens: "opaque",
  documentation: "https://discord.com/developers/docs/topics/oauth2"
}

/**
 * Dropbox: gives a refresh token where `token_access_type` is `offline`; its ID
 * tokens have no `nonce`. What it calls userinfo is a procedure of its API, to
 * be posted to, and is not named here: the ID token says the same.
 *
 * @since 0.1.0
 * @category presets
 */
export const dropbox: Preset = {
  name: "Dropbox",
  issuer: "https://www.dropbox.com",
  metadata: {
    issuer: "https://www.dropbox.com",
    authorization_endpoint: "https://www.dropbox.com/oauth2/authorize",
    token_endpoint: "https://api.dropboxapi.com/oauth2/token",
    jwks_uri: "https://www.dropbox.com/.well-known/jwks",
    id_token_signing_alg_values_supported: ["RS256"]
  },
  quirks: { authorizeParameters: { token_access_type: "offline" }, omitNonce: true },
  secret: "clientSecretPost",
  accessTokens: "opaque",
  documentation: "https://developers.dropbox.com/oauth-guide"
}

/**
 * GitHub: no OpenID Connect; `iss` comes with the code (RFC 9207); errors come
 * with status 200; granted scopes are separated by commas; some requests are
 * refused without a `User-Agent` (set your own: `quirks: { userAgent }`); tokens
 * of OAuth apps do not expire.
 *
 * @since 0.1.0
 * @category presets
 */
export const github: Preset = {
  name: "GitHub",
  issuer: "https://github.com/login/oauth",
  metadata: {
    issuer: "https://github.com/login/oauth",
    authorization_endpoint: "https://github.com/login/oauth/authorize",
    token_endpoint: "https://github.com/login/oauth/access_token",
    device_authorization_endpoint: "https://github.com/login/device/code"
  },
  quirks: { formEncodedResponse: true, grantedScopeSeparator: ",", userAgent: "effect-oauth" },
  secret: "clientSecretPost",
  accessTokens: "opaque",
  documentation: "https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps"
}

/**
 * Google: a refresh token needs `access_type` `offline`, and again `prompt`
 * `consent` once consent was given; a refresh gives no new one, and the one
 * before is kept. Its device grant wants the client secret.
 *
 * @since 0.1.0
 * @category presets
 */
export const google: Preset = {
  name: "Google",
  issuer: "https://accounts.google.com",
  quirks: {
    authorizeParameters: { access_type: "offline", prompt: "consent" },
    memberNames: { verification_uri: "verification_url" }
  },
  secret: "clientSecretPost",
  accessTokens: "opaque",
  documentation: "https://developers.google.com/identity/protocols/oauth2/web-server"
}

/**
 * LinkedIn: token responses have no `token_type`, Basic is not taken, and its
 * flow with a secret takes neither PKCE nor `nonce`: `state` alone ties the
 * response to the browser that began. Give the secret.
 *
 * @since 0.1.0
 * @category presets
 */
export const linkedin: Preset = {
  name: "LinkedIn",
  issuer: "https://www.linkedin.com/oauth",
  metadata: {
    issuer: "https://www.linkedin.com/oauth",
    authorization_endpoint: "https://www.linkedin.com/oauth/v2/authorization",
    token_endpoint: "https://www.linkedin.com/oauth/v2/accessToken",
    userinfo_endpoint: "https://api.linkedin.com/v2/userinfo",
    jwks_uri: "https://www.linkedin.com/oauth/openid/jwks"
  },
  quirks: { assumeTokenType: "Bearer", grantedScopeSeparator: ",", omitNonce: true, omitPkce: true },
  secret: "clientSecretPost",
  accessTokens: "opaque",
  documentation: "https://learn.microsoft.com/linkedin/shared/authentication/authorization-code-flow"
}

/**
 * Notion: Basic, and token requests in JSON.
 *
 * @since 0.1.0
 * @category presets
 */
export const notion: Preset = {
  name: "Notion",
  issuer: "https://api.notion.com",
  metadata: {
    issuer: "https://api.notion.com",
    authorization_endpoint: "https://api.notion.com/v1/oauth/authorize",
    token_endpoint: "https://api.notion.com/v1/oauth/token",
    revocation_endpoint: "https://api.notion.com/v1/oauth/revoke",
    introspection_endpoint: "https://api.notion.com/v1/oauth/introspect"
  },
  quirks: {
    assumeTokenType: "Bearer",
    tokenRequestFormat: "json",
    authorizeParameters: { owner: "user" }
  },
  secret: "clientSecretBasicRaw",
  accessTokens: "opaque",
  documentation: "https://developers.notion.com/reference/create-a-token"
}

/**
 * PayPal: Basic; `expires_in` has come as text. An ID token that it signs with
 * the client secret (HS256) is refused: with `ignoreIdToken` the login gives
 * tokens alone.
 *
 * @since 0.1.0
 * @category presets
 */
export const paypal: Preset = {
  name: "PayPal",
  issuer: "https://www.paypal.com",
  metadata: {
    issuer: "https://www.paypal.com",
    authorization_endpoint: "https://www.paypal.com/signin/authorize",
    token_endpoint: "https://api-m.paypal.com/v1/oauth2/token",
    userinfo_endpoint: "https://api-m.paypal.com/v1/identity/openidconnect/userinfo?schema=openid",
    jwks_uri: "https://api.paypal.com/v1/oauth2/certs",
    id_token_signing_alg_values_supported: ["HS256", "RS256"]
  },
  quirks: { expiresInMayBeText: true },
  secret: "clientSecretBasicRaw",
  accessTokens: "opaque",
  documentation: "https://developer.paypal.com/api/rest/authentication/"
}

/**
 * Reddit: Basic; a refresh token with `duration` `permanent`; refused without a
 * `User-Agent` of the app's own: give yours as `quirks: { userAgent }`.
 *
 * @since 0.1.0
 * @category presets
 */
export const reddit: Preset = {
  name: "Reddit",
  issuer: "https://www.reddit.com",
  metadata: {
    issuer: "https://www.reddit.com",
    authorization_endpoint: "https://www.reddit.com/api/v1/authorize",
    token_endpoint: "https://www.reddit.com/api/v1/access_token",
    revocation_endpoint: "https://www.reddit.com/api/v1/revoke_token"
  },
  quirks: { authorizeParameters: { duration: "permanent" }, userAgent: "effect-oauth" },
  secret: "clientSecretBasicRaw",
  accessTokens: "opaque",
  documentation: "https://github.com/reddit-archive/reddit/wiki/OAuth2"
}

const slackMetadata = {
  issuer: "https://slack.com",
  authorization_endpoint: "https://slack.com/oauth/v2/authorize",
  token_endpoint: "https://slack.com/api/oauth.v2.access"
}

/**
 * Slack, for the bot's token: `token_type` is `bot`, scopes are separated by
 * commas, errors come with status 200.
 *
 * @since 0.1.0
 * @category presets
 */
export const slack: Preset = {
  name: "Slack (bot)",
  issuer: "https://slack.com",
  metadata: slackMetadata,
  quirks: {
    assumeTokenType: "Bearer",
    bearerTokenTypes: ["bot"],
    scopeSeparator: ",",
    grantedScopeSeparator: ","
  },
  secret: "clientSecretBasicRaw",
  accessTokens: "opaque",
  documentation: "https://docs.slack.dev/authentication/installing-with-oauth"
}

/**
 * Slack, for the token of the person, which is in `authed_user`; never the
 * bot's. With token rotation, a refresh has it at the top. Its scopes go in the
 * parameter `user_scope` of `Authorization.begin`, not in `scope`.
 *
 * @since 0.1.0
 * @category presets
 */
export const slackUser: Preset = {
  name: "Slack (user)",
  issuer: "https://slack.com",
  metadata: slackMetadata,
  quirks: {
    assumeTokenType: "Bearer",
    bearerTokenTypes: ["user"],
    bodyPath: ["authed_user"],
    flatRefresh: true,
    grantedScopeSeparator: ","
  },
  secret: "clientSecretBasicRaw",
  accessTokens: "opaque",
  documentation: "https://docs.slack.dev/authentication/installing-with-oauth"
}

/**
 * Twitch: no Basic; `scope` of a token response is a list.
 *
 * @since 0.1.0
 * @category presets
 */
export const twitch: Preset = {
  name: "Twitch",
  issuer: "https://id.twitch.tv/oauth2",
  quirks: { scopeMayBeArray: true },
  secret: "clientSecretPost",
  accessTokens: "opaque",
  documentation: "https://dev.twitch.tv/docs/authentication/getting-tokens-oauth/"
}

/**
 * X: Basic for confidential clients; a refresh token with the scope
 * `offline.access`.
 *
 * @since 0.1.0
 * @category presets
 */
export const x: Preset = {
  name: "X",
  issuer: "https://x.com",
  metadata: {
    issuer: "https://x.com",
    authorization_endpoint: "https://x.com/i/oauth2/authorize",
    token_endpoint: "https://api.x.com/2/oauth2/token",
    revocation_endpoint: "https://api.x.com/2/oauth2/revoke"
  },
  secret: "clientSecretBasicRaw",
  accessTokens: "opaque",
  documentation: "https://docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code"
}

/**
 * Zoom: Basic.
 *
 * @since 0.1.0
 * @category presets
 */
export const zoom: Preset = {
  name: "Zoom",
  issuer: "https://zoom.us",
  metadata: {
    issuer: "https://zoom.us",
    authorization_endpoint: "https://zoom.us/oauth/authorize",
    token_endpoint: "https://zoom.us/oauth/token",
    revocation_endpoint: "https://zoom.us/oauth/revoke"
  },
  secret: "clientSecretBasicRaw",
  accessTokens: "opaque",
  documentation: "https://developers.zoom.us/docs/integrations/oauth/"
}
