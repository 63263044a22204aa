/** Sessions without a person before a browser: a program of its own, and one that a company lets act for its employee. */
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as IdentityAssertion from "effect-oauth/IdentityAssertion"
import * as OAuthClient from "effect-oauth/OAuthClient"
import type { StepUpRequired } from "effect-oauth/OAuthError"
import * as TokenManager from "effect-oauth/TokenManager"
import * as TokenSource from "effect-oauth/TokenSource"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type { Needs } from "./needs.js"

/** There is nobody to ask. */
const stepUp = (wanted: StepUpRequired) => Effect.fail(wanted)

/** The client acts for itself (RFC 6749 section 4.4). */
export const itself = <R = never>(
  { issuer, metadata, resource, scope }: Needs,
  clientId: string,
  authentication: ClientAuthentication.ClientAuthentication<R>
) =>
  Effect.gen(function* () {
    const client = OAuthClient.layer({ issuer, metadata, clientId, authentication })
    const flow = yield* Layer.build(Layer.provide(ClientCredentials.layer, client))
    const tokens = yield* TokenManager.make({
      key: { issuer, clientId, resource: [resource], scope },
      source: TokenSource.clientCredentials({ resource, scope })
    }).pipe(Effect.provide(flow))
    return { tokens, stepUp }
  })

export interface Employment {
  readonly clientId: string
  readonly clientSecret: Redacted.Redacted<string>
  /** The employee's login at the identity provider of the company. */
  readonly login: {
    readonly issuer: string
    readonly clientId: string
    readonly idToken: Redacted.Redacted<string>
  }
}

/** The company's identity provider vouches for its employee (cross-app access, enterprise-managed authorization). */
export const employee = (
  { issuer, metadata, resource, scope }: Needs,
  { clientId, clientSecret, login }: Employment
) =>
  Effect.gen(function* () {
    const identityProvider = yield* OAuthClient.make({ issuer: login.issuer, clientId: login.clientId })
    const authentication = ClientAuthentication.clientSecret(clientSecret)
    const resourceServer = yield* OAuthClient.make({ issuer, metadata, clientId, authentication })
    const reach = IdentityAssertion.between({ identityProvider, resourceServer })
    const tokens = yield* TokenManager.make({
      key: { issuer, clientId, resource: [resource], scope },
      source: TokenSource.anew("identity_assertion", reach({ subjectToken: login.idToken, resource, scope }))
    })
    return { tokens, stepUp }
  })
