/**
 * Dynamic client registration.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Telemetry from "../http/Telemetry.js"
import * as WellKnown from "../http/WellKnown.js"
import * as Wire from "../http/Wire.js"
import * as AuthorizationServerMetadata from "../protocol/AuthorizationServerMetadata.js"
import * as Endpoint from "../protocol/Endpoint.js"
import type { EndpointPolicy } from "../protocol/EndpointPolicy.js"
import { DiscoveryError, ProtocolViolation } from "../protocol/OAuthError.js"
import type { OAuthResponseError, TransportError } from "../protocol/OAuthError.js"
import type { ClientMetadata } from "./ClientMetadata.js"
import * as Rules from "./internal/clientMetadataRules.js"
import * as FormRequest from "./internal/formRequest.js"
import * as RegistrationResponse from "./internal/registrationResponse.js"
import type { Quirks } from "./Quirks.js"
import type { RegisteredClient } from "./RegisteredClient.js"

/**
 * Registers clients with servers (RFC 7591, OpenID Connect Dynamic Client
 * Registration 1.0) and manages what was registered (RFC 7592).
 *
 * Nothing is kept here: what comes back is to be put into a `RegistrationStore`,
 * as `ClientSelection` does. Every answer may have another secret and another
 * token for the next request: keep the last one.
 *
 * @since 0.1.0
 * @category services
 */
export class Registration extends Context.Tag("effect-oauth/Registration")<
  Registration,
  Registration.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace Registration {
  /**
   * How a registration can fail. The server's own refusals are
   * `OAuthResponseError`: `invalid_redirect_uri`, `invalid_client_metadata`,
   * `invalid_software_statement`, `unapproved_software_statement` (RFC 7591
   * section 3.2.2), `invalid_token` for the token that was sent.
   *
   * @since 0.1.0
   * @category errors
   */
  export type Error = DiscoveryError | TransportError | ProtocolViolation | OAuthResponseError

  /**
   * What a client tells of itself.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Description {
    readonly metadata: ClientMetadata
    /** Members of the caller's own; those of `metadata` win. */
    readonly additional?: Readonly<Record<string, unknown>> | undefined
    /** A statement about the software, signed by somebody the server trusts (RFC 7591 section 2.3). */
    readonly softwareStatement?: string | undefined
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Request extends Description {
    /** The issuer identifier of the server, byte for byte as its metadata has it. */
    readonly issuer: string
    /** What a server asks for that does not let everybody register (RFC 7591 section 3). */
    readonly initialAccessToken?: Redacted.Redacted<string> | undefined
    /** The server's metadata, where it is known and trusted: then none is fetched. */
    readonly server?: AuthorizationServerMetadata.AuthorizationServerMetadata | undefined
    /**
     * Where else to look for the metadata, and where its endpoints may be, also
     * those of `server`. A `registration_client_uri` that the policy forbids is left
     * out: the client cannot be managed then.
     */
    readonly discovery?: WellKnown.ServerMetadataOptions | undefined
    /** How the server deviates, where it does: `assumeSecretExpiresAt`. */
    readonly quirks?: Quirks | undefined
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Registers a client: posts its metadata as JSON to the server's
     * `registration_endpoint`, once. Redirect URIs, key sets and URLs that could
     * not be used, and private keys, are refused before anything is sent. The
     * answer must be 201 or 200 with a `client_id`, and with
     * `client_secret_expires_at` where there is a secret.
     */
    readonly register: (request: Request) => Effect.Effect<RegisteredClient, Error>
    /**
     * What the server has registered now (RFC 7592 section 2.1); its secret and
     * token may be new, and its `changes` are those since.
     */
    readonly read: (client: RegisteredClient) => Effect.Effect<RegisteredClient, Error>
    /**
     * Replaces what is registered (RFC 7592 section 2.2): what the description
     * leaves out, the server forgets or sets to its default.
     */
    readonly update: (
      client: RegisteredClient,
      description: Description
    ) => Effect.Effect<RegisteredClient, Error>
    /** Ends the registration (RFC 7592 section 2.3): 204, or 200. */
    readonly delete: (client: RegisteredClient) => Effect.Effect<void, Error>
  }
}

