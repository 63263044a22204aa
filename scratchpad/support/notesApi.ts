/**
 * A small protected API on a free loopback port: answers 401 with a challenge
 * (RFC 9728 section 5.1), publishes its metadata, and lets a token in when it
 * verifies by RFC 9068 for this resource and has the scope.
 */
import * as Headers from "@effect/platform/Headers"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as BearerCredential from "effect-oauth/BearerCredential"
import * as Challenge from "effect-oauth/Challenge"
import * as Keyring from "effect-oauth/Keyring"
import * as Jwt from "effect-oauth/Jwt"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as JwtVerifier from "effect-oauth/JwtVerifier"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { createServer } from "node:http"

export interface NotesApi {
  /** The protected resource, which is the audience of its tokens. */
  readonly resource: string
}

export const startNotesApi = (options: {
  readonly issuer: string
  readonly scope: string
}): Effect.Effect<NotesApi, never, Scope.Scope | HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const server = yield* Effect.orDie(NodeHttpServer.make(createServer, { port: 0, host: "127.0.0.1" }))
    const origin = server.address._tag === "TcpAddress" ? `http://127.0.0.1:${server.address.port}` : ""
    const resource = `${origin}/notes`
    const verifier = yield* JwtVerifier.fromKeyring(yield* Keyring.remote({ issuers: [options.issuer] }))
    const profile = JwtProfile.accessToken({ issuer: options.issuer, audience: resource })

    const refuse = (status: number, parameters: Record<string, string>) =>
      HttpServerResponse.empty({
        status,
        headers: Headers.fromInput({
          "www-authenticate": Challenge.format([
            Challenge.make("Bearer", {
              ...parameters,
              scope: options.scope,
              resource_metadata: `${origin}/.well-known/oauth-protected-resource/notes`
            })
          ])
        })
      })

    const app = HttpRouter.empty.pipe(
      HttpRouter.get(
        "/.well-known/oauth-protected-resource/notes",
        HttpServerResponse.json({
          resource,
          authorization_servers: [options.issuer],
          scopes_supported: [options.scope],
          bearer_methods_supported: ["header"]
        })
      ),
      HttpRouter.get(
        "/notes",
        Effect.gen(function* () {
          const request = yield* HttpServerRequest.HttpServerRequest
          const credential = BearerCredential.fromHeaders(request.headers)
          if (credential._tag === "None") return refuse(401, {})
          if (credential._tag !== "Token") return refuse(400, { error: "invalid_request" })
          const verified = yield* Effect.either(verifier.verify(credential.token, profile))
          if (verified._tag === "Left") {
            // An outage of the key server says nothing about the token.
            return verified.left._tag === "KeyringError"
              ? HttpServerResponse.empty({ status: 503 })
              : refuse(401, { error: "invalid_token" })
          }
          const { claims } = verified.right
          if (!Jwt.scopes(claims).includes(options.scope)) return refuse(403, { error: "insufficient_scope" })
          return yield* HttpServerResponse.json({
            notes: ["buy milk"],
            reader: claims.sub,
            actor: Option.getOrNull(Option.fromNullable(claims["act"]))
          })
        })
      )
    )
    yield* server.serve(Effect.catchAll(app, () => HttpServerResponse.empty({ status: 404 })))
    return { resource }
  })
