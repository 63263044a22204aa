import * as Option from "effect/Option"
import * as Endpoint from "../../protocol/Endpoint.js"

/**
 * An address that a server wants a person to go to, as it may be shown and
 * opened; none for one that may not.
 *
 * A terminal shows it, a browser is given it, and a person compares it with what
 * they know: so https only (http on this machine), no user information, nothing
 * invisible, the host in ASCII (an imitation in other letters shows as
 * `xn--...`), and everything else escaped that a URL parser escapes.
 */
export const verificationUri = (text: string, rules: Endpoint.Options): Option.Option<string> => {
  if (text.length > 2048 || /[\s\p{C}\\]/u.test(text) || !/^https?:\/\/[^/]/i.test(text)) return Option.none()
  if (!URL.canParse(text)) return Option.none()
  // What a URL parser leaves as it is though no URL has it: | ` ^ { }
  const url = new URL(
    new URL(text).href.replace(/[^!$&'()*+,\-./0-9:;=?@A-Z[\]_a-z~%#]/g, encodeURIComponent)
  )
  // A fragment is the page's own affair, and no endpoint has one.
  const address = url.href.slice(0, url.href.length - url.hash.length)
  return Option.isNone(Endpoint.problem(address, rules)) ? Option.some(url.href) : Option.none()
}
