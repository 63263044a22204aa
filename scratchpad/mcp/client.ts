/**
 * An MCP client: `node client.js <url of an MCP server> [tool]` calls a tool there, whatever the server asks for before.
 * It passes the authorization scenarios of @modelcontextprotocol/conformance.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientSelection from "effect-oauth/ClientSelection"
import * as Discovery from "effect-oauth/Discovery"
import * as Keyring from "effect-oauth/Keyring"
import * as RegistrationStore from "effect-oauth/RegistrationStore"
import * as TokenStore from "effect-oauth/TokenStore"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Authorized from "./authorized.js"
import * as Credentials from "./credentials.js"
import * as Machine from "./machine.js"
import type { Needs } from "./needs.js"
import * as Person from "./person.js"
import * as Rpc from "./rpc.js"

/** Who is to have a session, by what the client was given. */
const begin = (needs: Needs) =>
  Effect.gen(function* () {
    const given = yield* Credentials.config
    if (Option.isNone(given)) return yield* Person.session(needs)
    const { client_id: clientId, ...how } = given.value
    if ("private_key_pem" in how) {
      const keys = Keyring.layerPem({ pem: how.private_key_pem, alg: how.signing_algorithm })
      return yield* Machine.itself(needs, clientId, ClientAuthentication.privateKeyJwt()).pipe(
        Effect.provide(yield* Layer.build(keys))
      )
    }
    if ("idp_id_token" in how) {
      return yield* Machine.employee(needs, {
        clientId,
        clientSecret: how.client_secret,
        login: { issuer: how.idp_issuer, clientId: how.idp_client_id, idToken: how.idp_id_token }
      })
    }
    const authentication = ClientAuthentication.clientSecret(how.client_secret)
    return how.name.startsWith("auth/client-credentials")
      ? yield* Machine.itself(needs, clientId, authentication)
      : yield* Person.session(needs, { clientId, authentication })
  })

const main = Effect.gen(function* () {
  const [url = "", tool = "test-tool"] = process.argv.slice(2)
  const server = yield* Rpc.initialize(url, yield* Authorized.make(url, begin))
  yield* Console.log(`server     ${server.name}`)
  yield* Console.log(`tools      ${(yield* server.tools).join(", ")}`)
  yield* Console.log(`${tool.padEnd(10)} ${yield* server.call(tool)}`)
})

const ServicesLive = Layer.mergeAll(
  Discovery.layer,
  ClientSelection.layerDefault.pipe(Layer.provide(RegistrationStore.layerMemory)),
  TokenStore.layerMemory
).pipe(Layer.provideMerge(NodeHttpClient.layerUndici))

main.pipe(
  Effect.tapError((error) => Console.error(`${error._tag}: ${error.message}`)),
  Effect.scoped,
  Effect.provide(ServicesLive),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
