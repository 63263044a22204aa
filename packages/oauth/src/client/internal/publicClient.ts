import * as Effect from "effect/Effect"
import type { ClientAuthentication } from "../ClientAuthentication.js"

/** By itself, so that a login in a browser does not load the other methods and the keys that some need. */
export const publicClient: ClientAuthentication = {
  authenticate: ({ clientId }) => Effect.succeed({ parameters: [["client_id", clientId]] })
}
