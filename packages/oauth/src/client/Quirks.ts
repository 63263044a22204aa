/**
 * The deviations of real providers, each a switch with a name.
 *
 * @since 0.1.0
 */
import type { Wire } from "../http/Wire.js"
import * as Answer from "./internal/quirkyAnswer.js"
import * as Request from "./internal/quirkyRequest.js"
import * as Issuers from "./internal/quirkyIssuers.js"
import type { Policy } from "./internal/quirkyIssuers.js"
import type { Switches } from "./internal/quirkySwitches.js"

export type { IssuerTemplate, Switches } from "./internal/quirkySwitches.js"

/**
 * The switches made ready, for `OAuthClient.layer` as `quirks`. Between what it
 * does to requests and to answers the flows are as strict as without.
 *
 * @since 0.1.0
 * @category models
 */
export interface Quirks {
  readonly switches: Switches
  /** Bends requests to the provider's ways, and its answers back. */
  readonly adapt: (wire: Wire, issuer: string) => Wire
  /** Bends the parameters of an authorization request, in place. */
  readonly authorize: (parameters: URLSearchParams) => void
  /** Which issuers of ID tokens are the server's, where it is not the one. */
  readonly issuers: Policy | undefined
}

/**
 * Makes switches ready.
 *
 * @example
 * import * as OAuthClient from "effect-oauth/OAuthClient"
 * import * as Quirks from "effect-oauth/Quirks"
 *
 * const ClientLive = OAuthClient.layer({
 *   issuer: "https://issuer.example",
 *   clientId: "app",
 *   quirks: Quirks.make({ assumeTokenType: "Bearer", expiresInMayBeText: true })
 * })
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (switches: Switches): Quirks => ({
  switches,
  adapt: (wire, issuer) => ({
    ...wire,
    send: (operation, request, options) => {
      const { asked, request: bent } = Request.bend(switches, request)
      return Answer.bent(switches, asked, wire.send(operation, bent, options))
    },
    get: (operation, url, options) => Issuers.named(switches, issuer, wire.get(operation, url, options))
  }),
  authorize: (parameters) => Request.authorize(switches, parameters),
  issuers: Issuers.policy(switches)
})
