/** Getting a token: client credentials, against oauth4webapi at one server. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as NodeCryptoEngine from "effect-oauth-node/NodeCryptoEngine"
import * as NodeHttp from "effect-oauth-node/NodeHttp"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import * as oauth from "oauth4webapi"
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Group, Task } from "./harness.js"
import type { Keys } from "./tokens.js"
import { makeKeys } from "./tokens.js"

const inFlight = 50
const clientId = "orders-service"
const secret = "7Fjfp0ZBr1KtDRbnfVdmIw8kz0qYhQ3N"
const scope = ["orders:read", "orders:write"]

type Ask = () => Promise<unknown>

/** The groups, and what ends their server and their connections. */
export interface Requests {
  readonly groups: ReadonlyArray<Group>
  readonly end: () => Promise<void>
}

const startServer = () =>
  new Promise<{ readonly issuer: string; readonly stop: () => void }>((resolve, reject) => {
    const server = fork(fileURLToPath(new URL("tokenServer.mjs", import.meta.url)), { execArgv: [] })
    server.once("error", reject)
    server.once("message", (port) =>
      resolve({ issuer: `http://127.0.0.1:${Number(port)}`, stop: () => server.disconnect() })
    )
  })

type Method = "client_secret_basic" | "private_key_jwt"

const peer = async (issuer: string, method: Method, keys: Keys): Promise<Ask> => {
  const server: oauth.AuthorizationServer = { issuer, token_endpoint: `${issuer}/token` }
  const client: oauth.Client = { client_id: clientId }
  const key = await crypto.subtle.importKey(
    "jwk",
    keys.sign.export({ format: "jwk" }),
    { name: "ECDSA", namedCurve: "P-256" },
    false,
    ["sign"]
  )
  const authentication =
    method === "client_secret_basic"
      ? oauth.ClientSecretBasic(secret)
      : oauth.PrivateKeyJwt({ key, kid: keys.kid })
  const parameters = { scope: scope.join(" ") }
  return async () => {
    const response = await oauth.clientCredentialsGrantRequest(server, client, authentication, parameters, {
      [oauth.allowInsecureRequests]: true
    })
    return oauth.processClientCredentialsResponse(server, client, response)
  }
}

const authentications = {
  client_secret_basic: ClientAuthentication.clientSecretBasic(Redacted.make(secret)),
  private_key_jwt: ClientAuthentication.privateKeyJwt()
}

/** This toolkit over one of the HTTP clients. */
const ours = (
  issuer: string,
  method: Method,
  keys: Keys,
  http: Layer.Layer<HttpClient.HttpClient>,
  engine: Layer.Layer<never>
) =>
  ManagedRuntime.make(
    ClientCredentials.layer.pipe(
      Layer.provide(
        OAuthClient.layer({
          issuer,
          clientId,
          authentication: authentications[method],
          metadata: { issuer, token_endpoint: `${issuer}/token` }
        })
      ),
      Layer.provide(Keyring.layerJwk({ jwk: keys.privateJwk })),
      Layer.provide(Layer.merge(http, engine)),
      Layer.orDie
    )
  )

type Runtime = ReturnType<typeof ours>

/** Fibers, each asking again when it has been answered. */
const fibers = (name: string, runtime: Runtime, atOnce: number): Task => ({
  name,
  run: (count) =>
    runtime.runPromise(
      Effect.flatMap(ClientCredentials.ClientCredentials, (credentials) => {
        let begun = 0
        const worker = Effect.whileLoop({
          while: () => begun < count,
          body: () => {
            begun++
            return credentials.request({ scope })
          },
          step: () => undefined
        })
        return atOnce === 1
          ? worker
          : Effect.forEach(Array.from({ length: atOnce }), () => worker, {
              concurrency: "unbounded",
              discard: true
            })
      })
    )
})

const promises = (name: string, ask: Ask, atOnce: number): Task => ({
  name,
  run: async (count) => {
    let begun = 0
    const worker = async () => {
      while (begun < count) {
        begun++
        await ask()
      }
    }
    await Promise.all(Array.from({ length: atOnce }, worker))
  }
})

const undici = "effect-oauth, undici"
const fetch = "effect-oauth, fetch"

/** Client credentials by a secret and by a signed assertion (ES256), one at a time and many in flight. */
export const make = async (): Promise<Requests> => {
  const keys = makeKeys("ES256")
  const { issuer, stop } = await startServer()
  const runtimes: Array<Runtime> = []
  const groups: Array<Group> = []
  for (const method of ["client_secret_basic", "private_key_jwt"] as const) {
    const ask = await peer(issuer, method, keys)
    const overUndici = ours(issuer, method, keys, NodeHttp.layer, NodeCryptoEngine.layer)
    const overFetch = ours(issuer, method, keys, FetchHttpClient.layer, Layer.empty)
    runtimes.push(overUndici, overFetch)
    for (const atOnce of [1, inFlight]) {
      groups.push({
        name: `Token request, ${method}, ${atOnce === 1 ? "one at a time" : `${atOnce} in flight`}`,
        clock: "wall",
        tasks: [
          promises("oauth4webapi", ask, atOnce),
          fibers(undici, overUndici, atOnce),
          fibers(fetch, overFetch, atOnce)
        ],
        goals: {
          [undici]: [{ of: "ratio", most: atOnce === 1 ? 0.8 : 0.7 }],
          [fetch]: [{ of: "ratio", most: 1.4 }]
        }
      })
    }
  }
  return {
    groups,
    end: async () => {
      await Promise.all(runtimes.map((runtime) => runtime.dispose()))
      stop()
    }
  }
}
