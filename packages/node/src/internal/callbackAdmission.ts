/**
 * Which requests can be the answer to a login at all.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { IncomingMessage } from "node:http"
import * as Page from "./callbackPage.js"
import type { CallbackParameters } from "./callbackParameters.js"
import * as Parameters from "./callbackParameters.js"

/** Of a posted form, in bytes. */
const maxBody = 64 * 1024

export interface Rules {
  /** What the Host header must be, byte for byte. */
  readonly host: string
  readonly path: string
  readonly formPost: boolean
}

export type Verdict =
  | { readonly _tag: "Answer"; readonly parameters: CallbackParameters }
  | { readonly _tag: "Refused"; readonly page: Page.Page; readonly why: string }

const refused = (page: Page.Page, why: string): Verdict => ({ _tag: "Refused", page, why })

const answer = (text: string): Verdict =>
  Option.match(Parameters.parse(text), {
    onNone: () => refused(Page.malformed, "malformed parameters"),
    onSome: (parameters) => ({ _tag: "Answer", parameters })
  })

/** RFC 9110 section 7.2: a request has one Host. Node keeps the first of several and hides the others. */
const hosts = (request: IncomingMessage): ReadonlyArray<string> =>
  request.rawHeaders.flatMap((name, i, all) =>
    i % 2 === 0 && name.toLowerCase() === "host" ? [all[i + 1] ?? ""] : []
  )

/** A browser that loads ahead of the person; the answer must not be spent on a page that nobody sees. */
const isAhead = (request: IncomingMessage): boolean =>
  ["sec-purpose", "purpose", "x-purpose", "x-moz"].some((name) =>
    /\b(prefetch|prerender|preview)\b/i.test(String(request.headers[name] ?? ""))
  )

const isForm = (request: IncomingMessage): boolean =>
  /^application\/x-www-form-urlencoded[ \t]*(;|$)/i.test(request.headers["content-type"] ?? "")

const read = (request: IncomingMessage): Effect.Effect<Verdict> =>
  Effect.async<Verdict>((resume) => {
    const chunks: Array<Uint8Array> = []
    let size = 0
    const onData = (chunk: Uint8Array) => {
      size += chunk.byteLength
      if (size > maxBody) resume(Effect.succeed(refused(Page.tooLarge, "body too large")))
      else chunks.push(chunk)
    }
    const onEnd = () => {
      try {
        resume(
          Effect.succeed(answer(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks))))
        )
      } catch {
        resume(Effect.succeed(refused(Page.malformed, "body is not UTF-8")))
      }
    }
    const onBroken = () => resume(Effect.succeed(refused(Page.malformed, "body broke off")))
    request.on("data", onData)
    request.on("end", onEnd)
    request.on("error", onBroken)
    request.on("close", onBroken)
    return Effect.sync(() => request.off("data", onData).off("end", onEnd))
  })

/** Judges Host, path, method and purpose, in this order, and reads the parameters of what remains. */
export const admit = (rules: Rules, request: IncomingMessage): Effect.Effect<Verdict> => {
  const no = (page: Page.Page, why: string) => Effect.succeed(refused(page, why))
  const [host, ...otherHosts] = hosts(request)
  if (host !== rules.host || otherHosts.length > 0) return no(Page.misdirected, "foreign Host header")
  const target = request.url ?? ""
  const mark = target.indexOf("?")
  if ((mark < 0 ? target : target.slice(0, mark)) !== rules.path) return no(Page.notFound, "another path")
  const isPost = request.method === "POST" && rules.formPost
  if (request.method !== "GET" && !isPost) {
    return no(Page.methodNotAllowed(rules.formPost ? "GET, POST" : "GET"), "method not allowed")
  }
  if (isAhead(request)) return no(Page.prefetched, "loaded ahead of time")
  if (!isPost) return Effect.succeed(answer(mark < 0 ? "" : target.slice(mark + 1)))
  if (mark >= 0) return no(Page.malformed, "posted with a query")
  if (!isForm(request)) return no(Page.notAForm, "posted, but not a form")
  if (Number(request.headers["content-length"] ?? 0) > maxBody) return no(Page.tooLarge, "body too large")
  return read(request)
}
