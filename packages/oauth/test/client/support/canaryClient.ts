/** A client all of whose secrets are canaries, and every flow of it. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as Discovery from "effect-oauth/Discovery"
import * as HttpLimits from "effect-oauth/HttpLimits"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import type { TokenSet } from "effect-oauth/TokenSet"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as C from "./canaries.js"
import * as H from "./setup.js"

const secret = Redacted.make(C.clientSecret)

export const authentications = {
  basic: ClientAuthentication.clientSecretBasic(secret),
  post: ClientAuthentication.clientSecretPost(secret),
  assertion: ClientAuthentication.privateKeyJwt({ kid: "canary" })
} as const

/** Every flow of a client that authenticates in this way. */
export const layerOf = (
  method: keyof typeof authentications,
  options: Partial<OAuthClient.OAuthClient.Options> = {}
) => {
  const keyring = Keyring.layerPem({ pem: Redacted.make(String(C.pem)), kid: "canary" })
  const server = Layer.unwrapEffect(
    Effect.gen(function* () {
      const { jwks } = yield* Keyring.KeyringService
      const keys = (yield* jwks).keys.map((key) => ({ ...key }))
      const redirectUris = [H.redirectUri]
      return TestIssuer.layer({
        clients: [
          method === "assertion"
            ? { clientId: "app", jwks: { keys }, redirectUris }
            : { clientId: "app", secret: C.clientSecret, redirectUris }
        ]
      })
    })
  )
  return Layer.mergeAll(OAuth.layer, Discovery.layer).pipe(
    Layer.provideMerge(
      OAuthClient.layer({
        issuer: H.issuer,
        clientId: "app",
        redirectUri: H.redirectUri,
        authentication: authentications[method],
        ...options
      })
    ),
    Layer.provideMerge(server),
    Layer.provideMerge(keyring),
    Layer.provide(HttpLimits.layer({ retries: 0 })),
    Layer.orDie
  )
}

/** Tokens of a person, all of them canaries. */
export const before: TokenSet = {
  issuer: H.issuer,
  accessToken: Redacted.make(C.accessToken),
  tokenType: "Bearer",
  expiresAt: Option.none(),
  scope: [],
  refreshToken: Option.some(Redacted.make(C.refreshToken)),
  idToken: Option.none(),
  issuedTokenType: Option.none(),
  authorizationDetails: Option.none(),
  additional: Redacted.make({ vendor_secret: C.vendorSecret })
}
