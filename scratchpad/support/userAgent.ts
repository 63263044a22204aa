/**
 * A person and a browser in a few lines: follows redirects with a cookie jar,
 * fills in the login form, agrees to the consent form, and ends with the visit
 * to the redirect URI.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

export class UserAgentFailed extends Data.TaggedError("UserAgentFailed")<{ readonly message: string }> {}

export interface Visit {
  /** The callback URL that the browser was sent to, or the form that it was told to post there. */
  readonly callback: string
}

/** The cookies of a browser, by name: one that is kept is a person who stays logged in. */
export type Cookies = Map<string, string>

/** Walks an authorization URL as `login`, and stops short of the redirect URI. */
export const walk = (
  url: string,
  login: string,
  cookies: Cookies = new Map()
): Effect.Effect<Visit, UserAgentFailed> =>
  Effect.flatMap(visit(url, login, cookies), (end) =>
    "callback" in end
      ? Effect.succeed(end)
      : new UserAgentFailed({ message: `no form: ${headingOf(end.page)}` })
  )

/** Opens a page that leads nowhere else, as that of a device does, and does what it asks. Gives the heading at its end. */
export const decide = (url: string, login: string): Effect.Effect<string, UserAgentFailed> =>
  Effect.flatMap(visit(url, login), (end) =>
    "page" in end
      ? Effect.succeed(headingOf(end.page))
      : new UserAgentFailed({ message: "the page led to a redirect URI" })
  )

/** Walks an authorization URL and visits the redirect URI, as a browser does. Gives the page it ends on. */
export const browse = (url: string, login: string): Effect.Effect<string, UserAgentFailed> =>
  Effect.flatMap(walk(url, login), ({ callback }) =>
    Effect.tryPromise({
      try: async (signal) => (await fetch(callback, { signal })).text(),
      catch: () => new UserAgentFailed({ message: "the redirect URI did not answer" })
    })
  )

/** Where a visit ends: on its way back to the client, or on a page without a form. */
type End = Visit | { readonly page: string }

const visit = (
  start: string,
  login: string,
  cookies: Cookies = new Map()
): Effect.Effect<End, UserAgentFailed> =>
  Effect.tryPromise({
    try: (signal) => follow(start, login, cookies, signal),
    catch: (cause) =>
      new UserAgentFailed({ message: cause instanceof Error ? cause.message : "the walk failed" })
  })

const headingOf = (page: string): string => /<h1>([^<]*)/.exec(page)?.[1] ?? ""

const follow = async (start: string, login: string, jar: Cookies, signal: AbortSignal): Promise<End> => {
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
    const page = await response.text()
    const form = fillIn(page, next.url, login)
    if (form === undefined) return { page }
    if (new URL(form.url).origin !== origin) return { callback: form.form.toString() }
    next = form
  }
  throw new Error("the login did not come to its end")
}

/** The one form of a page of the development interactions, filled in. */
const fillIn = (
  page: string,
  url: string,
  login: string
): { readonly url: string; readonly form: URLSearchParams } | undefined => {
  const action = /<form[^>]*action="([^"]+)"/.exec(page)?.[1]
  if (action === undefined) return undefined
  const form = new URLSearchParams()
  for (const [input] of page.matchAll(/<input[^>]*>|<button[^>]*autofocus[^>]*>/g)) {
    const name = /name="([^"]+)"/.exec(input)?.[1]
    if (name !== undefined) form.set(name, /value="([^"]*)"/.exec(input)?.[1] ?? "")
  }
  if (form.get("prompt") === "login") {
    form.set("login", login)
    form.set("password", "correct horse battery staple")
  }
  return { url: new URL(action, url).href, form }
}
