/** From a text to a header, claims and a signature, without trusting any of it. */
import type { JwtClaims, JwtHeader } from "../Jwt.js"
import type { JwtAlgorithm } from "../JwtAlgorithm.js"
import { isJwtAlgorithm } from "../JwtAlgorithm.js"
import { isBase64Url } from "./base64url.js"
import type { Problem } from "./claimRules.js"
import { isText } from "./claimRules.js"
import { parseClaims, parseHeader, split } from "./compact.js"
import type { KnownHeaders } from "./knownHeaders.js"
import { expected, oneOf } from "./names.js"
import type { JwtProfile } from "./profile.js"

/** A token that is refused, and why. */
export class Refusal {
  constructor(readonly problem: Problem) {}
}

export interface Admitted {
  readonly header: JwtHeader
  /** The text of a header that is not known yet. */
  readonly newSegment: string | undefined
  readonly claims: JwtClaims
  readonly signingInput: string
  readonly signature: string
}

const malformed = (message: string): Refusal => new Refusal({ reason: "malformed", message })

/** What a verifier keeps from one token to the next. */
export interface Reader {
  readonly maxTokenBytes: number
  readonly headers: KnownHeaders
  /** To write on. */
  readonly scratch: Uint8Array
}

/** Size, structure, encodings, header. */
export const admit = (token: string, { headers, maxTokenBytes, scratch }: Reader): Admitted | Refusal => {
  if (token.length > maxTokenBytes) {
    return new Refusal({
      reason: "too_large",
      message: "the token is too long",
      expected: `${maxTokenBytes} bytes or less`
    })
  }
  const known = headers.of(token)
  const dots = known === undefined ? split(token) : split(token, known.start.length - 1)
  if (dots === undefined) {
    return malformed("the token is not a signed JWT: three parts with something in each")
  }
  const header = known === undefined ? newHeader(token.slice(0, dots.first)) : known.header
  if (header instanceof Refusal) return header
  const signature = token.slice(dots.second + 1)
  if (!isBase64Url(signature)) return malformed("the signature is not base64url in its one spelling")
  const claims = parseClaims(token.slice(dots.first + 1, dots.second), scratch)
  if (claims === undefined) return malformed("the claims are not base64url of a JSON object in UTF-8")
  const signingInput = token.slice(0, dots.second)
  return {
    header,
    newSegment: known === undefined ? token.slice(0, dots.first) : undefined,
    claims,
    signingInput,
    signature
  }
}

const newHeader = (segment: string): JwtHeader | Refusal => {
  const header = parseHeader(segment)
  if (typeof header === "string") return new Refusal({ reason: "header", message: `the header ${header}` })
  // RFC 7515 section 4.1.11: extensions that are not understood refuse the token; none is.
  if (header["crit"] !== undefined) {
    return new Refusal({
      reason: "critical",
      message: "the header has critical extensions, none of which is understood"
    })
  }
  return header["b64"] === undefined || header["b64"] === true
    ? header
    : new Refusal({ reason: "critical", message: "an unencoded payload (RFC 7797) is not accepted in a JWT" })
}

/** What a profile says before any key is looked up: algorithm, type, issuer, claims. */
export const judge = (
  { claims, header }: { readonly claims: JwtClaims; readonly header: JwtHeader },
  profile: JwtProfile<unknown>,
  now: number
): Judged | Refusal => {
  const { alg } = header
  if (!isJwtAlgorithm(alg) || !profile.algorithms.includes(alg)) {
    return new Refusal({
      reason: "algorithm",
      claim: "alg",
      message: "the algorithm of the token is not accepted",
      expected: oneOf(profile.algorithms)
    })
  }
  if (!profile.acceptsType(header.typ)) {
    return new Refusal({
      reason: "type",
      claim: "typ",
      message: `the token is not of the type that this profile (${profile.name}) accepts`,
      expected: profile.expectedType
    })
  }
  const issuer = claims["iss"] === undefined ? profile.impliedIssuer : claims["iss"]
  if (profile.key === "issuer" && (!isText(issuer) || !profile.acceptsIssuer(issuer))) {
    return new Refusal({
      reason: issuer === undefined ? "missing_claim" : "issuer",
      claim: "iss",
      message: issuer === undefined ? "the claim iss is missing" : "the token is of another issuer",
      ...(isText(issuer) && profile.issuers !== undefined
        ? expected(profile.issuers, issuer)
        : { expected: profile.expectedIssuer })
    })
  }
  const problem = profile.check(claims, header, now)
  return problem === undefined
    ? { issuer: isText(issuer) ? issuer : "", algorithm: alg }
    : new Refusal(problem)
}

export interface Judged {
  readonly issuer: string
  readonly algorithm: JwtAlgorithm
}
