/**
 * The pages that a browser is shown by the loopback listener: static, without script, everything escaped.
 */
import * as crypto from "node:crypto"

export interface Page {
  readonly status: number
  readonly title: string
  readonly text: string
  readonly headers?: Readonly<Record<string, string>>
}

const style =
  ":root{color-scheme:light dark}" +
  "body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto 0;padding:0 1.5rem}" +
  "h1{font-size:1.5rem;line-height:1.25}"

const styleHash = crypto.createHash("sha256").update(style, "utf8").digest("base64")

const entities: ReadonlyMap<string, string> = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ['"', "&quot;"],
  ["'", "&#39;"]
])

/** Control characters, and those that reorder or hide text, become spaces; markup becomes text. */
const escape = (text: string): string =>
  text
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, " ")
    .replace(/[&<>"']/g, (character) => entities.get(character) ?? "")

export const render = (page: Page): string =>
  "<!doctype html>\n" +
  `<html lang="en"><head><meta charset="utf-8"><title>${escape(page.title)}</title>` +
  `<meta name="viewport" content="width=device-width"><style>${style}</style></head>` +
  `<body><h1>${escape(page.title)}</h1><p>${escape(page.text)}</p></body></html>\n`

export const headers = (page: Page, body: string): Record<string, string> => ({
  ...page.headers,
  "content-type": "text/html; charset=utf-8",
  "content-length": String(Buffer.byteLength(body)),
  "content-security-policy":
    `default-src 'none'; style-src 'sha256-${styleHash}'; ` +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  connection: "close"
})

export const succeeded = (text: string): Page => ({ status: 200, title: "You are logged in", text })

export const failed = (text: string): Page => ({ status: 400, title: "The login did not succeed", text })

export const misdirected: Page = {
  status: 421,
  title: "Not served here",
  text: "This address was reached under a name that is not its own."
}

export const malformed: Page = {
  status: 400,
  title: "Not a login answer",
  text: "The request could not be read as the answer to a login, and was ignored."
}

export const notFound: Page = { status: 404, title: "Not found", text: "There is nothing at this address." }

export const methodNotAllowed = (allow: string): Page => ({
  status: 405,
  title: "Method not allowed",
  text: "A login is not answered in this way.",
  headers: { allow }
})

export const notAForm: Page = {
  status: 415,
  title: "Not a login answer",
  text: "A posted answer must be a form (application/x-www-form-urlencoded)."
}

export const tooLarge: Page = {
  status: 413,
  title: "Too large",
  text: "This is more than a login answer can be."
}

export const prefetched: Page = {
  status: 503,
  title: "Not loaded ahead of time",
  text: "Open the address to continue."
}

export const otherLogin: Page = {
  status: 400,
  title: "Not the login that is waited for",
  text: "This answer belongs to another login and was ignored. Continue in the window of the latest one."
}

export const alreadyUsed: Page = {
  status: 409,
  title: "Already used",
  text: "This login has been answered before. Return to the program that started it."
}

export const busy: Page = { status: 503, title: "Busy", text: "Try again in a moment." }

export const over: Page = {
  status: 410,
  title: "The login is over",
  text: "The program is not waiting for this login any more. Start again there."
}
