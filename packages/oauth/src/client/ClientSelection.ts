/**
 * Which client a program is at a server that it may not know yet.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as RcMap from "effect/RcMap"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Telemetry from "../http/Telemetry.js"
import * as WellKnown from "../http/WellKnown.js"
import type { AuthorizationServerMetadata } from "../protocol/AuthorizationServerMetadata.js"
import * as Endpoint from "../protocol/Endpoint.js"
import type { TokenStoreError } from "../protocol/OAuthError.js"
import type { ClientAuthentication } from "./ClientAuthentication.js"
import * as ClientIdMetadata from "./ClientIdMetadata.js"
import * as Discovery from "./Discovery.js"
import { list } from "./internal/list.js"
import * as Refusal from "./internal/selectionRefusal.js"
import * as OAuthClient from "./OAuthClient.js"
import type { Quirks } from "./Quirks.js"
import * as RegisteredClient from "./RegisteredClient.js"
import * as Registration from "./Registration.js"
import * as RegistrationStore from "./RegistrationStore.js"

/**
 * Chooses the client to be at a server, in this order: one that was registered
 * there by hand, else the client's metadata document where the server takes
 * such ids, else a registration (one that is kept, or a new one).
 *
 * @since 0.1.0
 * @category services
 */
export class ClientSelection extends Context.Tag("effect-oauth/ClientSelection")<
  ClientSelection,
  ClientSelection.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace ClientSelection {
  /**
   * How a selection can fail: `DiscoveryError` with reason `unsupported` when
   * the server offers no way that the policy has, and the message says what can
   * be done about it.
   *
   * @since 0.1.0
   * @category errors
   */
  export type Error = Registration.Registration.Error | TokenStoreError

  /**
   * A client that somebody registered by hand, at one issuer and nowhere else.
   *
   * @since 0.1.0
   * @category models
   */
  export interface PreRegistered<out R = never> {
    readonly issuer: string
    readonly clientId: string
    readonly authentication?: ClientAuthentication<R> | undefined
    readonly redirectUri?: string | ReadonlyArray<string> | undefined
  }

  /**
   * A client whose id is the URL of its metadata document.
   *
   * @since 0.1.0
   * @category models
   */
  export interface MetadataDocument<out R = never> extends ClientIdMetadata.Options {
    readonly url: string
    readonly authentication?: ClientAuthentication<R> | undefined
  }

  /**
   * How to register where nobody knows the client.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Registering<out R = never> extends Registration.Registration.Description {
    /** What the issuer asks for that does not let everybody register. */
    readonly initialAccessToken?: Redacted.Redacted<string> | undefined
    /** Keep the registration under this name; under its redirect URIs unless given. */
    readonly name?: string | undefined
    /** For a method that takes no secret of the server's, such as `private_key_jwt`. */
    readonly authentication?: ClientAuthentication<R> | undefined
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Policy<out R = never> {
    readonly issuer: string
    /** The redirect URIs of the program; the first is the default. */
    readonly redirectUri?: string | ReadonlyArray<string> | undefined
    /** Of any number of issuers: only one of this issuer is used. */
    readonly preRegistered?: ReadonlyArray<PreRegistered<R>> | undefined
    readonly metadataDocument?: MetadataDocument<R> | undefined
    readonly registration?: Registering<R> | undefined
    /** Where else to look for the server's metadata, and where its endpoints may be. */
    readonly discovery?: WellKnown.ServerMetadataOptions | undefined
    /** The server's metadata, where it is known: then none is fetched. */
    readonly metadata?: AuthorizationServerMetadata | undefined
    /** How the server deviates, where it does. */
    readonly quirks?: Quirks | undefined
  }

  /**
   * Who the client is, and where that comes from.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Selected<out R = never> {
    readonly source: "pre-registered" | "metadata-document" | "stored" | "registered"
    /** For `OAuthClient.layer`. */
    readonly client: OAuthClient.OAuthClient.Options<R>
    /** The registration, where there is one: to see what the server changed, and to manage it. */
    readonly registration: Option.Option<RegisteredClient.RegisteredClient>
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Chooses, and registers where it comes to that; at most one registration
     * for one key is under way. A kept registration is used while its secret has
     * not ended and it has the redirect URIs of the program, or those of them that
     * the server registered when it was asked for all (RFC 7591 section 3.2.1); else
     * the client is registered anew, and that is kept in its place.
     */
    readonly select: <R = never>(policy: Policy<R>) => Effect.Effect<Selected<R>, Error>
    /** Forgets the registration that a policy would use; the server is not told (`Registration.delete`). */
    readonly forget: <R = never>(policy: Policy<R>) => Effect.Effect<void, TokenStoreError>
  }
}

