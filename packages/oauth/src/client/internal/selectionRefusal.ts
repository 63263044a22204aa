/** Why there is no client to be at a server, and what can be done about it. */
import * as Effect from "effect/Effect"
import * as Endpoint from "../../protocol/Endpoint.js"
import { DiscoveryError, ProtocolViolation } from "../../protocol/OAuthError.js"
import type { RegisteredClient } from "../RegisteredClient.js"

/** What a policy has to offer. */
interface Ways {
  readonly issuer: string
  readonly preRegistered?: unknown
  readonly metadataDocument?: unknown
  readonly registration?: unknown
}

/** A registration is a client of its issuer alone. */
export const checkIssuer = (
  issuer: string,
  client: RegisteredClient
): Effect.Effect<void, ProtocolViolation> =>
  client.issuer === issuer
    ? Effect.void
    : Effect.fail(
        new ProtocolViolation({
          operation: "ClientSelection.select",
          reason: "mismatch",
          member: "issuer",
          rule: "RFC 7591 section 3: a client is registered with one server",
          message: `ClientSelection.select: the store gave a client of ${Endpoint.show(client.issuer)} for ${Endpoint.show(issuer)}. It was not used; correct the store.`
        })
      )

/** Nothing that the program listens at is registered. */
export const otherRedirectUris = (issuer: string): ProtocolViolation =>
  new ProtocolViolation({
    operation: "ClientSelection.select",
    reason: "mismatch",
    member: "redirect_uris",
    rule: "RFC 7591 section 3.2.1: the client checks what was registered",
    message: `ClientSelection.select: ${Endpoint.show(issuer)} registered the client without any of its redirect URIs, so no login can come back to it. Register redirect URIs that this server allows.`
  })

/** What the server offers and what the program has do not meet. */
export const noWay = (policy: Ways): DiscoveryError => {
  const tried = [
    policy.preRegistered === undefined
      ? "none was given for it"
      : "none of those given is for this issuer (they are compared character for character)",
    policy.metadataDocument === undefined
      ? "no client metadata document was given"
      : "it does not say that it takes client metadata documents",
    policy.registration === undefined
      ? "registration was not allowed"
      : "it has no registration_endpoint in its metadata"
  ]
  return new DiscoveryError({
    operation: "ClientSelection.select",
    reason: "unsupported",
    expected: "a client id for this issuer",
    message: `ClientSelection.select: there is no client for ${Endpoint.show(policy.issuer)}: ${tried.join("; ")}. Register a client with the operator of this server by hand, and give its id as preRegistered.`
  })
}