/**
 * Makes the service from the `HttpClient` of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Registration.Service, never, HttpClient.HttpClient> = Effect.map(
  Wire.make,
  (wire): Registration.Service => {
    const rules = { allowInsecure: wire.limits.allowInsecure }

    /** The members to send, and what in them and beside them is secret. */
    const members = (operation: string, description: Registration.Description) => {
      const said = {
        ...Rules.said(description.additional ?? {}),
        ...Rules.said(description.metadata),
        ...Rules.said({ software_statement: description.softwareStatement })
      }
      return Option.match(Rules.problem(said, rules), {
        onNone: () => Effect.succeed<Rules.Members>(said),
        onSome: ({ member, problem, reason, rule }) =>
          Effect.fail(
            new ProtocolViolation({
              operation,
              reason,
              member,
              rule,
              message: `${operation}: ${problem}. Nothing was sent.`
            })
          )
      })
    }

    const send = (
      operation: string,
      request: HttpClientRequest.HttpClientRequest,
      token: Redacted.Redacted<string> | undefined,
      body?: Rules.Members
    ) => {
      const accepting = HttpClientRequest.setHeader(request, "accept", "application/json")
      const authorized =
        token === undefined
          ? accepting
          : HttpClientRequest.setHeader(accepting, "authorization", `Bearer ${Redacted.value(token)}`)
      return wire.send(
        operation,
        body === undefined
          ? authorized
          : HttpClientRequest.bodyText(authorized, JSON.stringify(body), "application/json")
      )
    }

    /** The answer that tells of a client, with a status that it may have. */
    const answer = (
      response: Wire.WireResponse,
      statuses: ReadonlyArray<number>,
      secrets: ReadonlyArray<Redacted.Redacted<string>>,
      context: RegistrationResponse.Context
    ) =>
      Effect.gen(function* () {
        const { operation } = context
        const success = statuses.find((status) => status === response.status)
        const body = yield* FormRequest.object(operation, response, secrets.map(Redacted.value), success)
        if (success === undefined) return yield* yield* Wire.statusError(operation, response)
        return yield* RegistrationResponse.decode(body, context)
      })

    /** A request to where a registration is managed, with the token for it. */
    const manage = (
      operation: string,
      client: RegisteredClient,
      request: (uri: string) => HttpClientRequest.HttpClientRequest,
      body?: Rules.Members
    ) =>
      Effect.gen(function* () {
        if (Option.isNone(client.management)) return yield* unmanaged(operation, client)
        const { accessToken, uri } = client.management.value
        yield* checkManagementUri(operation, client.issuer, uri, rules)
        const response = yield* send(operation, request(uri), accessToken, body)
        return { response, secrets: [accessToken, ...Option.toArray(client.clientSecret)] }
      })

    return {
      register: (request) =>
        Effect.gen(function* () {
          const operation = "Registration.register"
          const { initialAccessToken, issuer } = request
          const requested = yield* members(operation, request)
          const server = yield* request.server === undefined
            ? WellKnown.serverMetadata(wire, operation, issuer, request.discovery)
            : WellKnown.judged(operation, issuer, request.server, request.discovery)
          const endpoint = yield* AuthorizationServerMetadata.endpoint(
            operation,
            server,
            "registration_endpoint",
            rules
          )
          const response = yield* send(
            operation,
            HttpClientRequest.post(endpoint),
            initialAccessToken,
            requested
          )
          const client = yield* answer(
            response,
            [201, 200],
            initialAccessToken === undefined ? [] : [initialAccessToken],
            {
              operation,
              issuer,
              requested,
              assumeSecretExpiresAt: request.quirks?.switches.assumeSecretExpiresAt
            }
          )
          return yield* within(request.discovery?.endpointPolicy, server, client)
        }).pipe(Telemetry.flow("Registration.register", { issuer: Endpoint.show(request.issuer) })),

      read: (client) =>
        Effect.gen(function* () {
          const operation = "Registration.read"
          const { response, secrets } = yield* manage(operation, client, HttpClientRequest.get)
          const requested = client.metadata
          return yield* answer(response, [200], secrets, {
            operation,
            issuer: client.issuer,
            requested,
            before: client
          })
        }).pipe(Telemetry.flow("Registration.read", attributes(client))),

      update: (client, description) =>
        Effect.gen(function* () {
          const operation = "Registration.update"
          const requested = yield* members(operation, description)
          const { response, secrets } = yield* manage(operation, client, HttpClientRequest.put, {
            ...withoutServerMembers(requested),
            client_id: client.clientId
          })
          return yield* answer(response, [200], secrets, {
            operation,
            issuer: client.issuer,
            requested,
            before: client
          })
        }).pipe(Telemetry.flow("Registration.update", attributes(client))),

      delete: (client) =>
        Effect.gen(function* () {
          const operation = "Registration.delete"
          const { response, secrets } = yield* manage(operation, client, HttpClientRequest.del)
          if (response.status === 204 || response.status === 200) return
          yield* FormRequest.object(operation, response, secrets.map(Redacted.value))
          return yield* yield* Wire.statusError(operation, response)
        }).pipe(Telemetry.flow("Registration.delete", attributes(client)))
    }
  }
)

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Registration, never, HttpClient.HttpClient> = Layer.effect(Registration, make)

const attributes = (client: RegisteredClient) => ({
  issuer: Endpoint.show(client.issuer),
  client_id: client.clientId
})

/** What a client may not send when it updates itself (RFC 7592 section 2.2). */
const withoutServerMembers = ({
  client_id_issued_at: _issued,
  client_secret_expires_at: _expires,
  registration_access_token: _token,
  registration_client_uri: _uri,
  ...members
}: Rules.Members): Rules.Members => members

const unmanaged = (operation: string, client: RegisteredClient): DiscoveryError =>
  new DiscoveryError({
    operation,
    reason: "missing_endpoint",
    expected: "registration_client_uri",
    message: `${operation}: ${Endpoint.show(client.issuer)} gave no registration_client_uri and token with this registration, or one that the endpoint policy forbids, so it cannot be managed (RFC 7592). Register anew, or ask the operator of the server.`
  })

/** The rules of an endpoint, which this is: also that a server elsewhere may not point to this machine. */
const checkManagementUri = (
  operation: string,
  issuer: string,
  uri: string,
  rules: Endpoint.Options
): Effect.Effect<string, DiscoveryError> =>
  Endpoint.validate(operation, "registration_client_uri", uri, { ...rules, namedBy: issuer })

/** The token of a registration goes nowhere where the policy does not want endpoints. */
const within = (
  policy: EndpointPolicy | undefined,
  server: AuthorizationServerMetadata.AuthorizationServerMetadata,
  client: RegisteredClient
): Effect.Effect<RegisteredClient> =>
  policy === undefined || Option.isNone(client.management)
    ? Effect.succeed(client)
    : Effect.match(policy({ ...server, registration_endpoint: client.management.value.uri }), {
        onFailure: () => ({ ...client, management: Option.none() }),
        onSuccess: () => client
      })