/**
 * Makes the service.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<
  ClientSelection.Service,
  never,
  Discovery.Discovery | Registration.Registration | RegistrationStore.RegistrationStore | Scope.Scope
> = Effect.gen(function* () {
  const discovery = yield* Discovery.Discovery
  const registrations = yield* Registration.Registration
  const store = yield* RegistrationStore.RegistrationStore
  const turns = yield* RcMap.make({ lookup: (_key: string) => Effect.makeSemaphore(1) })

  /** One at a time for a key, so that those who come together share a registration. */
  const inTurn = <A, E>(key: RegistrationStore.RegistrationStore.Key, effect: Effect.Effect<A, E>) =>
    Effect.scoped(
      Effect.flatMap(RcMap.get(turns, JSON.stringify(key)), (turn) => turn.withPermits(1)(effect))
    )

  const register = <R>(
    policy: ClientSelection.Policy<R>,
    registering: ClientSelection.Registering<R>,
    server: Effect.Effect<AuthorizationServerMetadata, Discovery.Discovery.Error>
  ) => {
    const wanted = redirectUrisOf(policy)
    const key = keyOf(policy)
    const obtain = Effect.gen(function* () {
      const kept = yield* store.get(key)
      if (Option.isSome(kept)) {
        // A store of the program's own may be wrong about whose it is.
        yield* Refusal.checkIssuer(policy.issuer, kept.value)
        if (covers(kept.value, wanted) && !(yield* RegisteredClient.isExpired(kept.value))) {
          return { source: "stored" as const, registered: kept.value }
        }
      }
      const metadata = yield* server
      const request = {
        issuer: policy.issuer,
        server: metadata,
        discovery: policy.discovery,
        metadata: { ...registering.metadata, redirect_uris: wanted.length === 0 ? undefined : wanted },
        additional: registering.additional,
        softwareStatement: registering.softwareStatement,
        initialAccessToken: registering.initialAccessToken,
        quirks: policy.quirks
      }
      // Once the server has registered the client, that is kept whoever has stopped waiting.
      const registered = yield* Effect.uninterruptible(
        Effect.tap(registrations.register(request), (made) => store.put(key, made))
      )
      return { source: "registered" as const, registered }
    })
    return Effect.gen(function* () {
      const { registered, source } = yield* inTurn(key, obtain)
      const redirectUri = wanted.filter((uri) => registered.redirectUris.includes(uri))
      if (wanted.length > 0 && redirectUri.length === 0)
        return yield* Refusal.otherRedirectUris(policy.issuer)
      const client: OAuthClient.OAuthClient.Options<R> = {
        ...serverOf(policy),
        clientId: registered.clientId,
        authentication: yield* RegisteredClient.authentication(registered, registering.authentication),
        redirectUri
      }
      return { source, client, registration: Option.some(registered) } satisfies ClientSelection.Selected<R>
    })
  }

  return {
    select: <R = never>(policy: ClientSelection.Policy<R>) =>
      Effect.gen(function* () {
        const { metadataDocument: document, preRegistered = [], registration: registering } = policy
        if (policy.metadata !== undefined)
          yield* WellKnown.judged("ClientSelection.select", policy.issuer, policy.metadata, policy.discovery)
        const own = preRegistered.find((client) => client.issuer === policy.issuer)
        if (own !== undefined) {
          return {
            source: "pre-registered",
            client: {
              ...serverOf(policy),
              clientId: own.clientId,
              authentication: own.authentication,
              redirectUri: own.redirectUri ?? policy.redirectUri
            },
            registration: Option.none()
          } satisfies ClientSelection.Selected<R>
        }
        const server =
          policy.metadata === undefined
            ? discovery.server(policy.issuer, policy.discovery)
            : Effect.succeed(policy.metadata)
        if (document !== undefined) {
          const metadata = yield* server
          if (ClientIdMetadata.isSupported(metadata)) {
            return {
              source: "metadata-document",
              client: {
                ...serverOf(policy),
                clientId: yield* ClientIdMetadata.clientId(metadata, document.url, document),
                authentication: document.authentication,
                redirectUri: policy.redirectUri
              },
              registration: Option.none()
            } satisfies ClientSelection.Selected<R>
          }
        }
        if (registering !== undefined) {
          const offered = Effect.filterOrElse(
            server,
            (metadata) => metadata.registration_endpoint !== undefined,
            () => Effect.fail(Refusal.noWay(policy))
          )
          return yield* register(policy, registering, offered)
        }
        return yield* Refusal.noWay(policy)
      }).pipe(Telemetry.flow("ClientSelection.select", { issuer: Endpoint.show(policy.issuer) })),
    forget: (policy) => {
      const key = keyOf(policy)
      return inTurn(key, store.delete(key))
    }
  }
})

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<
  ClientSelection,
  never,
  Discovery.Discovery | Registration.Registration | RegistrationStore.RegistrationStore
