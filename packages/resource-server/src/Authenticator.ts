/**
 * Who sends a request, and whether it may.
 *
 * @since 0.1.0
 */
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as BearerCredential from "effect-oauth/BearerCredential"
import type { JwtError, KeyringError } from "effect-oauth/OAuthError"
import { TokenVerifier } from "effect-oauth/TokenVerifier"
import type { VerifiedToken } from "effect-oauth/TokenVerifier"
import * as AccessToken from "./AccessToken.js"
import type { ConstraintRefusal } from "./ConstraintRefusal.js"
import type { Incoming } from "./Incoming.js"
import * as Incomings from "./Incoming.js"
import * as Answer from "./internal/answer.js"
import * as AtOnce from "effect-oauth/AtOnce"
import * as Step from "effect-oauth/Step"
import { judge } from "./internal/judge.js"
import * as Refused from "./internal/refused.js"
import { countNow, tell } from "./internal/telling.js"
import type { InsufficientScope, InsufficientUserAuthentication, Misdirected, Refusal } from "./Refusal.js"
import type { Requirements } from "./Requirements.js"
import type { Resource } from "./ResourceServer.js"
import { ResourceServer } from "./ResourceServer.js"
import { ResourceServerError } from "./ResourceServerError.js"
import { none as noConstraint, SenderConstraint } from "./SenderConstraint.js"

/**
 * Judges requests. Everything else that protects is made of this.
 *
 * @since 0.1.0
 * @category services
 */
export class Authenticator extends Context.Tag("effect-oauth/Authenticator")<
  Authenticator,
  Authenticator.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace Authenticator {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * The principal of a request, if it keeps the requirements.
     *
     * Exactly one credential is accepted, in one Authorization header (RFC 6750
     * section 2.1); a token in the query is refused, whatever else there is. It is
     * verified by the `TokenVerifier`, its sender held to it by the
     * `SenderConstraint`. Each request is counted (`oauth_resource_requests`), and
     * the reason of a refusal is logged, without anything of the token.
     */
    readonly authenticate: (
      incoming: Incoming,
      requirements?: Requirements
    ) => Effect.Effect<AccessToken.AccessToken.Principal, Refusal>
    /** Holds a principal to requirements that only a handler knows. */
    readonly authorize: (
      principal: AccessToken.AccessToken.Principal,
      requirements: Requirements
    ) => Effect.Effect<void, InsufficientScope | InsufficientUserAuthentication>
    /**
     * The status and the headers of the answer to a refusal: `www-authenticate`,
     * or `retry-after`. The challenge is that of the resource which the request or
     * the principal is for: of the configuration, unless it is given.
     */
    readonly answer: (
      refusal: Refusal,
      at?: Pick<Incoming | AccessToken.AccessToken.Principal, "resource">
    ) => Effect.Effect<Answered>
    /** What an answer that is no refusal carries, for a principal that has proved a key: a new nonce, if any. */
    readonly headers: (
      principal: AccessToken.AccessToken.Principal
    ) => Effect.Effect<Readonly<Record<string, string>>>
    /**
     * A request of an Effect server, under the origin of this resource. Where
     * `ResourceServer` declares a proxy, one for a host that is none of it is
     * refused here, before anything else.
     */
    readonly receive: (request: HttpServerRequest.HttpServerRequest) => Effect.Effect<Incoming, Misdirected>
    /** A Web request, likewise. */
    readonly receiveWeb: (request: Request) => Effect.Effect<Incoming, Misdirected>
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Answered {
    readonly status: 400 | 401 | 403 | 421 | 503
    readonly headers: Readonly<Record<string, string>>
  }
}

/** A request with one credential. */
interface Asked {
  readonly fiber: Fiber.RuntimeFiber<unknown, unknown>
  readonly incoming: Incoming
  readonly method: string
  readonly requirements: Requirements
  readonly scheme: BearerCredential.Scheme
  readonly token: Redacted.Redacted<string>
}

const secondsOf = (fiber: Fiber.RuntimeFiber<unknown, unknown>): number =>
  Math.floor(Context.get(fiber.currentDefaultServices, Clock.Clock).unsafeCurrentTimeMillis() / 1000)

type Principal = AccessToken.AccessToken.Principal

const nothing: Requirements = {}
const noHeaders: Effect.Effect<Readonly<Record<string, string>>> = Effect.succeed({})

/** RFC 6750 section 2.3, which is not to be used: MCP and RFC 9700 section 4.3.2 forbid it. */
const hasQueryToken = (url: string): boolean => url.includes("access_token=") && /[?&]access_token=/.test(url)

