/**
 * The real server of the other programs, where clients register themselves
 * (RFC 7591, RFC 7592), or are the URL of a document that they publish.
 */
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import type { ProviderFailed, RunningProvider } from "./provider.js"
import { resourceIndicators, startProvider } from "./provider.js"

export interface Registrar extends RunningProvider {
  /** Puts a document on the web of this server: what it fetches instead of going there. */
  readonly publish: (url: string, document: object) => Effect.Effect<void>
}

export const startRegistrar = (
  options: { readonly initialAccessToken?: string } = {}
): Effect.Effect<Registrar, ProviderFailed, Scope> =>
  Effect.gen(function* () {
    const web = new Map<string, object>()
    const running = yield* startProvider({
      configuration: {
        features: {
          devInteractions: { enabled: true },
          clientCredentials: { enabled: true },
          registration: { enabled: true, initialAccessToken: options.initialAccessToken ?? false },
          registrationManagement: { enabled: true, rotateRegistrationAccessToken: true },
          clientIdMetadataDocument: { enabled: true, ack: "draft-02" },
          resourceIndicators
        },
        fetch: (url) => {
          const document = web.get(String(url))
          return Promise.resolve(
            document === undefined ? new Response(null, { status: 404 }) : Response.json(document)
          )
        }
      }
    })
    return { ...running, publish: (url, document) => Effect.sync(() => void web.set(url, document)) }
  })