> = Layer.scoped(ClientSelection, make)

/**
 * The service with what it is made of, over a store of registrations.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerDefault: Layer.Layer<
  ClientSelection,
  never,
  HttpClient.HttpClient | RegistrationStore.RegistrationStore
> = Layer.provide(layer, Layer.merge(Discovery.layer, Registration.layer))

/**
 * The `OAuthClient` that a policy chooses.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerClient = <R = never>(
  policy: ClientSelection.Policy<R>,
  options?: Omit<
    OAuthClient.OAuthClient.Options,
    "authentication" | "clientId" | "discovery" | "issuer" | "metadata" | "quirks" | "redirectUri"
  >
): Layer.Layer<OAuthClient.OAuthClient, ClientSelection.Error, ClientSelection | HttpClient.HttpClient | R> =>
  Layer.unwrapEffect(
    Effect.flatMap(ClientSelection, (selection) =>
      Effect.map(selection.select(policy), ({ client }) => OAuthClient.layer<R>({ ...options, ...client }))
    )
  )

const serverOf = <R>({ discovery, issuer, metadata, quirks }: ClientSelection.Policy<R>) => ({
  discovery,
  issuer,
  metadata,
  quirks
})

const redirectUrisOf = <R>(policy: ClientSelection.Policy<R>): ReadonlyArray<string> =>
  policy.redirectUri === undefined
    ? (policy.registration?.metadata.redirect_uris ?? [])
    : list(policy.redirectUri)

/** Whether nothing is wanted that asking again could give: what the server left out, it was asked for. */
const covers = (
  { changes, redirectUris }: RegisteredClient.RegisteredClient,
  wanted: ReadonlyArray<string>
): boolean => {
  const asked = changes.find(({ member }) => member === "redirect_uris")?.requested
  const refused = Array.isArray(asked) && wanted.some((uri) => redirectUris.includes(uri)) ? asked : []
  return wanted.every((uri) => redirectUris.includes(uri) || refused.includes(uri))
}

const keyOf = <R>(policy: ClientSelection.Policy<R>): RegistrationStore.RegistrationStore.Key =>
  policy.registration?.name === undefined
    ? { issuer: policy.issuer, redirectUris: redirectUrisOf(policy) }
    : { issuer: policy.issuer, name: policy.registration.name }
