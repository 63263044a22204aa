/**
 * Keeps @modelcontextprotocol/conformance on this machine: its servers would listen on every interface, and it would look
 * up the host of a client's metadata document. Loaded before it.
 */
import dns from "node:dns"
import { register } from "node:module"
import net from "node:net"

register("./hooks.mjs", import.meta.url)

const { listen } = net.Server.prototype
net.Server.prototype.listen = function (port, ...rest) {
  return listen.call(this, port, "127.0.0.1", ...rest)
}

/** The suite asks for its port at once, so the address to listen at is known at once. */
dns.lookup = (host, ...rest) => {
  const answer = rest.pop()
  const [options = {}] = rest
  if (host === "127.0.0.1") return answer(null, host, 4)
  if (host !== "localhost") {
    const error = Object.assign(new Error(`${host} is not this machine`), { code: "ENOTFOUND" })
    return process.nextTick(answer, error)
  }
  const all = [{ address: "127.0.0.1", family: 4 }]
  return options.all ? process.nextTick(answer, null, all) : process.nextTick(answer, null, "127.0.0.1", 4)
}
