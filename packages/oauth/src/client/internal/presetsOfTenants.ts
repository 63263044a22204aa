/** Providers of which every customer has a place of their own: functions from that to data. */
import type { IssuerTemplate } from "./quirkySwitches.js"
import type { Preset } from "../Provider.js"

/**
 * The host of a tenant, without a scheme: `acme.eu.auth0.com`, `acme.okta.com`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Domain {
  readonly domain: string
}

/**
 * Auth0: the issuer ends with a slash. An access token is a JWT only where
 * `audience` names an API: give it here, and it is asked for every time.
 *
 * @since 0.1.0
 * @category presets
 */
export const auth0 = ({ audience, domain }: Domain & { readonly audience?: string | undefined }): Preset => ({
  name: "Auth0",
  issuer: `https://${domain}/`,
  quirks: audience === undefined ? {} : { authorizeParameters: { audience } },
  secret: "clientSecret",
  accessTokens: audience === undefined ? "opaque" : "accessTokenLenient",
  documentation: "https://auth0.com/docs/authenticate/protocols/oauth"
})

/**
 * Azure AD B2C: its metadata is below the policy and names an issuer below the
 * tenant's id, which therefore must be given; `expires_in` may be text.
 *
 * @since 0.1.0
 * @category presets
 */
export const azureB2c = (options: {
  /** The name of the tenant: `contoso` of `contoso.b2clogin.com`. */
  readonly tenant: string
  /** The id of the tenant, a UUID. */
  readonly tenantId: string
  /** The user flow or custom policy: `B2C_1_signupsignin`. */
  readonly policy: string
}): Preset => ({
  name: "Azure AD B2C",
  issuer: `https://${options.tenant}.b2clogin.com/${options.tenantId}/v2.0/`,
  discovery: {
    metadataUrl: `https://${options.tenant}.b2clogin.com/${options.tenant}.onmicrosoft.com/${options.policy}/v2.0/.well-known/openid-configuration`
  },
  quirks: { expiresInMayBeText: true },
  secret: "clientSecretPost",
  accessTokens: "accessTokenLenient",
  documentation: "https://learn.microsoft.com/azure/active-directory-b2c/openid-connect"
})

/**
 * Amazon Cognito: access tokens have no `aud`; the endpoints are at the
 * domain of the user pool, which its metadata names; logging out is not that of
 * OpenID Connect.
 *
 * @since 0.1.0
 * @category presets
 */
export const cognito = ({
  region,
  userPoolId
}: {
  /** `eu-central-1`. */
  readonly region: string
  /** `eu-central-1_AbCdEfGhI`. */
  readonly userPoolId: string
}): Preset => ({
  name: "Amazon Cognito",
  issuer: `https://cognito-idp.${region}.amazonaws.com/${userPoolId}`,
  secret: "clientSecret",
  accessTokens: "accessTokenCognito",
  documentation: "https://docs.aws.amazon.com/cognito/latest/developerguide/federation-endpoints.html"
})

/**
 * Which accounts may log in with Microsoft Entra.
 *
 * @since 0.1.0
 * @category models
 */
export type EntraOptions =
  | {
      /** The id of the one tenant, a UUID, or `consumers` for personal accounts: its issuer is compared as any other. */
      readonly tenant: "consumers" | (string & {})
      readonly tenants?: undefined
    }
  | {
      /** Work and school accounts, with personal ones or without. */
      readonly tenant: "common" | "organizations"
      /** The ids of the tenants whose accounts may log in; `any` lets everybody in who has an account. */
      readonly tenants: IssuerTemplate["tenants"]
    }

/** The tenant that all personal accounts are of. */
const personal = "9188040d-6c67-4c5b-b112-36a304b66dad"

