/**
 * Several tenants in one program, their credentials and keys apart.
 *
 * @since 0.1.0
 */
import * as Headers from "@effect/platform/Headers"
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Redacted from "effect/Redacted"
import * as Jwt from "effect-oauth/Jwt"
import { DiscoveryError, JwtError, KeyringError } from "effect-oauth/OAuthError"
import * as ResourceTokens from "effect-oauth/ResourceTokens"
import * as TokenVerifier from "effect-oauth/TokenVerifier"
import { AccessToken } from "./AccessToken.js"
import { DelegatedAccess } from "./DelegatedAccess.js"
import * as Built from "./internal/built.js"
import * as Naming from "./internal/naming.js"
import type { Tenant } from "./Tenant.js"

/**
 * There is no such tenant. It says no more, so that nobody learns a name.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnknownTenant extends Data.TaggedError("UnknownTenant") {
  /** @since 0.1.0 */
  override get message(): string {
    return "There is no such tenant"
  }
}

/**
 * The tenant that the request under way is for, where host or path tell: the
 * token of another is refused then. A `Context.Reference`: none unless provided.
 *
 * @since 0.1.0
 * @category services
 */
export class CurrentTenant extends Context.Reference<CurrentTenant>()("effect-oauth/CurrentTenant", {
  defaultValue: (): Option.Option<string> => Option.none()
}) {}

/**
 * The services of each tenant, made when it is first asked for.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tenants<in out Services, out E = never> {
  /** The tenant of a label, which is one of those known. */
  readonly find: (label: string) => Effect.Effect<Tenant, UnknownTenant>
  /**
   * The label that the claims of a token tell, of its issuer or by `claim`; whether
   * it is known, `find` says. Of claims that are not verified, believe nothing but
   * that there is none.
   */
  readonly labelOf: (claims: Jwt.JwtClaims) => Option.Option<string>
  /** Runs with the services of that tenant; they are not closed before it ends. */
  readonly provide: (
    label: string
  ) => <A, E2, R>(
    effect: Effect.Effect<A, E2, R>
  ) => Effect.Effect<A, E | E2 | UnknownTenant, Exclude<R, Services>>
  /** How many tenants have their services made. */
  readonly size: Effect.Effect<number>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options<Services, E, R> {
  /** The issuers: `https://{tenant}.auth.example`. With `claim`, it may be one for all. */
  readonly issuer: string
  /**
   * The claim that tells the tenant, where one issuer serves several: `tid` of
   * Microsoft Entra, the zone of another. Of a template, its issuer must fit. The
   * label is that of the issuer unless given.
   */
  readonly claim?: string | undefined
  /**
   * What a label is, where it is not one of the DNS (`Tenant.isLabel`):
   * `Schema.is(Schema.UUID)`. In the template of an issuer it must be both.
   */
  readonly isLabel?: ((text: string) => boolean) | undefined
  /** The labels of the tenants that there are, or how one is looked up. It is asked before anything is made or sent. */
  readonly known: ReadonlyArray<string> | ((label: string) => Effect.Effect<boolean>)
  /** The services of a tenant: its client and credentials, its keys, its caches. */
  readonly layer: (tenant: Tenant) => Layer.Layer<Services, E, R>
  /** For how many tenants services are kept at once; the one that was used longest ago goes. 100. */
  readonly maximum?: number | undefined
  /** Accept plain http in the template. false. */
  readonly allowInsecure?: boolean | undefined
}

/**
 * Makes the tenants of a program, for as long as the scope lives.
 *
 * A label is a label of the DNS (`Tenant.isLabel`, or `isLabel`) and known, or
 * nothing is made and nothing is sent. The layer of a tenant is built once for all who ask, with
 * what was there when this was made and nothing of the request that was first;
 * a failure is not kept.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <Services, E = never, R = never>(
  options: Options<Services, E, R>
): Effect.Effect<Tenants<Services, E>, DiscoveryError, R | Scope.Scope> =>
  Effect.gen(function* () {
    const naming = yield* Naming.make(options)
    const { known } = options
    const isKnown = typeof known === "function" ? known : inList(new Set(known))
    const built = yield* Built.make<Tenant, Services, E, R>({
      keyOf: ({ label }) => label,
      layer: options.layer,
      maximum: Math.max(1, options.maximum ?? 100)
    })

    const find: Tenants<Services, E>["find"] = (label) =>
      Option.match(naming.issuerOf(label), {
        onNone: () => unknown,
        onSome: (issuer) =>
          Effect.flatMap(isKnown(label), (is) => (is ? Effect.succeed({ label, issuer }) : unknown))
      })
    return {
      find,
      labelOf: naming.labelOf,
      provide: (label) => (effect) => Effect.flatMap(find(label), (tenant) => built.use(tenant, effect)),
      size: built.size
    }
  })

const unknown: Effect.Effect<never, UnknownTenant> = Effect.suspend(() => new UnknownTenant())

const inList =
  (labels: ReadonlySet<string>) =>
  (label: string): Effect.Effect<boolean> =>
    Effect.succeed(labels.has(label))

/** The tenant of claims, if it is known and the one that the request is for. */
const tenantOf = <Services, E>(
  tenants: Tenants<Services, E>,
  claims: Jwt.JwtClaims,
  current: Option.Option<string>
): Effect.Effect<Tenant, UnknownTenant> =>
  Option.match(tenants.labelOf(claims), {
    onNone: () => unknown,
    onSome: (label) => (Option.getOrElse(current, () => label) === label ? tenants.find(label) : unknown)
  })

/**
 * One verifier for all tenants: a JWT goes to the verifier of the tenant that it
 * names, and must be of that issuer and tenant once it is verified; an opaque
 * token goes to that of the tenant that the request is for. A token of another
 * tenant than the request is for (`CurrentTenant`) is refused, as is one of no
 * tenant, before anything is sent.
 *
 * @since 0.1.0
 * @category combining
 */
