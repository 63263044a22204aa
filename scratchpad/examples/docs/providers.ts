/** What docs/providers.md quotes. Type-checked, not run: the clients are nobody's. */
import * as MutualTls from "effect-oauth-node/MutualTls"
import * as WorkloadIdentity from "effect-oauth-node/WorkloadIdentity"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Presets from "effect-oauth/Presets"
import * as Provider from "effect-oauth/Provider"
import * as Config from "effect/Config"
import * as Layer from "effect/Layer"

export const GitHubLive = OAuthClient.layerConfig(
  Config.map(
    Config.all({ clientId: Config.string("GITHUB_ID"), secret: Config.redacted("GITHUB_SECRET") }),
    (app) =>
      Provider.client(Presets.github, {
        ...app,
        redirectUri: "https://app.example/callback",
        quirks: { userAgent: "notes/1.0" }
      })
  )
)

export const EntraLive = OAuthClient.layer(
  Provider.client(
    Presets.entra({
      tenant: "common",
      tenants: ["2e5e5b0a-6a4c-4d3b-9d0e-5f1c3f0a7b11", "9188040d-6c67-4c5b-b112-36a304b66dad"]
    }),
    { clientId: "6731de76-14a6-49ae-97bc-6eba6914391e", redirectUri: "https://app.example/callback" }
  )
)

/** Needs a KeyringService: the .p8 file, its key id as `kid`. */
export const AppleLive = OAuthClient.layer(
  Provider.client(Presets.apple, {
    clientId: "com.example.app",
    authentication: Provider.appleSecret({ teamId: "TEAM123456" }),
    redirectUri: "https://app.example/callback"
  })
)

export const acme: Provider.Preset = {
  name: "Acme",
  issuer: "https://acme.example",
  metadata: {
    issuer: "https://acme.example",
    authorization_endpoint: "https://acme.example/authorize",
    token_endpoint: "https://acme.example/token"
  },
  quirks: { assumeTokenType: "Bearer", scopeSeparator: "," },
  secret: "clientSecretPost",
  accessTokens: "opaque",
  documentation: "https://acme.example/docs"
}

export const WorkloadLive = OAuthClient.layer({
  issuer: "https://your-zone.keycard.cloud",
  clientId: "notes-service",
  authentication: ClientAuthentication.assertion(WorkloadIdentity.environment())
})

export const MachineLive = OAuthClient.layer({
  issuer: "https://issuer.example",
  clientId: "machine",
  authentication: ClientAuthentication.tlsClientAuth
}).pipe(
  Layer.provide(
    MutualTls.layerConfig(
      Config.all({ certificate: Config.string("CLIENT_CERT"), key: Config.redacted("CLIENT_KEY") })
    )
  )
)

/** A JWT that says which job this is: the subject token of a TokenExchange. */
export const tokenOfJob = WorkloadIdentity.gitHubActions().assertion("https://issuer.example")