/**
 * Microsoft Entra. The metadata of `common` and `organizations` names the
 * issuer `.../{tenantid}/v2.0`: ID tokens must be of a tenant that is allowed
 * by name, and their `tid` must be the one in their `iss`. Personal accounts
 * are of the tenant `9188040d-6c67-4c5b-b112-36a304b66dad`, which the metadata
 * of `consumers` names.
 *
 * @since 0.1.0
 * @category presets
 */
export const entra = (options: EntraOptions): Preset => ({
  name: "Microsoft Entra",
  issuer: `https://login.microsoftonline.com/${options.tenant === "consumers" ? personal : options.tenant}/v2.0`,
  discovery:
    options.tenant === "consumers"
      ? {
          metadataUrl: "https://login.microsoftonline.com/consumers/v2.0/.well-known/openid-configuration"
        }
      : {},
  quirks:
    options.tenants !== undefined
      ? {
          issuer: {
            template: "https://login.microsoftonline.com/{tenantid}/v2.0",
            placeholder: "{tenantid}",
            claim: "tid",
            tenants: options.tenants
          }
        }
      : {},
  secret: "clientSecretPost",
  accessTokens: "accessTokenLenient",
  documentation: "https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow"
})

/**
 * A zone of Keycard, which keeps to the specifications.
 *
 * @since 0.1.0
 * @category presets
 */
export const keycard = ({ domain }: Domain): Preset => ({
  name: "Keycard",
  issuer: `https://${domain}`,
  secret: "clientSecret",
  accessTokens: "accessToken",
  documentation: "https://docs.keycard.ai"
})

/**
 * A realm of Keycloak. Where the server is reached by another name than the one
 * in its tokens, `internalUrl` is where its metadata is read, and `url` stays
 * what is expected in them.
 *
 * @since 0.1.0
 * @category presets
 */
export const keycloak = ({
  internalUrl,
  realm,
  url
}: {
  /** With its path, if it has one: `https://id.example/auth`. */
  readonly url: string
  readonly realm: string
  readonly internalUrl?: string | undefined
}): Preset => ({
  name: "Keycloak",
  issuer: `${url}/realms/${realm}`,
  discovery:
    internalUrl === undefined
      ? {}
      : { metadataUrl: `${internalUrl}/realms/${realm}/.well-known/openid-configuration` },
  secret: "clientSecret",
  accessTokens: "accessTokenLenient",
  documentation: "https://www.keycloak.org/securing-apps/oidc-layers"
})

/**
 * Okta: the organisation, or one of its custom authorization servers
 * (`default`), whose access tokens alone are for others to read; the client is
 * in `cid`, the scope in `scp`.
 *
 * @since 0.1.0
 * @category presets
 */
export const okta = ({
  authorizationServer,
  domain
}: Domain & { readonly authorizationServer?: string | undefined }): Preset => ({
  name: "Okta",
  issuer:
    authorizationServer === undefined
      ? `https://${domain}`
      : `https://${domain}/oauth2/${authorizationServer}`,
  secret: "clientSecret",
  accessTokens: authorizationServer === undefined ? "opaque" : "accessTokenLenient",
  documentation: "https://developer.okta.com/docs/api/openapi/okta-oauth/guides/overview/"
})

/**
 * Salesforce: by the login host of the org (`login.salesforce.com`,
 * `test.salesforce.com`, or its own domain). Token responses do not say when
 * they expire: give the session timeout of the org as `sessionSeconds`, or ask
 * `Introspection`. The host of the API is `instance_url` under `additional`.
 *
 * @since 0.1.0
 * @category presets
 */
export const salesforce = ({
  domain = "login.salesforce.com",
  sessionSeconds
}: Partial<Domain> & { readonly sessionSeconds?: number | undefined }): Preset => ({
  name: "Salesforce",
  issuer: `https://${domain}`,
  quirks: sessionSeconds === undefined ? {} : { assumeExpiresIn: sessionSeconds },
  secret: "clientSecretPost",
  accessTokens: "opaque",
  documentation: "https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_web_server_flow.htm"
})
