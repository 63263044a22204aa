/** The header Forwarded (RFC 7239 section 4). */

/** One proxy's word: its parameters, names in lower case, each of them once. */
type Element = ReadonlyMap<string, string>

/** A pair, where it begins, and what ends it. A value is a token or a quoted string (RFC 9110 section 5.6). */
const pair =
  /[ \t]*([!#$%&'*+.^_`|~0-9a-z-]+)=(?:([!#$%&'*+.^_`|~0-9a-z-]+)|"((?:[\t \x21\x23-\x5B\x5D-\x7E]|\\[\t \x21-\x7E])*)")[ \t]*([;,]|$)/iy

/** The elements, the nearest proxy last; undefined for what is malformed. */
export const parse = (header: string): ReadonlyArray<Element> | undefined => {
  const elements: Array<Element> = []
  let element = new Map<string, string>()
  const matcher = new RegExp(pair)
  for (let at = 0; at < header.length; at = matcher.lastIndex) {
    matcher.lastIndex = at
    const found = matcher.exec(header)
    if (found === null) return undefined
    const [, name = "", token, quoted = "", end] = found
    if (element.has(name.toLowerCase())) return undefined
    element.set(name.toLowerCase(), token ?? quoted.replace(/\\(.)/g, "$1"))
    if (end !== "" && matcher.lastIndex === header.length) return undefined
    if (end !== ";") {
      elements.push(element)
      element = new Map()
    }
  }
  return elements
}
