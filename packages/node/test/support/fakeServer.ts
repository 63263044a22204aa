/** An authorization server and a protected resource, as the HttpClient of a test. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

export const issuer = "https://issuer.example"
export const resource = "https://api.example/notes"
export const accessToken = "canary-access-token"
export const refreshToken = "canary-refresh-token"

export interface Options {
  /** What the token endpoint answers. */
  readonly token?: { readonly status: number; readonly body: object }
  readonly metadata?: object
}

export interface FakeServer {
  readonly layer: Layer.Layer<HttpClient.HttpClient>
  /** The forms that the token endpoint received. */
  readonly forms: Array<URLSearchParams>
}

const json = (body: object, status = 200, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } })

const bodyOf = (request: HttpClientRequest.HttpClientRequest): string =>
  request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""

export const make = (options: Options = {}): FakeServer => {
  const forms: Array<URLSearchParams> = []
  const answer = (url: URL, request: HttpClientRequest.HttpClientRequest): Response => {
    switch (url.origin + url.pathname) {
      case `${issuer}/.well-known/oauth-authorization-server`:
        return json({
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          jwks_uri: `${issuer}/jwks`,
          response_types_supported: ["code"],
          code_challenge_methods_supported: ["S256"],
          ...options.metadata
        })
      case `${issuer}/token`: {
        forms.push(new URLSearchParams(bodyOf(request)))
        const { body, status } = options.token ?? {
          status: 200,
          body: {
            access_token: accessToken,
            refresh_token: refreshToken,
            token_type: "Bearer",
            expires_in: 3600
          }
        }
        return json(body, status)
      }
      case resource:
        return json({}, 401, {
          "www-authenticate":
            'Bearer scope="notes:read", resource_metadata="https://api.example/.well-known/oauth-protected-resource/notes"'
        })
      case "https://api.example/.well-known/oauth-protected-resource/notes":
        return json({ resource, authorization_servers: [issuer] })
      default:
        return json({}, 404)
    }
  }
  const client = HttpClient.make((request, url) =>
    Effect.sync(() => HttpClientResponse.fromWeb(request, answer(url, request)))
  )
  return { forms, layer: Layer.succeed(HttpClient.HttpClient, client) }
}
