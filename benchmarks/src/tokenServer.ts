/** A token endpoint that says the same to everybody: a process of its own, so that the client is what is measured. */
import { createServer } from "node:http"

const answer = Buffer.from(
  JSON.stringify({
    access_token: "2YotnFZFEjr1zCsicMWpAA".repeat(40),
    token_type: "Bearer",
    expires_in: 3600,
    scope: "orders:read orders:write"
  })
)

const server = createServer((request, response) => {
  request.resume()
  request.on("end", () => {
    response.writeHead(200, {
      "content-type": "application/json",
      "cache-control": "no-store",
      "content-length": answer.byteLength
    })
    response.end(answer)
  })
})

server.keepAliveTimeout = 60_000
server.on("connection", (socket) => socket.setNoDelay(true))
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  if (address !== null && typeof address === "object") process.send?.(address.port)
})

// Ends with whoever asked for it.
process.on("disconnect", () => process.exit(0))
