/** An `oidc-provider` whose token endpoint, when it is in the mood, does anything but answer. */
import type { ServerResponse } from "node:http"
import type { default as Provider } from "oidc-provider"

/** None of these reaches the grant: the refresh token is not spent. */
export const moods = ["429", "503", "502 of HTML", "reset", "half a body", "silence"] as const
export type Mood = (typeof moods)[number]

const page = "<html><body><h1>502 Bad Gateway</h1></body></html>"

const behave = (mood: Mood, response: ServerResponse): void => {
  switch (mood) {
    case "429":
      response.writeHead(429, { "retry-after": "0", "content-type": "application/json" })
      response.end(JSON.stringify({ error: "slow_down" }))
      break
    case "503":
      response.writeHead(503, { "content-type": "text/plain" }).end("busy")
      break
    case "502 of HTML":
      response.writeHead(502, { "content-type": "text/html" }).end(page)
      break
    case "reset":
      response.socket?.resetAndDestroy()
      break
    case "half a body":
      response.writeHead(200, { "content-type": "application/json", "content-length": "1000" })
      response.write('{"access_token":"', () => response.socket?.destroy())
      break
    case "silence":
      break
  }
}

/** From now on asks before each token request; undefined is an answer as ever. */
export const makeMoody = (provider: Provider, next: () => Mood | undefined): void => {
  provider.use(async (ctx, answer) => {
    const mood = ctx.path === "/token" ? next() : undefined
    if (mood === undefined) return answer()
    ctx.respond = false
    behave(mood, ctx.res)
  })
}
