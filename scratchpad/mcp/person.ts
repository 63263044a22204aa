/** A person logs in, at a server that may know the client or not. */
import * as Authorization from "effect-oauth/Authorization"
import * as AuthorizationServerMetadata from "effect-oauth/AuthorizationServerMetadata"
import type * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientSelection from "effect-oauth/ClientSelection"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import type { StepUpRequired } from "effect-oauth/OAuthError"
import * as Quirks from "effect-oauth/Quirks"
import * as Scope from "effect-oauth/Scope"
import * as StepUp from "effect-oauth/StepUp"
import * as TokenManager from "effect-oauth/TokenManager"
import * as TokenSource from "effect-oauth/TokenSource"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { walk } from "../support/userAgent.js"
import type { Needs } from "./needs.js"

/** A client that somebody registered at the server by hand. */
export interface Registered {
  readonly clientId: string
  readonly authentication: ClientAuthentication.ClientAuthentication
}

/** Whom the client can be: it is registered, else it is a document that the server reads, else it registers. */
const policy = (needs: Needs, registered?: Registered): ClientSelection.ClientSelection.Policy => ({
  issuer: needs.issuer,
  metadata: needs.metadata,
  redirectUri: "http://127.0.0.1/callback",
  // Of what issuer they are the suite does not say; where that is known, it is what stands here.
  preRegistered: registered === undefined ? [] : [{ issuer: needs.issuer, ...registered }],
  // The URL that the conformance suite wants to see; a client publishes what ClientIdMetadata.build makes.
  metadataDocument: { url: "https://conformance-test.local/client-metadata.json" },
  registration: {
    metadata: {
      client_name: "Scratchpad",
      application_type: "native",
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"]
    }
  },
  // The suite's servers leave out when a secret ends.
  quirks: Quirks.make({ assumeSecretExpiresAt: 0 })
})

export const session = (needs: Needs, registered?: Registered) =>
  Effect.gen(function* () {
    const selection = yield* ClientSelection.ClientSelection
    const { client } = yield* selection.select(policy(needs, registered))
    const flows = yield* Layer.build(OAuth.layerKeyless.pipe(Layer.provideMerge(OAuthClient.layer(client))))
    return yield* Effect.provide(logIn(needs), flows)
  })

const logIn = ({ resource, scope }: Needs) =>
  Effect.gen(function* () {
    const authorization = yield* Authorization.Authorization
    const codeExchange = yield* CodeExchange.CodeExchange
    const stepUp = yield* StepUp.StepUp
    const { clientId, issuer, metadata } = yield* OAuthClient.OAuthClient
    const tokens = yield* TokenManager.make({
      key: { issuer, clientId, resource: [resource] },
      source: TokenSource.refreshToken()
    })

    /** Shows a page to the person; a program for people has a browser and a `LoopbackCallback` here. */
    const finish = ({ transaction, url }: Authorization.Authorization.Begun) =>
      Effect.gen(function* () {
        const { callback } = yield* walk(url, "ada")
        const login = yield* codeExchange.exchange(yield* authorization.complete(callback, transaction))
        yield* tokens.adopt(login.tokens)
      })

    const server = yield* metadata
    yield* AuthorizationServerMetadata.requireListedPkce("mcp", server)
    // A refresh token is asked for where the server knows how (SEP-2207).
    const offline = (server.scopes_supported ?? []).filter((name) => name === "offline_access")
    const asked = Scope.union(scope, offline)
    yield* finish(yield* authorization.begin({ resource, scope: asked }))
    return {
      tokens,
      stepUp: (wanted: StepUpRequired) =>
        stepUp
          .begin({ ...wanted, resource, scope: Scope.union(asked, wanted.scope) })
          .pipe(Effect.flatMap(finish))
    }
  })
