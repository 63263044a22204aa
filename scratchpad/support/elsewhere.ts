/** What the server of the tests needs for people who decide at another device. */
import * as Redacted from "effect/Redacted"
import type { JWK } from "jose"
import type { Configuration } from "oidc-provider"

/** A television: no secret, no browser. */
export const television = { clientId: "notes-tv" }

const ttl = {
  AccessToken: 600,
  BackchannelAuthenticationRequest: 600,
  DeviceCode: 600,
  Grant: 3600,
  IdToken: 600,
  Interaction: 600,
  RefreshToken: 3600,
  Session: 3600
}

/** The device flow (RFC 8628). */
export const deviceConfiguration: Partial<Configuration> = {
  clients: [
    {
      client_id: television.clientId,
      application_type: "native",
      token_endpoint_auth_method: "none",
      grant_types: ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
      response_types: [],
      redirect_uris: []
    }
  ],
  features: {
    devInteractions: { enabled: true },
    deviceFlow: {
      enabled: true,
      userCodeConfirmSource: (ctx, form) => void (ctx.body = form),
      successSource: (ctx) => void (ctx.body = "<h1>The device is signed in</h1>")
    }
  },
  ttl
}

/** A call centre, which knows its customers by their names. */
export const callCentre = {
  clientId: "notes-call-centre",
  secret: Redacted.make("the secret of the call centre")
}

/** Another one, which is registered to sign what it asks for, and to be told when a customer has decided. */
export const signingDesk = { clientId: "notes-signing-desk", kid: "desk-key" }

/** Where its bell is, as it is registered: https, which servers insist on. */
const bellUri = "https://desk.example/bell"

/**
 * CIBA. The phone of a customer rings when the server wants something:
 * `mallory` says no, everyone else agrees, after a while. The signing desk is
 * there where its key and the address of its bell are given.
 */
export const cibaServer = (desk?: {
  readonly publicJwk: JWK
  readonly bell: string
}): Partial<Configuration> => ({
  clients: [
    {
      client_id: callCentre.clientId,
      client_secret: Redacted.value(callCentre.secret),
      token_endpoint_auth_method: "client_secret_basic",
      backchannel_token_delivery_mode: "poll",
      ...ciba
    },
    ...(desk === undefined
      ? []
      : [
          {
            client_id: signingDesk.clientId,
            jwks: { keys: [{ ...desk.publicJwk, use: "sig", kid: signingDesk.kid }] },
            token_endpoint_auth_method: "private_key_jwt" as const,
            token_endpoint_auth_signing_alg: "ES256" as const,
            backchannel_authentication_request_signing_alg: "ES256" as const,
            backchannel_token_delivery_mode: "ping" as const,
            backchannel_client_notification_endpoint: bellUri,
            ...ciba
          }
        ])
  ],
  // The bell of a test is on this machine, at an address of its own.
  fetch: (url, { body = null, headers = {}, method = "GET", signal = null } = {}) =>
    fetch(desk !== undefined && String(url) === bellUri ? desk.bell : url, {
      body,
      headers,
      method,
      signal,
      redirect: "manual"
    }),
  features: {
    devInteractions: { enabled: true },
    requestObjects: { enabled: desk !== undefined },
    ciba: {
      enabled: true,
      deliveryModes: desk === undefined ? ["poll"] : ["poll", "ping"],
      processLoginHint: (_, hint) => hint,
      validateBindingMessage: () => {},
      validateRequestContext: () => {},
      verifyUserCode: () => {},
      triggerAuthenticationDevice: async (ctx, request, account, client) => {
        const { provider } = ctx.oidc
        if (account.accountId === "mallory") {
          const { errors } = await import("oidc-provider")
          await provider.backchannelResult(request, new errors.AccessDenied("this was not me"))
          return
        }
        const grant = new provider.Grant({ accountId: account.accountId, clientId: client.clientId })
        grant.addOIDCScope("openid")
        await grant.save()
        await provider.backchannelResult(request, grant)
      }
    }
  },
  ttl
})

const ciba = {
  grant_types: ["urn:openid:params:grant-type:ciba"],
  response_types: [],
  redirect_uris: []
}

export const cibaConfiguration = cibaServer()
