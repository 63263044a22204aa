/** openid-client 6 as a second opinion: what it would send for the same grant. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as openid from "openid-client"

/** A token request as it went, or would have gone, over the wire. */
export interface TokenRequest {
  readonly url: string
  readonly authorization: string | undefined
  readonly contentType: string | undefined
  readonly form: ReadonlyArray<readonly [name: string, value: string]>
}

const inOrder = (form: URLSearchParams): TokenRequest["form"] =>
  [...form].sort(([a, x], [b, y]) => (a === b ? (x < y ? -1 : 1) : a < b ? -1 : 1))

/** What `use` makes openid-client send. Discovery is real; the token request is noted and refused. */
export const wouldSend = (
  issuer: string,
  clientId: string,
  authentication: openid.ClientAuth,
  use: (config: openid.Configuration) => Promise<unknown>
): Effect.Effect<TokenRequest> =>
  Effect.promise(async () => {
    const config = await openid.discovery(new URL(issuer), clientId, undefined, authentication, {
      algorithm: "oauth2",
      execute: [openid.allowInsecureRequests]
    })
    const sent: Array<TokenRequest> = []
    config[openid.customFetch] = (url, { body, headers }) => {
      const fields = new Headers(headers)
      sent.push({
        url,
        authorization: fields.get("authorization") ?? undefined,
        contentType: fields.get("content-type")?.replace(/;.*/, ""),
        form: inOrder(new URLSearchParams(String(body)))
      })
      return Promise.resolve(Response.json({ error: "invalid_grant" }, { status: 400 }))
    }
    await use(config).catch(() => undefined)
    const [request] = sent
    if (request === undefined) throw new Error("openid-client sent no token request")
    return request
  })

/** Notes what the toolkit sends to a token endpoint. */
export class Recorder extends Context.Tag("effect-oauth-scratchpad/Recorder")<
  Recorder,
  { readonly last: Effect.Effect<TokenRequest | undefined> }
>() {}

/** The client of Node, with a look at what passes. */
export const RecorderLive: Layer.Layer<Recorder | HttpClient.HttpClient> = Layer.effectContext(
  Effect.gen(function* () {
    const last = yield* Ref.make<TokenRequest | undefined>(undefined)
    const client = HttpClient.tapRequest(yield* HttpClient.HttpClient, (request) => {
      if (request.method !== "POST" || request.body._tag !== "Uint8Array") return Effect.void
      return Ref.set(last, {
        url: request.url,
        authorization: request.headers["authorization"],
        contentType: request.body.contentType.replace(/;.*/, ""),
        form: inOrder(new URLSearchParams(new TextDecoder().decode(request.body.body)))
      })
    })
    return Context.make(Recorder, { last: Ref.get(last) }).pipe(Context.add(HttpClient.HttpClient, client))
  })
).pipe(Layer.provide(NodeHttpClient.layerUndici))
