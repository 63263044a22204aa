/**
 * Which protected resource this server is, and whose tokens it accepts.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Endpoint from "effect-oauth/Endpoint"
import { HttpLimits } from "effect-oauth/HttpLimits"
import * as Issuer from "effect-oauth/Issuer"
import * as Keyring from "effect-oauth/Keyring"
import * as ProtectedResourceMetadata from "effect-oauth/ProtectedResourceMetadata"
import * as TokenVerifier from "effect-oauth/TokenVerifier"
import type { Forwarded, Resource } from "./internal/hosts.js"
import * as Hosts from "./internal/hosts.js"
import type { AcceptedIssuer } from "./internal/profiles.js"
import * as Profiles from "./internal/profiles.js"
import { ResourceServerError } from "./ResourceServerError.js"

export type { Forwarded, Hosts, Resource } from "./internal/hosts.js"
export type { AcceptedIssuer } from "./internal/profiles.js"

/**
 * What this server is to the outside.
 *
 * @since 0.1.0
 * @category services
 */
export class ResourceServer extends Context.Tag("effect-oauth/ResourceServer")<
  ResourceServer,
  ResourceServer.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace ResourceServer {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service extends Resource, Hosts.Hosts {
    /** The issuers whose tokens are accepted. */
    readonly issuers: ReadonlyArray<string>
    /** Whether a token must be bound to its sender. */
    readonly boundTokensOnly: boolean
    readonly realm: Option.Option<string>
    /** At which level refused requests are logged. */
    readonly logLevel: LogLevel.LogLevel
  }
}

/**
 * Who this server is.
 *
 * @since 0.1.0
 * @category models
 */
export interface Identity {
  /**
   * The resource identifier: an https URL, as clients write it in `resource` and
   * issuers in `aud`, or another absolute URI. It is compared byte for byte.
   */
  readonly resource: string
  /** What the outside calls this server: the origin of `resource`, unless that is no URL. */
  readonly origin?: string | undefined
  /** Where the metadata is: the well-known URL of `resource` (RFC 9728 section 3.1), path inserted. */
  readonly metadataUrl?: string | undefined
  /**
   * The other hosts under which clients reach this server, and the proxy that
   * tells which of them a client used. Under each the server is a resource of
   * its own, with the path of `resource`: in challenges and metadata, as the
   * audience, and for the URL of DPoP proofs. None unless given: then no header is
   * asked.
   */
  readonly forwarded?: Forwarded | undefined
  /**
   * Refuse tokens that are bound to nothing. The server does not start where no
   * `SenderConstraint` is provided to its `Authenticator`. false.
   */
  readonly boundTokensOnly?: boolean | undefined
  /** `realm` of the challenge. None unless given. */
  readonly realm?: string | undefined
  /** At which level refused requests are logged, with the reason. Info. */
  readonly logLevel?: LogLevel.LogLevel | undefined
}

/**
 * An API that accepts JWTs.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Identity {
  /**
   * The issuers whose tokens are accepted, byte for byte: with its name alone,
   * an issuer must keep to RFC 9068 and name `resource` as the audience.
   */
  readonly issuer: string | AcceptedIssuer | ReadonlyArray<string | AcceptedIssuer>
  /**
   * How many verified tokens are remembered, so that one that comes again costs
   * no signature check. 1,000; 0 for none.
   */
  readonly cacheSize?: number | undefined
}

/**
 * How the issuers' keys are fetched and kept.
 *
 * @since 0.1.0
 * @category models
 */
export interface RemoteOptions extends Options {
  readonly keys?: Omit<Keyring.RemoteOptions, "issuers"> | undefined
}

const refuse = (option: string, why: string): ResourceServerError =>
  new ResourceServerError({ reason: "option", option, message: `ResourceServer: ${option} ${why}.` })

const isUri = (text: string): boolean => /^[a-z][a-z0-9+.-]*:[\x21\x22\x24-\x7E]+$/i.test(text)
const isHttp = (text: string): boolean => /^https?:/i.test(text)

const asUrl = (option: string, url: string) =>
  Effect.flatMap(HttpLimits, ({ allowInsecure }) =>
    Option.match(Endpoint.problem(url, { allowInsecure }), {
      onNone: () => Effect.succeed(url),
      onSome: (why) => Effect.fail(refuse(option, `${Endpoint.show(url)} ${why}`))
    })
  )

