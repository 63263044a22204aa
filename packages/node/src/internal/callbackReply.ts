/**
 * One HTTP answer, sent at most once.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ServerResponse } from "node:http"
import * as Page from "./callbackPage.js"

/** How long a browser may take to read a page of one kilobyte. */
const patience = Duration.seconds(1)

/**
 * Sends the page, unless another was sent before, and waits until it is out. A client that is gone is not waited
 * for: who answers does not learn about it, since nothing of a login depends on its last page.
 */
export const send = (response: ServerResponse, page: Page.Page): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    const done = () => resume(Effect.void)
    if (response.writableFinished || response.destroyed || response.socket?.destroyed === true) return done()
    response.once("finish", done)
    response.once("close", done)
    response.once("error", done)
    if (!response.headersSent) {
      const body = Page.render(page)
      response.writeHead(page.status, Page.headers(page, body))
      response.end(body)
    }
    return Effect.sync(() => {
      response.off("finish", done)
      response.off("close", done)
    })
  }).pipe(Effect.interruptible, Effect.timeoutOption(patience), Effect.asVoid)
