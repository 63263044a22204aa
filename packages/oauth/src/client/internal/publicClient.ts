import * as Effect from "effect/Effect"

/** By itself, so that a login in a browser does not load the other methods and the keys that some need. */
export const publicClient = {
  authenticate: ({ clientId }: { readonly clientId: string }) =>
    Effect.succeed({ parameters: [["client_id", clientId] as const] })
}