/**
 * Makes the identity of this server. Fails with a `ResourceServerError` that
 * names the option for a resource that is no absolute URI, a URL that may not be
 * used (plain http to another machine, a fragment), a host that is none, or an
 * issuer that is none.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Identity & Pick<Options, "issuer">
): Effect.Effect<ResourceServer.Service, ResourceServerError> =>
  Effect.gen(function* () {
    const { resource } = options
    if (isHttp(resource)) yield* asUrl("resource", resource)
    else if (!isUri(resource)) return yield* refuse("resource", "is not an absolute URI without fragment")
    const origin = yield* originOf(options)
    if (options.metadataUrl !== undefined) yield* asUrl("metadataUrl", options.metadataUrl)
    const { allowInsecure } = yield* HttpLimits
    const issuers = names(options)
    if (issuers.length === 0) return yield* refuse("issuer", "is empty: nobody's tokens would be accepted")
    if (new Set(issuers).size < issuers.length) return yield* refuse("issuer", "names one of them twice")
    for (const issuer of issuers) {
      yield* Effect.mapError(Issuer.validate("ResourceServer", issuer, { allowInsecure }), ({ message }) =>
        refuse("issuer", `cannot be one: ${message}`)
      )
    }
    const own: Resource = {
      resource,
      origin,
      metadataUrl: Option.orElse(Option.fromNullable(options.metadataUrl), () =>
        ProtectedResourceMetadata.wellKnownUrl(resource)
      )
    }
    return {
      ...own,
      issuers,
      boundTokensOnly: options.boundTokensOnly === true,
      realm: Option.fromNullable(options.realm),
      logLevel: options.logLevel ?? LogLevel.Info,
      ...(yield* hostsOf(own, options))
    }
  })

const hostsOf = (own: Resource, { forwarded, issuer, origin }: Identity & Pick<Options, "issuer">) =>
  Effect.gen(function* () {
    if (forwarded === undefined) return Hosts.one(own)
    if (origin !== undefined || !isHttp(own.resource)) {
      return yield* refuse(
        "forwarded",
        "needs a resource that is a URL, without origin: clients use its path under each host"
      )
    }
    const { allowInsecure } = yield* HttpLimits
    const hosts = Hosts.several(own, forwarded, Profiles.accepted(issuer), { allowInsecure })
    return typeof hosts === "string" ? yield* refuse("forwarded", `has a host that ${hosts}`) : hosts
  })

const originOf = ({ origin, resource }: Identity) =>
  Effect.gen(function* () {
    if (origin !== undefined) yield* asUrl("origin", origin)
    const found = Endpoint.parts(origin ?? resource)
    if (Option.isNone(found)) {
      return yield* refuse("origin", "must be given, since the resource is not a URL")
    }
    return origin === undefined || found.value.path.length + found.value.query.length === 0
      ? found.value.origin
      : yield* refuse("origin", "has a path; give scheme, host and port alone")
  })

const names = ({ issuer }: Pick<Options, "issuer">): ReadonlyArray<string> =>
  Profiles.accepted(issuer).map((one) => one.issuer)

/**
 * Verifies JWTs with the keyring of the program.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerKeyring = (
  options: Options
): Layer.Layer<ResourceServer | TokenVerifier.TokenVerifier, ResourceServerError, Keyring.KeyringService> =>
  Layer.unwrapEffect(
    Effect.map(make(options), (server) => {
      const resources = server.resources.map(({ resource }) => resource)
      return Layer.merge(
        Layer.succeed(ResourceServer, server),
        TokenVerifier.layerJwt(Profiles.profile(resources, Profiles.accepted(options.issuer)), {
          cacheSize: options.cacheSize ?? 1000
        })
      )
    })
  )

/**
 * Verifies JWTs with the keys that the issuers publish: found through their
 * metadata, fetched when the first token comes, and kept near.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: RemoteOptions
): Layer.Layer<ResourceServer | TokenVerifier.TokenVerifier, ResourceServerError, HttpClient.HttpClient> =>
  Layer.provide(layerKeyring(options), Keyring.layerRemote({ ...options.keys, issuers: names(options) }))

/**
 * The identity alone: tokens are verified by the `TokenVerifier` of the program,
 * whatever they are made of. It decides about issuer and audience; with
 * `forwarded`, it must accept the audience of each host, and that of the request's
 * is compared after it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerVerifier = (
  options: Identity & { readonly issuer: string | ReadonlyArray<string> }
): Layer.Layer<ResourceServer, ResourceServerError> => Layer.effect(ResourceServer, make(options))
