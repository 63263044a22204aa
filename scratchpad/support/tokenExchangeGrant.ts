import { createLocalJWKSet, jwtVerify } from "jose"
import type { JSONWebKeySet } from "jose"
import type Provider from "oidc-provider"
import type { errors as ProviderErrors } from "oidc-provider"

export const tokenExchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"

/**
 * RFC 8693 for `oidc-provider`, through its public API: one subject token (an
 * access token of this server for the exchanging client's resource), exchanged
 * for an access token of the same person for another resource, in which `act`
 * names the client that acts.
 */
export const registerTokenExchange = (
  provider: Provider,
  errors: typeof ProviderErrors,
  publicKeys: JSONWebKeySet
): void => {
  const accessTokenType = "urn:ietf:params:oauth:token-type:access_token"
  const keys = createLocalJWKSet(publicKeys)
  provider.registerGrantType(
    tokenExchangeGrant,
    async (ctx) => {
      const { client, params } = ctx.oidc
      const { payload: subject } = await jwtVerify(text(params["subject_token"]), keys, {
        issuer: provider.issuer,
        typ: "at+jwt"
      }).catch(() => {
        throw new errors.InvalidRequest("the subject_token is not an access token of this server")
      })
      if (params["subject_token_type"] !== accessTokenType)
        throw new errors.InvalidRequest("unsupported subject_token_type")
      const resource = text(params["resource"])
      if (resource === "") throw new errors.InvalidTarget("one resource is required")

      const token = new provider.AccessToken({
        accountId: text(subject.sub),
        client,
        // Nothing is stored for a JWT access token; a grant of its own would be revocable with the session.
        grantId: "token-exchange",
        gty: tokenExchangeGrant,
        extra: { act: { sub: client.clientId } }
      })
      token.resourceServer = new provider.ResourceServer(resource, {
        scope: "notes:read notes:write",
        audience: resource,
        accessTokenFormat: "jwt",
        accessTokenTTL: 300,
        jwt: { sign: { alg: "ES256" } }
      })
      token.scope = text(params["scope"]) || "notes:read"
      ctx.body = {
        access_token: await token.save(),
        issued_token_type: accessTokenType,
        token_type: token.tokenType,
        expires_in: token.expiration,
        scope: token.scope
      }
    },
    [
      "audience",
      "resource",
      "scope",
      "requested_token_type",
      "subject_token",
      "subject_token_type",
      "actor_token",
      "actor_token_type"
    ],
    ["audience", "resource"]
  )
}

const text = (value: unknown): string => (typeof value === "string" ? value : "")
