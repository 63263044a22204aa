import * as Option from "effect/Option"

/** A challenge as it was read. */
interface Scanned {
  readonly scheme: string
  readonly token68: Option.Option<string>
  readonly parameters: ReadonlyMap<string, string>
}

/** A challenge while its parameters are being read. */
interface Draft {
  readonly scheme: string
  readonly parameters: Map<string, string>
  token68: Option.Option<string>
  broken: boolean
}

/** The pieces of the grammar, each matched where the last one ended. Made for each header: they hold a position. */
const pieces = () => ({
  token: /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y,
  token68: /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y,
  quoted: /"((?:[\t \x21\x23-\x5B\x5D-\x7E\x80-\uFFFF]|\\[\t\x20-\x7E\x80-\uFFFF])*)"/y,
  bare: /[\x21\x23-\x2B\x2D-\x7E\x80-\uFFFF]+/y,
  blanks: /[ \t]*/y,
  /** The name of a parameter that follows another without a comma. */
  following: /[ \t]+([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*(?==)/y,
  separators: /[ \t,]*/y,
  /** To the next comma outside of quotes, or to the end. */
  rest: /(?:[^",]|"(?:[^"\\]|\\.)*(?:"|\\?$))*/sy
})

/**
 * Reads a header in one pass; `cut` says that it went on, in which case the
 * last challenge is not whole.
 */
export const scan = (header: string, cut: boolean): ReadonlyArray<Scanned> => {
  const { bare, blanks, following, quoted, rest, separators, token, token68 } = pieces()
  const drafts: Array<Draft> = []
  let draft: Draft | undefined
  let position = 0

  /** What a pattern finds here, which is then behind us. */
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = position
    const match = pattern.exec(header)
    if (match !== null) position += match[0].length
    return match
  }
  const atEnd = (): boolean => position >= header.length || header[position] === ","

  /** One element of the list: a parameter, or a scheme with what follows it. Whether it was well formed. */
  const element = (): boolean => {
    const name = take(token)?.[0]
    if (name === undefined) return false
    const spaced = take(blanks)?.[0] !== ""
    if (header[position] === "=") return parameter(name)
    draft = { scheme: name, parameters: new Map(), token68: Option.none(), broken: false }
    drafts.push(draft)
    if (atEnd()) return true
    if (!spaced) return false
    const single = take(token68)
    if (single !== null) {
      draft.token68 = Option.some(single[0])
      return true
    }
    const first = take(token)?.[0]
    take(blanks)
    return first !== undefined && header[position] === "=" && parameter(first)
  }

  const parameter = (name: string): boolean => {
    position += 1
    take(blanks)
    const text = take(quoted)
    const value = text === null ? take(bare)?.[0] : (text[1] ?? "").replace(/\\(.)/gs, "$1")
    const key = name.toLowerCase()
    if (draft === undefined || value === undefined) return false
    if (Option.isSome(draft.token68) || draft.parameters.has(key)) return false
    draft.parameters.set(key, value)
    return true
  }

  take(separators)
  while (position < header.length) {
    let good = element()
    while (good && !atEnd()) {
      const next = take(following)?.[1]
      if (next === undefined) break
      good = parameter(next)
    }
    take(blanks)
    if (!good || !atEnd()) {
      if (draft !== undefined) draft.broken = true
      take(rest)
    }
    take(separators)
  }
  if (cut && draft !== undefined) draft.broken = true
  return drafts
    .filter((found) => !found.broken)
    .map((found) => ({ scheme: found.scheme, token68: found.token68, parameters: found.parameters }))
}