export const tokenVerifier = <Services, E>(
  tenants: Tenants<Services | TokenVerifier.TokenVerifier, E>
): TokenVerifier.TokenVerifier.Service => {
  const choose = (token: Redacted.Redacted<string>, current: Option.Option<string>) =>
    Option.match(Jwt.decodeUnverified(token), {
      onNone: () => Option.match(current, { onNone: () => unknown, onSome: tenants.find }),
      onSome: ({ claims }) => tenantOf(tenants, claims, current)
    })
  return {
    verify: (token) =>
      Effect.gen(function* () {
        const tenant = yield* Effect.mapError(choose(token, yield* CurrentTenant), () => ofAnother)
        const verified = yield* yield* tenants
          .provide(tenant.label)(
            Effect.flatMap(TokenVerifier.TokenVerifier, (own) => Effect.exit(own.verify(token)))
          )
          .pipe(Effect.mapError(() => notMade(tenant)))
        return verified.claims["iss"] === tenant.issuer &&
          Option.contains(tenants.labelOf(verified.claims), tenant.label)
          ? verified
          : yield* refused("the token is not of the issuer of its tenant")
      })
  }
}

/**
 * The verifier of an issuer that serves several tenants, for all of them: with
 * its keys, or its introspection, a token is verified once, and then its claims
 * must tell a tenant that is known, and the one that the request is for
 * (`CurrentTenant`). A JWT that says itself that it is of none is refused before
 * anything is sent.
 *
 * @since 0.1.0
 * @category combining
 */
export const verifiedBy = <Services, E>(
  tenants: Tenants<Services, E>,
  verifier: TokenVerifier.TokenVerifier.Service
): TokenVerifier.TokenVerifier.Service => ({
  verify: (token) =>
    Effect.gen(function* () {
      const current = yield* CurrentTenant
      const ofTenant = (claims: Jwt.JwtClaims) =>
        Effect.mapError(tenantOf(tenants, claims, current), () => ofAnother)
      const decoded = Jwt.decodeUnverified(token)
      if (Option.isSome(decoded)) yield* ofTenant(decoded.value.claims)
      const verified = yield* verifier.verify(token)
      yield* ofTenant(verified.claims)
      return verified
    })
})

/**
 * Delegated access for all tenants: a caller's token is exchanged by the client
 * of its own tenant alone, and kept with that one's.
 *
 * @since 0.1.0
 * @category combining
 */
export const delegatedAccess = <Services, E>(
  tenants: Tenants<Services | DelegatedAccess, E>
): DelegatedAccess.Service => ({
  tokens: (request) =>
    Effect.gen(function* () {
      const { claims, issuer } = yield* AccessToken
      return yield* tenants.provide(yield* tenants.labelOf({ ...claims, iss: issuer }))(
        Effect.flatMap(DelegatedAccess, (own) => own.tokens(request))
      )
    }).pipe(Effect.catchAll(() => Effect.succeed(none(request))))
})

/** No resource has a token: there is no tenant, or its services could not be made. */
const none = ({
  resources
}: DelegatedAccess.Request): ResourceTokens.ResourceTokens<DelegatedAccess.Failure> =>
  ResourceTokens.make(
    resources.map((one) => [
      typeof one === "string" ? one : one.resource,
      Exit.fail(
        new DiscoveryError({
          operation: "Tenants.delegatedAccess",
          reason: "not_found",
          message:
            "Tenants.delegatedAccess: the caller is of no tenant, or the services of its tenant could not be made."
        })
      )
    ])
  )

/**
 * Finds the tenant of each request, by its host or path
 * (`Tenant.fromHost(request.headers["host"] ?? "", "api.example")`), and gives the
 * app that tenant's services; answers 404 to a request for none that is known,
 * before anything else looks at it, and 503 where its services cannot be made.
 *
 * With an `Authenticator` among them each tenant is a resource of its own, with
 * its own identifier, metadata and challenge: put this around a `Guard`.
 *
 * @since 0.1.0
 * @category middleware
 */
export const middleware =
  <Services, E>(
    tenants: Tenants<Services, E>,
    labelOf: (request: HttpServerRequest.HttpServerRequest) => Option.Option<string>
  ) =>
  <E2, R>(
    app: HttpApp.Default<E2, R>
  ): HttpApp.Default<E2, Exclude<R, Services> | HttpServerRequest.HttpServerRequest> =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
      Effect.matchEffect(Effect.flatMap(labelOf(request), tenants.find), {
        onFailure: () => Effect.succeed(HttpServerResponse.empty({ status: 404 })),
        onSuccess: ({ label }) =>
          Effect.matchEffect(
            tenants.provide(label)(
              Effect.exit(Effect.provideService(app, CurrentTenant, Option.some(label)))
            ),
            { onFailure: () => Effect.succeed(unavailable), onSuccess: (exit) => exit }
          )
      })
    )

const unavailable: HttpServerResponse.HttpServerResponse = HttpServerResponse.empty({
  status: 503,
  headers: Headers.fromInput({ "retry-after": "5" })
})

const refused = (why: string): JwtError =>
  new JwtError({
    operation: "Tenants.tokenVerifier",
    reason: "issuer",
    message: `Tenants.tokenVerifier: ${why}.`
  })

const ofAnother = refused("the token is not of a tenant that the request is for")

const notMade = ({ issuer }: Tenant): KeyringError =>
  new KeyringError({
    operation: "Tenants.tokenVerifier",
    reason: "unavailable",
    issuer,
    retriable: true,
    message: "Tenants.tokenVerifier: the services of the tenant could not be made."
  })
