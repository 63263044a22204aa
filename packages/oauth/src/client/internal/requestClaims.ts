/** The parameters of a request as the claims of a JWT. */
import * as Effect from "effect/Effect"
import { JwtError } from "../../protocol/OAuthError.js"

/** The parameters as they are typed in a JWT (RFC 9101 section 4); those of the JWT itself are not among them. */
export const claimsOf = (
  operation: string,
  parameters: ReadonlyArray<readonly [name: string, value: string]>
): Effect.Effect<Readonly<Record<string, unknown>>, JwtError> =>
  Effect.gen(function* () {
    const claims = new Map<string, unknown>()
    for (const name of new Set(parameters.map(([name]) => name))) {
      if (registered.has(name)) return yield* notAClaim(operation, name, "is a claim of the JWT itself")
      const values = parameters.filter(([other]) => other === name).map(([, value]) => value)
      const [value = ""] = values
      claims.set(name, values.length > 1 ? values : yield* typed(operation, name, value))
    }
    return Object.fromEntries(claims)
  })

const registered: ReadonlySet<string> = new Set([
  "iss",
  "sub",
  "aud",
  "exp",
  "nbf",
  "iat",
  "jti",
  "request",
  "request_uri"
])

const typed = (operation: string, name: string, value: string): Effect.Effect<unknown, JwtError> => {
  if (name === "max_age") return Effect.succeed(Number(value))
  if (name !== "authorization_details" && name !== "claims") return Effect.succeed(value)
  return Effect.try({
    try: (): unknown => JSON.parse(value),
    catch: () => notAClaim(operation, name, "is not JSON")
  })
}

const notAClaim = (operation: string, name: string, problem: string): JwtError =>
  new JwtError({
    operation,
    reason: "claim",
    claim: name,
    message: `${operation}: the parameter ${JSON.stringify(name.slice(0, 60))} ${problem}.`
  })
