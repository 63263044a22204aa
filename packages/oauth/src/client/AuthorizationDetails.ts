/**
 * Rich authorization requests: what is asked for and granted, in the types of
 * the program.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { DiscoveryError, ProtocolViolation } from "../protocol/OAuthError.js"
import * as OAuthClient from "./OAuthClient.js"

/**
 * One element of `authorization_details` as it goes over the wire (RFC 9396
 * section 2): `type` says what the other members mean.
 *
 * @since 0.1.0
 * @category models
 */
export interface AuthorizationDetail {
  readonly type: string
  readonly [member: string]: unknown
}

/**
 * What may hold granted details: a `TokenSet`, or the answer of
 * `Introspection`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Granted {
  readonly authorizationDetails: Option.Option<ReadonlyArray<unknown>>
}

/**
 * Writes details of the caller's own type with the schema of one of them, for
 * `parameters`. What the schema refuses is a `ProtocolViolation` that tells
 * where, never the value.
 *
 * @example
 * import * as Authorization from "effect-oauth/Authorization"
 * import * as AuthorizationDetails from "effect-oauth/AuthorizationDetails"
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 *
 * const Payment = Schema.Struct({
 *   type: Schema.Literal("payment_initiation"),
 *   amount: Schema.Struct({ currency: Schema.String, value: Schema.NumberFromString })
 * })
 *
 * const pay = Effect.gen(function* () {
 *   const authorization = yield* Authorization.Authorization
 *   const details = yield* AuthorizationDetails.encode(Payment)([
 *     { type: "payment_initiation", amount: { currency: "EUR", value: 12.5 } }
 *   ])
 *   return yield* authorization.begin({ parameters: yield* AuthorizationDetails.parameters(details) })
 * })
 *
 * @since 0.1.0
 * @category encoding
 */
export const encode =
  <A, I extends AuthorizationDetail, R>(schema: Schema.Schema<A, I, R>) =>
  (details: ReadonlyArray<A>): Effect.Effect<ReadonlyArray<I>, ProtocolViolation, R> =>
    Effect.mapError(Schema.encode(Schema.Array(schema))(details), (error) =>
      unfit("AuthorizationDetails.encode", error)
    )

/**
 * Reads the details that were granted, with the schema of one of them. The
 * server must have told them (RFC 9396 section 7), and each must be as the
 * schema says; else a `ProtocolViolation` tells where it is not, never the
 * value. What was granted may differ from what was asked for.
 *
 * @since 0.1.0
 * @category decoding
 */
export const decode =
  <A, I, R>(schema: Schema.Schema<A, I, R>) =>
  (granted: Granted): Effect.Effect<ReadonlyArray<A>, ProtocolViolation, R> =>
    Option.match(granted.authorizationDetails, {
      onNone: () => Effect.fail(notTold()),
      onSome: (details) =>
        Effect.mapError(Schema.decodeUnknown(Schema.Array(schema))(details), (error) =>
          unfit("AuthorizationDetails.decode", error)
        )
    })

/**
 * The `authorization_details` parameter for the `parameters` of any request:
 * of an authorization, pushed or signed or neither, of a code exchange that
 * takes less than was authorized, of a refresh, of a client's own token
 * (RFC 9396 sections 3, 5 and 6). `encode` writes the details.
 *
 * Fails with `unsupported` for a type that the server does not list in
 * `authorization_details_types_supported`, where it lists any (section 10), and
 * with `ProtocolViolation` for what is not JSON or has no `type`.
 *
 * @since 0.1.0
 * @category encoding
 */
export const parameters = (
  details: ReadonlyArray<AuthorizationDetail>
): Effect.Effect<
  { readonly authorization_details: string },
  OAuthClient.OAuthClient.MetadataError,
  OAuthClient.OAuthClient
> =>
  Effect.gen(function* () {
    const operation = "AuthorizationDetails.parameters"
    const untyped = details.findIndex(({ type }) => typeof type !== "string" || type === "")
    if (untyped >= 0) return yield* violation(operation, "missing", `element ${untyped} has no type`)
    const client = yield* OAuthClient.OAuthClient
    const { authorization_details_types_supported: supported } = yield* client.metadata
    const unknown = details.find(({ type }) => supported?.includes(type) === false)
    if (unknown !== undefined) {
      return yield* new DiscoveryError({
        operation,
        reason: "unsupported",
        expected: supported?.slice(0, 20).join(", "),
        message: `${operation}: ${client.issuer} does not know authorization details of the type ${JSON.stringify(unknown.type.slice(0, 100))} (RFC 9396 section 10).`
      })
    }
    return {
      authorization_details: yield* Effect.try({
        try: () => JSON.stringify(details),
        catch: () => violation(operation, "type", "the details cannot be written as JSON")
      })
    }
  })

const violation = (
  operation: string,
  reason: ProtocolViolation["reason"],
  problem: string
): ProtocolViolation =>
  new ProtocolViolation({
    operation,
    reason,
    member: "authorization_details",
    rule: "RFC 9396 section 2: authorization_details is a JSON array of objects with a type",
    message: `${operation}: ${problem} (RFC 9396 section 2).`
  })

const notTold = (): ProtocolViolation =>
  new ProtocolViolation({
    operation: "AuthorizationDetails.decode",
    reason: "missing",
    member: "authorization_details",
    rule: "RFC 9396 section 7: the server returns the authorization details as granted",
    message:
      "The server did not tell which authorization details it granted, as it must where they were asked for (RFC 9396 section 7)."
  })

/** Where a value is not as its schema says: the path is the program's and the server's names, cut short. */
const unfit = (operation: string, error: ParseResult.ParseError): ProtocolViolation => {
  const path = ParseResult.ArrayFormatter.formatErrorSync(error)[0]?.path ?? []
  const place = path.map(String).filter((step) => /^[\w:-]{1,64}$/.test(step))
  return violation(
    operation,
    "type",
    `the details do not fit their schema${place.length === 0 ? "" : `, at ${place.slice(0, 8).join(".")}`}`
  )
}
