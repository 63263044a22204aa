/**
 * The parameters of an authorization response: read strictly, compared in constant time.
 */
import * as Text from "effect-oauth/Text"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"

export type CallbackParameters = ReadonlyArray<readonly [name: string, value: string]>

/** More than any authorization response has. */
const maxParameters = 16
/** Of one name or one value, in bytes. */
const maxBytes = 4096

const decode = (text: string): Option.Option<string> => {
  try {
    return Option.some(decodeURIComponent(text.replaceAll("+", " ")))
  } catch {
    return Option.none()
  }
}

/**
 * Reads application/x-www-form-urlencoded text. None where an escape is broken or not UTF-8, a parameter has no
 * name, comes twice (RFC 6749 section 3.1) or is too long, and where there are too many.
 */
export const parse = (text: string): Option.Option<CallbackParameters> => {
  const parts = text.split("&").filter((part) => part !== "")
  if (parts.length > maxParameters) return Option.none()
  const names = new Set<string>()
  const parameters: Array<readonly [string, string]> = []
  for (const part of parts) {
    const at = part.indexOf("=")
    const name = decode(at < 0 ? part : part.slice(0, at))
    const value = decode(at < 0 ? "" : part.slice(at + 1))
    if (Option.isNone(name) || Option.isNone(value)) return Option.none()
    if (name.value === "" || names.has(name.value)) return Option.none()
    if (Buffer.byteLength(name.value) > maxBytes || Buffer.byteLength(value.value) > maxBytes)
      return Option.none()
    names.add(name.value)
    parameters.push([name.value, value.value])
  }
  return Option.some(parameters)
}

/** Whether there is exactly one `state` and it is the expected one, compared in constant time. */
export const hasState = (parameters: CallbackParameters, expected: Redacted.Redacted<string>): boolean => {
  const states = parameters.filter(([name]) => name === "state").map(([, value]) => value)
  const [state] = states
  return (
    states.length === 1 && state !== undefined && Text.equalsConstantTime(state, Redacted.value(expected))
  )
}
