/** A protected API on a socket, which tells who called and what it answered, and a provider of tokens for it. */
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as OAuthClient from "effect-oauth/OAuthClient"
import { AccessToken } from "effect-oauth-resource-server/AccessToken"
import * as Authenticator from "effect-oauth-resource-server/Authenticator"
import * as Guard from "effect-oauth-resource-server/Guard"
import type { ResourceServer } from "effect-oauth-resource-server/ResourceServer"
import type { TokenVerifier } from "effect-oauth/TokenVerifier"
import { randomBytes } from "node:crypto"
import type { Server } from "node:http"
import { startProvider } from "../../../../scratchpad/support/provider.js"
import { listen } from "../../../../scratchpad/support/serveApi.js"

export type Protection<E, R> = Layer.Layer<ResourceServer | TokenVerifier, E, R>

/** `oidc-provider`; tokens for resources with `opaque` in their path are opaque. */
export const provider = (features: Record<string, object> = {}) =>
  startProvider({
    configuration: {
      features: {
        devInteractions: { enabled: true },
        clientCredentials: { enabled: true },
        revocation: { enabled: true },
        introspection: { enabled: true, allowedPolicy: () => true },
        dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
        resourceIndicators: {
          enabled: true,
          useGrantedResource: () => true,
          getResourceServerInfo: (_, resource) => ({
            scope: "notes:read notes:write",
            audience: resource,
            accessTokenFormat: resource.includes("opaque") ? ("opaque" as const) : ("jwt" as const),
            accessTokenTTL: 600,
            jwt: { sign: { alg: "ES256" } }
          })
        },
        ...features
      }
    }
  })

/** The batch client of the provider, as an `OAuthClient`. */
export const client = (
  { issuer, secretClient }: Effect.Effect.Success<ReturnType<typeof provider>>,
  options: Partial<OAuthClient.OAuthClient.Options> = {}
) =>
  OAuthClient.layer({
    issuer,
    clientId: secretClient.clientId,
    authentication: ClientAuthentication.clientSecret(secretClient.secret),
    ...options
  })

const whoCalls = Effect.flatMap(AccessToken, ({ clientId, confirmation, issuer, scope }) =>
  HttpServerResponse.json({
    issuer,
    clientId: Option.getOrNull(clientId),
    scope,
    bound: Option.getOrNull(Option.map(confirmation, ({ _tag }) => _tag))
  })
)

/** Serves `path`, which is the resource, to who has a token of the scope. */
export const serve = <E, R>(
  path: `/${string}`,
  protection: (resource: string) => Protection<E, R>,
  secure?: () => Server
) =>
  Effect.gen(function* () {
    const { origin, serve } = yield* listen(secure)
    const resource = `${origin}${path}`
    const context = yield* Layer.build(Layer.orDie(Layer.provide(Authenticator.layer, protection(resource))))
    /** The status of each answer, with the error of its challenge. */
    const answered: Array<string> = []
    const app = HttpRouter.empty.pipe(
      HttpRouter.get(path, whoCalls),
      HttpRouter.use(Guard.protect({ scope: ["notes:read"] }))
    )
    const told = Effect.tap(app, (response) =>
      Effect.map(HttpServerRequest.HttpServerRequest, () => {
        const error = /error="([^"]*)"/.exec(response.headers["www-authenticate"] ?? "")?.[1]
        answered.push(error === undefined ? `${response.status}` : `${response.status} ${error}`)
      })
    )
    yield* serve(Logger.withMinimumLogLevel(Effect.provide(told, context), LogLevel.None))
    return { resource, answered }
  })
