/**
 * Every flow in one layer.
 *
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import type { KeyringService } from "../keys/Keyring.js"
import * as Authorization from "./Authorization.js"
import * as ClientAssertion from "./ClientAssertion.js"
import * as ClientCredentials from "./ClientCredentials.js"
import * as CodeExchange from "./CodeExchange.js"
import type { OAuthClient } from "./OAuthClient.js"
import * as Refresh from "./Refresh.js"
import * as TokenEndpoint from "./TokenEndpoint.js"
import * as TokenExchange from "./TokenExchange.js"

/**
 * The flows of a client that has no keys of its own.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerKeyless: Layer.Layer<
  | Authorization.Authorization
  | ClientCredentials.ClientCredentials
  | CodeExchange.CodeExchange
  | Refresh.Refresh
  | TokenEndpoint.TokenEndpoint
  | TokenExchange.TokenExchange,
  never,
  OAuthClient
> = Layer.mergeAll(
  Authorization.layer,
  ClientCredentials.layer,
  CodeExchange.layer,
  Refresh.layer,
  TokenEndpoint.layer,
  TokenExchange.layer
)

/**
 * Every flow of a client, `ClientAssertion` with its keys among them.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<
  Layer.Layer.Success<typeof layerKeyless> | ClientAssertion.ClientAssertion,
  never,
  OAuthClient | KeyringService
> = Layer.merge(layerKeyless, ClientAssertion.layer)
