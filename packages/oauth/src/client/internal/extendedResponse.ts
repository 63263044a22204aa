/** Authorization responses beyond the plain code flow: a JWT (JARM), or an ID token beside the code (hybrid). */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as JwtProfile from "../../keys/JwtProfile.js"
import * as JwtVerifier from "../../keys/JwtVerifier.js"
import { AuthorizationError } from "../../protocol/OAuthError.js"
import type { JwtError, KeyringError } from "../../protocol/OAuthError.js"
import type { AuthorizationTransaction } from "../AuthorizationTransaction.js"
import type { OAuthClient } from "../OAuthClient.js"
import type * as AuthorizationResponse from "./authorizationResponse.js"
import { opened } from "./encrypted.js"
import { algorithms } from "./algorithms.js"

const operation = "Authorization.complete"

type ReadError = AuthorizationError | OAuthClient.MetadataError | JwtError | KeyringError

/** A response whose signatures are good; its `state` is for the caller to compare. */
export interface Read {
  readonly parameters: AuthorizationResponse.Parameters
  readonly transaction: AuthorizationTransaction
}

/** What the plain code flow has loaded, so that this chunk shares no module with it. */
export type Reading = Pick<typeof AuthorizationResponse, "read" | "checkState">

/** Reads a response to a transaction that asked for another than the plain one. */
export const read = (
  client: OAuthClient.Service,
  response: AuthorizationResponse.Response,
  transaction: AuthorizationTransaction,
  reading: Reading
): Effect.Effect<Read, ReadError> =>
  transaction.response === "jwt"
    ? jwt(client, response, transaction, reading)
    : hybrid(client, response, transaction, reading)

/**
 * JWT Secured Authorization Response Mode section 2.4: the parameters are in
 * the claims of a JWT, and nowhere else.
 */
const jwt = (
  client: OAuthClient.Service,
  response: AuthorizationResponse.Response,
  transaction: AuthorizationTransaction,
  reading: Reading
): Effect.Effect<Read, ReadError> =>
  Effect.gen(function* () {
    const outside = yield* reading.read(operation, response)
    const token = outside.get("response")
    if (token === undefined || protectedParameters.some((name) => outside.has(name))) {
      return yield* malformed("a response in a JWT was asked for (JARM), and a plain one came")
    }
    const metadata = yield* client.metadata
    const verifier = yield* JwtVerifier.fromKeyring(client.serverKeys)
    const { claims } = yield* verifier.verify(
      yield* opened(client.decrypter, Redacted.make(token)),
      JwtProfile.make({
        name: "authorization response",
        issuer: client.issuer,
        audience: client.clientId,
        types: ["JWT", "oauth-authz-resp+jwt", undefined],
        algorithms: algorithms(metadata.authorization_signing_alg_values_supported),
        finish: Effect.succeed
      })
    )
    const parameters = new Map<string, string>()
    for (const [name, value] of Object.entries(claims)) {
      if (typeof value === "string" && value !== "") parameters.set(name, value)
    }
    return { parameters, transaction }
  })

/** What must be inside, since outside anybody could have put it. */
const protectedParameters = ["code", "state", "iss", "error", "id_token", "access_token", "token"]

/**
 * OpenID Connect Core section 3.3.2: the ID token is verified, with the hash of
 * the code, before the code is used.
 */
const hybrid = (
  client: OAuthClient.Service,
  response: AuthorizationResponse.Response,
  transaction: AuthorizationTransaction,
  reading: Reading
): Effect.Effect<Read, ReadError> =>
  Effect.gen(function* () {
    const parameters = yield* reading.read(operation, outOfQuery(response))
    yield* reading.checkState(operation, parameters, transaction)
    const { id_token: idToken, ...others } = Object.fromEntries(parameters)
    const { code, error } = others
    if (error !== undefined) return { parameters, transaction }
    if (code === undefined || idToken === undefined) {
      return yield* malformed("the response does not have both a code and an ID token, as asked for")
    }
    const { claims } = yield* client.verifyIdToken(Redacted.make(idToken), {
      nonce: Option.getOrUndefined(transaction.nonce),
      maxAge: Option.getOrUndefined(Option.map(transaction.maxAge, (seconds) => seconds * 1000)),
      acr: transaction.acr,
      code: Redacted.make(code),
      state: transaction.state,
      hashesRequired: true
    })
    // The issuer of the ID token is that of the response (RFC 9207 section 4), and what else the response says of it is the same.
    if (others["iss"] !== undefined && others["iss"] !== claims.iss) {
      return yield* new AuthorizationError({
        operation,
        reason: "issuer_mismatch",
        message: `${operation}: the response and its ID token come from two servers (RFC 9207 section 2.4).`
      })
    }
    return {
      // It is one that the server speaks for, or its token had been refused.
      parameters: new Map(Object.entries({ ...others, iss: transaction.issuer })),
      transaction: { ...transaction, subject: claims.sub, subjectIssuer: claims.iss }
    }
  })

/** A response with an ID token is in the fragment of an URL, or in a form; never in the query. */
const outOfQuery = (response: AuthorizationResponse.Response): AuthorizationResponse.Response => {
  if (typeof response !== "string" && !(response instanceof URL)) return response
  const text = String(response)
  const fragment = text.indexOf("#")
  if (fragment >= 0) return new URLSearchParams(text.slice(fragment + 1))
  return text.startsWith("/") || URL.canParse(text) ? [] : new URLSearchParams(text)
}

const malformed = (problem: string): AuthorizationError =>
  new AuthorizationError({ operation, reason: "malformed", message: `${operation}: ${problem}.` })
