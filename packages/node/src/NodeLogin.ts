/**
 * Everything that a login needs of Node.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Layer from "effect/Layer"
import * as Browser from "./Browser.js"
import * as LoginPrompt from "./LoginPrompt.js"
import * as NodeHttp from "./NodeHttp.js"

/**
 * An `HttpClient` (undici), the browser of this machine and the terminal of this process: what `PkceLogin.login`
 * asks for.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<HttpClient.HttpClient | Browser.Browser | LoginPrompt.LoginPrompt> =
  Layer.mergeAll(NodeHttp.layer, Browser.layer, LoginPrompt.layer)
