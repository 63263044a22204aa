/**
 * Every flow in one layer.
 *
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import type { KeyringService } from "../keys/Keyring.js"
import * as Authorization from "./Authorization.js"
import * as BackChannelLogout from "./BackChannelLogout.js"
import * as Ciba from "./Ciba.js"
import * as ClientAssertion from "./ClientAssertion.js"
import * as ClientCredentials from "./ClientCredentials.js"
import * as CodeExchange from "./CodeExchange.js"
import * as DeviceAuthorization from "./DeviceAuthorization.js"
import * as FrontChannelLogout from "./FrontChannelLogout.js"
import * as IdentityAssertion from "./IdentityAssertion.js"
import * as Impersonation from "./Impersonation.js"
import * as Introspection from "./Introspection.js"
import * as JwtBearer from "./JwtBearer.js"
import * as Logout from "./Logout.js"
import type { OAuthClient } from "./OAuthClient.js"
import * as PushedAuthorization from "./PushedAuthorization.js"
import * as Refresh from "./Refresh.js"
import * as RequestObject from "./RequestObject.js"
import * as Revocation from "./Revocation.js"
import * as Saml2Bearer from "./Saml2Bearer.js"
import * as StepUp from "./StepUp.js"
import * as TokenEndpoint from "./TokenEndpoint.js"
import * as TokenExchange from "./TokenExchange.js"
import * as UserInfo from "./UserInfo.js"

/**
 * The flows of a client that has no keys of its own.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerKeyless: Layer.Layer<
  | Authorization.Authorization
  | BackChannelLogout.BackChannelLogout
  | Ciba.Ciba
  | ClientCredentials.ClientCredentials
  | CodeExchange.CodeExchange
  | DeviceAuthorization.DeviceAuthorization
  | FrontChannelLogout.FrontChannelLogout
  | IdentityAssertion.IdentityAssertion
  | Impersonation.Impersonation
  | Introspection.Introspection
  | JwtBearer.JwtBearer
  | Logout.Logout
  | PushedAuthorization.PushedAuthorization
  | Refresh.Refresh
  | Revocation.Revocation
  | Saml2Bearer.Saml2Bearer
  | StepUp.StepUp
  | TokenEndpoint.TokenEndpoint
  | TokenExchange.TokenExchange
  | UserInfo.UserInfo,
  never,
  OAuthClient
> = Layer.mergeAll(
  Authorization.layer,
  BackChannelLogout.layer,
  Ciba.layer,
  ClientCredentials.layer,
  CodeExchange.layer,
  DeviceAuthorization.layer,
  FrontChannelLogout.layer,
  IdentityAssertion.layer,
  Impersonation.layer,
  Introspection.layer,
  JwtBearer.layer,
  Logout.layer,
  PushedAuthorization.layer,
  Refresh.layer,
  Revocation.layer,
  Saml2Bearer.layer,
  Layer.provide(StepUp.layer, Authorization.layer),
  TokenEndpoint.layer,
  TokenExchange.layer,
  UserInfo.layer
)

/**
 * Every flow of a client, those that sign with its own keys among them.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<
  Layer.Layer.Success<typeof layerKeyless> | ClientAssertion.ClientAssertion | RequestObject.RequestObject,
  never,
  OAuthClient | KeyringService
> = Layer.mergeAll(layerKeyless, ClientAssertion.layer, RequestObject.layer)

/**
 * The flows of `layer`, with every authorization request signed (JAR, RFC 9101),
 * as `Authorization.layerSigned` does it: those of `StepUp` too.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerSigned = (
  options: RequestObject.RequestObject.Options = {}
): Layer.Layer<Layer.Layer.Success<typeof layer>, never, OAuthClient | KeyringService> => {
  const signed = Authorization.layerSigned(options)
  // Not StepUp.layer, which is built once for a program: that of the plain authorization.
  const stepUp = Layer.provide(Layer.effect(StepUp.StepUp, StepUp.make), signed)
  return Layer.mergeAll(layer, signed, stepUp, RequestObject.layerWith(options))
}
