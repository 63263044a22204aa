/**
 * A person and a browser in a few lines: follows redirects with a cookie jar,
 * fills in the login form, agrees to the consent form, and ends with the visit
 * to the redirect URI.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

export class UserAgentFailed extends Data.TaggedError("UserAgentFailed")<{ readonly message: string }> {}

export interface Visit {
  /** The callback URL that the browser was sent to. */
  readonly callback: string
}

/** Walks an authorization URL as `login`, and stops short of the redirect URI. */
export const walk = (url: string, login: string): Effect.Effect<Visit, UserAgentFailed> =>
  Effect.tryPromise({
    try: (signal) => visit(url, login, signal),
    catch: (cause) =>
      new UserAgentFailed({ message: cause instanceof Error ? cause.message : "the walk failed" })
  })

/** Walks an authorization URL and visits the redirect URI, as a browser does. Gives the page it ends on. */
export const browse = (url: string, login: string): Effect.Effect<string, UserAgentFailed> =>
  Effect.flatMap(walk(url, login), ({ callback }) =>
    Effect.tryPromise({
      try: async (signal) => (await fetch(callback, { signal })).text(),
      catch: () => new UserAgentFailed({ message: "the redirect URI did not answer" })
    })
  )

const visit = async (start: string, login: string, signal: AbortSignal): Promise<Visit> => {
  const jar = new Map<string, string>()
  const origin = new URL(start).origin
  let next: { url: string; form?: URLSearchParams } = { url: start }
  for (let step = 0; step < 20; step++) {
    const response: Response = await fetch(next.url, {
      method: next.form === undefined ? "GET" : "POST",
      body: next.form ?? null,
      headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join("; ") },
      redirect: "manual",
      signal
    })
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      if (name !== undefined && value !== undefined) jar.set(name, value)
    }
    const location = response.headers.get("location")
    if (location !== null) {
      const target = new URL(location, next.url)
      if (target.origin !== origin) return { callback: target.href }
      next = { url: target.href }
      continue
    }
    next = fillIn(await response.text(), next.url, login)
  }
  throw new Error("the login did not come to its end")
}

/** The one form of a page of the development interactions, filled in. */
const fillIn = (page: string, url: string, login: string): { url: string; form: URLSearchParams } => {
  const action = /<form[^>]*action="([^"]+)"/.exec(page)?.[1]
  if (action === undefined)
    throw new Error(`no form at ${new URL(url).pathname}: ${/<h1>[^<]*/.exec(page)?.[0] ?? ""}`)
  const form = new URLSearchParams()
  for (const [input] of page.matchAll(/<input[^>]*>/g)) {
    const name = /name="([^"]+)"/.exec(input)?.[1]
    if (name !== undefined) form.set(name, /value="([^"]*)"/.exec(input)?.[1] ?? "")
  }
  if (form.get("prompt") === "login") {
    form.set("login", login)
    form.set("password", "correct horse battery staple")
  }
  return { url: new URL(action, url).href, form }
}
