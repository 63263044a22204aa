/**
 * The contract of the wire, over whatever `HttpClient` a program provides: a
 * misbehaving server is reached through each of them.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { describe } from "@effect/vitest"
import * as Layer from "effect/Layer"
import { bodyContract } from "./support/bodyContract.js"
import { deadlineContract } from "./support/deadlineContract.js"
import * as MemoryOrigin from "./support/memoryOrigin.js"
import { redirectContract } from "./support/redirectContract.js"
import { retryContract } from "./support/retryContract.js"
import { secrecyContract } from "./support/secrecyContract.js"
import * as SocketOrigin from "./support/socketOrigin.js"
import type { Subject } from "./support/wire.js"

const wireContract = (name: string, layer: Subject): void => {
  deadlineContract(name, layer)
  bodyContract(name, layer)
  redirectContract(name, layer)
  retryContract(name, layer)
  secrecyContract(name, layer)
}

describe.concurrent("Wire", () => {
  wireContract("memory", MemoryOrigin.layer)
  wireContract("fetch", Layer.merge(SocketOrigin.layer, FetchHttpClient.layer))
  wireContract("undici", Layer.merge(SocketOrigin.layer, NodeHttpClient.layerUndici))
  wireContract("node:http", Layer.merge(SocketOrigin.layer, NodeHttpClient.layer))
})
