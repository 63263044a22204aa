/** What is said of a name, an issuer or an audience, that is not the one expected. */
import * as Issuer from "../../protocol/Issuer.js"

const most = 8

/** What is accepted, in words; of a long list the first few. */
export const oneOf = (
  accepted: ReadonlyArray<string>,
  write: (name: string) => string = (name) => name
): string => {
  const few = accepted.slice(0, most).map(write).join(" or ")
  return accepted.length <= most ? few : `${few} or one of ${accepted.length - most} more`
}

export interface Expected {
  readonly expected: string
  /** The same for people: in quotes, so that a slash at the end is seen, and how that of the token differs. */
  readonly shown: string
}

export const expected = (
  accepted: ReadonlyArray<string>,
  actual: string | ReadonlyArray<string>
): Expected => {
  const given = (typeof actual === "string" ? [actual] : actual).slice(0, most)
  const how = difference(accepted.slice(0, most), given)
  const shown = oneOf(accepted, (name) => JSON.stringify(name))
  return { expected: oneOf(accepted), shown: how === undefined ? shown : `${shown}: it ${how}` }
}

/** A name that is longer is not looked at: whoever sends a token chooses it. */
const longest = 2048

/** In which way two names differ, and nothing of what the token has: nobody has vouched for it yet. */
const difference = (accepted: ReadonlyArray<string>, actual: ReadonlyArray<string>): string | undefined => {
  const alone = accepted.length === 1 && actual.length === 1
  for (const given of actual.filter((name) => name.length <= longest)) {
    const near = accepted.find((wanted) => bare(wanted) === bare(given))
    const [compared] = near === undefined && alone ? accepted : [near]
    if (compared === undefined) continue
    const [how = ""] = Issuer.difference(compared, given).split(":")
    if (/^differs (?:in|by a trailing|by white)/.test(how)) return how
  }
  return undefined
}

const bare = (name: string): string => name.trim().toLowerCase().replace(/\/$/, "")
