import { createLocalJWKSet, decodeJwt, jwtVerify } from "jose"
import type { JSONWebKeySet } from "jose"
import type Provider from "oidc-provider"
import type { errors as ProviderErrors } from "oidc-provider"

export const tokenExchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"

const accessTokenType = "urn:ietf:params:oauth:token-type:access_token"
const substituteUserType = "urn:keycard:params:oauth:token-type:substitute-user"

/**
 * RFC 8693 for `oidc-provider`, through its public API: one subject token,
 * exchanged for an access token of the same person for another resource, in
 * which `act` names the client that acts. The subject token is an access token
 * of this server for the exchanging client's resource, or only names a user, by
 * whom this server lets every client be that may exchange at all. An actor
 * token is one of the client itself.
 */
export const registerTokenExchange = (
  provider: Provider,
  errors: typeof ProviderErrors,
  publicKeys: JSONWebKeySet
): void => {
  const keys = createLocalJWKSet(publicKeys)

  const subjectOf = async (token: string, type: string): Promise<string> => {
    if (type === substituteUserType) return text(decodeJwt(token).sub)
    if (type !== accessTokenType) throw new errors.InvalidRequest("unsupported subject_token_type")
    const { payload } = await jwtVerify(token, keys, { issuer: provider.issuer, typ: "at+jwt" })
    return text(payload.sub)
  }
  provider.registerGrantType(
    tokenExchangeGrant,
    async (ctx) => {
      const { client, params } = ctx.oidc
      const subject = await subjectOf(
        text(params["subject_token"]),
        text(params["subject_token_type"])
      ).catch(() => {
        throw new errors.InvalidRequest("the subject_token is not an access token of this server")
      })
      if (params["actor_token"] !== undefined) {
        const actor = await provider.ClientCredentials.find(text(params["actor_token"]))
        if (actor?.clientId !== client.clientId)
          throw new errors.InvalidRequest("the actor_token is not one of the client")
      }
      const resource = text(params["resource"])
      if (resource === "") throw new errors.InvalidTarget("one resource is required")

      const token = new provider.AccessToken({
        accountId: subject,
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