/**
 * Makes an authenticator of the verifier and the sender constraint of the
 * program. Fails where tokens must be bound and no sender constraint is provided
 * to it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Authenticator.Service, ResourceServerError, ResourceServer | TokenVerifier> =
  Effect.gen(function* () {
    const server = yield* ResourceServer
    const verifier = yield* TokenVerifier
    const constraint = yield* SenderConstraint
    if (server.boundTokensOnly && constraint === noConstraint) {
      return yield* new ResourceServerError({
        reason: "option",
        option: "boundTokensOnly",
        message:
          "Authenticator: tokens must be bound, and nothing can tell to whom: provide a SenderConstraint to the Authenticator itself (to BearerAuth.layer), not beside it."
      })
    }
    const certificateOf = yield* Incomings.ClientCertificate
    const accepted = {
      schemes: constraint.schemes,
      isKnown: (token: string) => verifier.isKnown?.(token) === true
    }

    const refuse = (refused: Refused.Refused, method: string): Effect.Effect<never, Refusal> =>
      Effect.zipRight(tell(server, refused, method), Effect.fail(refused.refusal))

    const resources = new Map(server.resources.map((one) => [one.resource, { ...server, ...one }]))
    const serverAt = (resource: string | undefined) =>
      (resource === undefined ? undefined : resources.get(resource)) ?? server

    const resourceOf = (
      received: Incomings.Received,
      method: string
    ): Effect.Effect<Resource, Misdirected> => {
      const found = server.of(received)
      return AtOnce.isValue(found)
        ? found
        : Effect.tapError(found, (refusal) => tell(server, { refusal, reason: refusal.message }, method))
    }

    const read = (incoming: Incoming, requirements: Requirements) => {
      if (hasQueryToken(incoming.url)) return Refused.inQuery
      const { authorization } = incoming
      const credential =
        authorization.length > 1
          ? BearerCredential.fromHeaders({ authorization }, accepted)
          : BearerCredential.fromHeader(authorization[0], accepted)
      switch (credential._tag) {
        case "Token":
          return credential
        case "Malformed":
          return Refused.malformed(credential.description)
        default:
          return Refused.noCredential(requirements, credential._tag)
      }
    }

    const admit = (
      asked: Asked,
      verified: VerifiedToken,
      confirmation: Option.Option<AccessToken.AccessToken.Confirmation>
    ): Effect.Effect<Principal, Refusal> => {
      const { fiber, incoming, method, requirements, scheme, token } = asked
      if (server.boundTokensOnly && Option.isNone(confirmation)) {
        return refuse(Refused.unbound(requirements, scheme), method)
      }
      const principal = AccessToken.fromVerified(verified, {
        token,
        confirmation,
        issuers: server.issuers,
        resource: incoming.resource ?? server.resource
      })
      if (Option.isNone(principal)) return refuse(Refused.unreadable(requirements, scheme), method)
      const shortfall = judge(principal.value, requirements, () => secondsOf(fiber))
      if (shortfall !== undefined) return refuse(shortfall, method)
      countNow(fiber, "accepted")
      return Effect.succeed(principal.value)
    }

    const confirm = (asked: Asked, verified: VerifiedToken): Effect.Effect<Principal, Refusal> => {
      const { incoming, scheme, token } = asked
      if (!server.accepts(verified.claims, incoming.resource ?? server.resource)) {
        return refuse(Refused.elsewhere(asked.requirements, scheme), asked.method)
      }
      const confirmed = constraint.check({ incoming, scheme, token, claims: verified.claims })
      return AtOnce.isValue(confirmed)
        ? admit(asked, verified, confirmed.value)
        : Effect.matchEffect(confirmed, {
            onFailure: (error: ConstraintRefusal) =>
              refuse(Refused.unconfirmed(error, asked.requirements, asked.scheme), asked.method),
            onSuccess: (confirmation) => admit(asked, verified, confirmation)
          })
    }

    return {
      authenticate: (incoming, requirements = nothing) =>
        Step.withFiber<Principal, Refusal>((fiber) => {
          const { method } = incoming
          const credential = read(incoming, requirements)
          if (!("_tag" in credential)) return refuse(credential, method)
          const { scheme, token } = credential
          const asked: Asked = { fiber, incoming, method, requirements, scheme, token }
          const verified = Step.now(verifier.verify(token), fiber)
          return AtOnce.isValue(verified)
            ? confirm(asked, verified.value)
            : Effect.matchEffect(verified, {
                onFailure: (error: JwtError | KeyringError) =>
                  refuse(Refused.unverified(error, requirements, scheme), method),
                onSuccess: (later) => confirm(asked, later)
              })
        }),
      authorize: (principal, requirements) =>
        Effect.withFiberRuntime((fiber) => {
          const shortfall = judge(principal, requirements, () => secondsOf(fiber))
          return shortfall === undefined
            ? Effect.void
            : Effect.zipRight(tell(server, shortfall, ""), Effect.fail(shortfall.refusal))
        }),
      answer: (refusal, at) =>
        Effect.map(constraint.headers, (own) => ({
          status: Answer.statusOf(refusal),
          headers: Answer.headersOf(serverAt(at?.resource), constraint, refusal, own)
        })),
      headers: ({ confirmation }) =>
        Option.exists(confirmation, ({ _tag }) => _tag === "DPoP") ? constraint.headers : noHeaders,
      receive: (request) =>
        AtOnce.flatMap(resourceOf(request, request.method), ({ origin, resource }) =>
          AtOnce.map(certificateOf(request), (certificate) =>
            Incomings.fromServerRequest(request, origin, certificate, resource)
          )
        ),
      receiveWeb: (request) =>
        Effect.suspend(() => {
          const received = { source: request, headers: Incomings.headersOf(request) }
          return Effect.flatMap(resourceOf(received, request.method), ({ origin, resource }) =>
            Effect.map(certificateOf(received), (certificate) =>
              Incomings.fromWeb(request, origin, certificate, resource)
            )
          )
        })
    }
  })

/**
 * The authenticator of the verifier and the sender constraint of the program.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Authenticator, ResourceServerError, ResourceServer | TokenVerifier> =
  Layer.effect(Authenticator, make)
