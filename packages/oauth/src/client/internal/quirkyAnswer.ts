/** What a provider answers, bent to what the specification says. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { WireResponse } from "../../http/Wire.js"
import * as Wire from "../../http/Wire.js"
import type { Asked } from "./quirkyRequest.js"
import type { Switches } from "./quirkySwitches.js"

type Body = Readonly<Record<string, unknown>>

/**
 * The answer to a request; of one for tokens all switches are looked at, of
 * another form only the times and the names of its members, of the rest the names.
 */
export const bent = <E>(
  switches: Switches,
  { form, grantType }: Asked,
  answer: Effect.Effect<WireResponse, E>
): Effect.Effect<WireResponse, E> =>
  Effect.flatMap(answer, (response) =>
    Effect.map(read(switches, response), (body) => {
      const isTokens =
        grantType !== undefined &&
        (response.status === 200 || switches.successStatuses?.includes(response.status) === true)
      const status = isTokens ? 200 : response.status
      // What cannot be read is for the flow to refuse.
      if (body === undefined) return response
      const named = rename(switches, body)
      const path = grantType === "refresh_token" && switches.flatRefresh === true ? [] : switches.bodyPath
      const answered = isTokens ? tokens(switches, named, path) : form ? timed(switches, named) : named
      return { ...response, status, body: encode(answered) }
    })
  )

const encode = (body: Body): Uint8Array => new TextEncoder().encode(JSON.stringify(body))

const isBody = (value: unknown): value is Body => Predicate.isReadonlyRecord(value) && !Array.isArray(value)

const read = (switches: Switches, response: WireResponse): Effect.Effect<Body | undefined> =>
  Wire.json("Quirks", response).pipe(
    Effect.orElse(() =>
      switches.formEncodedResponse === true
        ? Effect.map(Wire.text("Quirks", response), (text) => formBody(response, text))
        : Effect.succeed(undefined)
    ),
    Effect.orElseSucceed(() => undefined),
    Effect.map((value) => (isBody(value) ? value : undefined))
  )

/** A form that says what a token response or an error must, and nothing twice. */
const formBody = (response: WireResponse, text: string): Body | undefined => {
  const type = response.headers["content-type"]?.split(";")[0]?.trim().toLowerCase()
  if (type !== "application/x-www-form-urlencoded" && type !== "text/plain") return undefined
  const pairs = [...new URLSearchParams(text)]
  const names = new Set(pairs.map(([name]) => name))
  return names.size === pairs.length && (names.has("access_token") || names.has("error"))
    ? Object.fromEntries(pairs.map(([name, value]) => [name, name === "expires_in" ? seconds(value) : value]))
    : undefined
}

const rename = ({ memberNames = {} }: Switches, body: Body): Body => {
  const missing = Object.entries(memberNames).filter(
    ([name, theirs]) => !Object.hasOwn(body, name) && Object.hasOwn(body, theirs)
  )
  return { ...body, ...Object.fromEntries(missing.map(([name, theirs]) => [name, body[theirs]])) }
}

/** The members of a token response that are never taken from beside the place where the tokens are. */
const tokenMembers: ReadonlySet<string> = new Set([
  "access_token",
  "token_type",
  "expires_in",
  "scope",
  "refresh_token",
  "id_token",
  "issued_token_type"
])

const tokens = (switches: Switches, body: Body, path: ReadonlyArray<string> = []): Body => {
  if (typeof body["error"] === "string" && body["error"] !== "") return timed(switches, body)
  const found = timed(switches, at(body, path))
  const { expires_in: expiresIn, scope, token_type: tokenType } = found
  const separator = switches.grantedScopeSeparator
  return omit(
    {
      ...found,
      token_type: typeOf(switches, tokenType),
      expires_in: expiresIn ?? switches.assumeExpiresIn,
      scope:
        switches.scopeMayBeArray === true && Array.isArray(scope) && scope.every(Predicate.isString)
          ? scope.join(" ")
          : separator !== undefined && typeof scope === "string"
            ? scope.split(separator).join(" ")
            : scope
    },
    switches.ignoreIdToken === true ? ["id_token"] : []
  )
}

/** Digits in a text as the number that they are, where one is expected. */
const timed = ({ expiresInMayBeText }: Switches, body: Body): Body => {
  const texts = ["expires_in", "interval"].flatMap((name) => {
    const value = body[name]
    return typeof value === "string" ? [[name, seconds(value)] as const] : []
  })
  return expiresInMayBeText === true ? { ...body, ...Object.fromEntries(texts) } : body
}

/** The object at a path, with what is beside it but no token of another place. */
const at = (body: Body, path: ReadonlyArray<string>): Body => {
  let found: Body = body
  for (const name of path) {
    const inner = Object.hasOwn(found, name) ? found[name] : undefined
    found = { ...omit(found, [...tokenMembers, name]), ...(isBody(inner) ? inner : {}) }
  }
  return found
}

const omit = (body: Body, names: Iterable<string>): Body => {
  const left = new Set(names)
  return Object.fromEntries(Object.entries(body).filter(([name]) => !left.has(name)))
}

const typeOf = ({ assumeTokenType, bearerTokenTypes = [] }: Switches, type: unknown): unknown =>
  typeof type === "string" && bearerTokenTypes.includes(type) ? "Bearer" : (type ?? assumeTokenType)

/** Digits as the number of seconds that they are; anything else stays, to be refused. */
const seconds = (text: string): string | number => (/^[0-9]{1,10}$/.test(text) ? Number(text) : text)
