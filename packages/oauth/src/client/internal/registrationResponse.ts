/** Reading what a server says of a client it registered (RFC 7591 section 3.2.1, RFC 7592 section 3). */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Endpoint from "../../protocol/Endpoint.js"
import { ProtocolViolation } from "../../protocol/OAuthError.js"
import type { Change, RegisteredClient } from "../RegisteredClient.js"
import { isSharedSecretMethod, isTexts } from "./clientMetadataRules.js"
import type { Members } from "./clientMetadataRules.js"

export interface Context {
  readonly operation: string
  readonly issuer: string
  /** What was asked for. */
  readonly requested: Members
  /** What was known of the client before, where it is managed: an answer may leave its secrets out. */
  readonly before?: RegisteredClient | undefined
  /** What a server is taken to mean that does not say when a secret ends; in seconds, as on the wire. */
  readonly assumeSecretExpiresAt?: number | undefined
}

/** Checks the answer and makes a registration of it. No value of the answer appears in the error. */
export const decode = (
  body: Members,
  { assumeSecretExpiresAt, before, issuer, operation, requested }: Context
): Effect.Effect<RegisteredClient, ProtocolViolation> =>
  Effect.gen(function* () {
    const refuse = (reason: ProtocolViolation["reason"], member: string, rule: string) =>
      new ProtocolViolation({
        operation,
        reason,
        member,
        rule,
        message: `${operation}: the answer of ${issuer} is not valid: ${rule}.`
      })
    const text = (member: string, rule: string) => {
      const value = body[member] ?? undefined
      return value === undefined || value === ""
        ? Effect.succeed(Option.none<string>())
        : typeof value === "string"
          ? Effect.succeed(Option.some(value))
          : Effect.fail(refuse("type", member, `${rule}: ${member} is a string`))
    }
    /** Seconds on the wire, milliseconds here. */
    const instant = (member: string) => {
      const value = body[member] ?? undefined
      return value === undefined
        ? Effect.succeed(Option.none<number>())
        : typeof value === "number" && value >= 0 && value * 1000 <= lastInstant
          ? Effect.succeed(Option.some(value * 1000))
          : Effect.fail(
              refuse(
                "type",
                member,
                `RFC 7591 section 3.2.1: ${member} is a number of seconds since the epoch`
              )
            )
    }

    const clientId = yield* text("client_id", "RFC 7591 section 3.2.1")
    if (Option.isNone(clientId))
      return yield* refuse("missing", "client_id", "RFC 7591 section 3.2.1: client_id is required")
    if (before !== undefined && before.clientId !== clientId.value) {
      return yield* refuse(
        "mismatch",
        "client_id",
        "RFC 7592 section 3: client_id is that of the client that is managed"
      )
    }

    const newSecret = yield* text("client_secret", "RFC 7591 section 3.2.1")
    const newEnd = Option.orElse(yield* instant("client_secret_expires_at"), () =>
      Option.map(Option.fromNullable(assumeSecretExpiresAt), (seconds) => seconds * 1000)
    )
    if (Option.isSome(newSecret) && Option.isNone(newEnd)) {
      return yield* refuse(
        "missing",
        "client_secret_expires_at",
        "RFC 7591 section 3.2.1: client_secret_expires_at is required where a client_secret is issued"
      )
    }
    const registered = tidy(body)
    const method = yield* text("token_endpoint_auth_method", "RFC 7591 section 2")
    // What a server that returns no method has done is what was asked, or the default (section 2).
    const asked = requested["token_endpoint_auth_method"]
    const authenticationMethod = Option.getOrElse(method, () =>
      typeof asked === "string" ? asked : "client_secret_basic"
    )
    const keepsSecret =
      Option.isNone(newSecret) && before !== undefined && isSharedSecretMethod(authenticationMethod)
    const redirectUris = registered["redirect_uris"] ?? requested["redirect_uris"] ?? []
    if (!isTexts(redirectUris)) {
      return yield* refuse(
        "type",
        "redirect_uris",
        "RFC 7591 section 2: redirect_uris is an array of strings"
      )
    }

    const known = Option.map(management(before), ({ uri }) => uri)
    const named = yield* text("registration_client_uri", "RFC 7592 section 3")
    // Whoever answers there may not send the token to another origin, of which no policy was asked.
    const uri = Option.orElse(
      Option.filter(named, (one) => Option.isNone(known) || originOf(one) === originOf(known.value)),
      () => known
    )
    const token = Option.orElse(
      Option.map(yield* text("registration_access_token", "RFC 7592 section 3"), Redacted.make),
      () => Option.map(management(before), (known) => known.accessToken)
    )
    return {
      issuer,
      clientId: clientId.value,
      clientSecret: keepsSecret ? before.clientSecret : Option.map(newSecret, Redacted.make),
      issuedAt: Option.orElse(yield* instant("client_id_issued_at"), () =>
        Option.flatMap(Option.fromNullable(before), (known) => known.issuedAt)
      ),
      secretExpiresAt:
        keepsSecret && Option.isNone(newEnd)
          ? before.secretExpiresAt
          : // 0 is a secret that does not end; the end of no secret is none.
            Option.filter(newEnd, (end) => end > 0 && (keepsSecret || Option.isSome(newSecret))),
      authenticationMethod,
      redirectUris,
      management: Option.all({ uri, accessToken: token }),
      metadata: registered,
      changes: changes(requested, registered)
    }
  })

const originOf = (url: string): string | undefined =>
  Option.getOrUndefined(Option.map(Endpoint.parts(url), (parts) => parts.origin))

/** The last instant that a date can hold, in milliseconds since the epoch. */
const lastInstant = 8.64e15

const management = (before: RegisteredClient | undefined): RegisteredClient["management"] =>
  Option.flatMap(Option.fromNullable(before), (known) => known.management)

/** Members that are kept elsewhere, or are about this one answer. */
const elsewhere: ReadonlySet<string> = new Set([
  "__proto__",
  "client_id",
  "client_secret",
  "client_id_issued_at",
  "client_secret_expires_at",
  "registration_access_token",
  "registration_client_uri"
])

const lists: ReadonlySet<string> = new Set([
  "redirect_uris",
  "grant_types",
  "response_types",
  "contacts",
  "post_logout_redirect_uris"
])

/** The metadata of the client alone; some servers write a list of one as a string. */
const tidy = (body: Members): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(body)
      .filter(([member, value]) => !elsewhere.has(member) && value !== null && value !== undefined)
      .map(([member, value]) => [
        member,
        lists.has(member) && typeof value === "string"
          ? member === "grant_types"
            ? value.split(" ")
            : [value]
          : value
      ])
  )

/** What was asked for and is registered otherwise: an order or a set of the same things is not otherwise. */
const changes = (requested: Members, registered: Members): ReadonlyArray<Change> =>
  Object.entries(requested)
    .filter(([member]) => !elsewhere.has(member))
    .filter(([member, value]) => canonical(value, member) !== canonical(registered[member], member))
    .map(([member, value]) => ({
      member,
      requested: value,
      registered: Option.fromNullable(registered[member])
    }))

const canonical = (value: unknown, member = ""): string => {
  if (member === "scope" && typeof value === "string") return canonical(value.split(" "))
  if (Array.isArray(value))
    return `[${value
      .map((one) => canonical(one))
      .sort()
      .join()}]`
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).filter(([, one]) => one !== undefined)
    return `{${members
      .map(([name, one]) => `${JSON.stringify(name)}:${canonical(one)}`)
      .sort()
      .join()}}`
  }
  return JSON.stringify(value) ?? ""
}
