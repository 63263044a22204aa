/** The published keys of many issuers. */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Step from "../../http/Step.js"
import * as WellKnown from "../../http/WellKnown.js"
import * as Wire from "../../http/Wire.js"
import * as AuthorizationServerMetadata from "../../protocol/AuthorizationServerMetadata.js"
import * as Issuer from "../../protocol/Issuer.js"
import type { DiscoveryError, ProtocolViolation, TransportError } from "../../protocol/OAuthError.js"
import { JwksStore } from "../JwksStore.js"
import { listed } from "./claimRules.js"
import { JwksCache } from "./jwksCache.js"
import type { Policy } from "./jwksPolicy.js"
import { inMillis } from "./jwksPolicy.js"
import type { Shared } from "./jwksSource.js"
import * as Index from "./keyIndex.js"
import type { Keyring } from "./keyring.js"

/**
 * Whose published keys are trusted, and how they are kept.
 *
 * @since 0.1.0
 * @category models
 */
export interface RemoteOptions extends Partial<Policy> {
  /** The issuers trusted: a list, or a rule. Byte for byte, as tokens name them. */
  readonly issuers: string | ReadonlyArray<string> | ((issuer: string) => boolean)
  /** How many issuers' keys are kept at once; those asked for last stay. 1,000. */
  readonly maxIssuers?: number | undefined
  /** Where metadata is looked for: in one of the well-known places only. */
  readonly wellKnown?: WellKnown.ServerMetadataOptions["wellKnown"]
  /**
   * How the metadata of an issuer are had otherwise than from there, such as the
   * `server` of a `Discovery` that keeps them (`StoredMetadata`).
   */
  readonly metadata?:
    | ((
        issuer: string
      ) => Effect.Effect<
        AuthorizationServerMetadata.AuthorizationServerMetadata,
        DiscoveryError | TransportError | ProtocolViolation
      >)
    | undefined
}

const operation = "Keyring.remote"

const jwksUri = (wire: Wire.Wire, issuer: string, { metadata, wellKnown }: RemoteOptions) =>
  Effect.gen(function* () {
    const known =
      metadata === undefined
        ? yield* WellKnown.serverMetadata(wire, operation, issuer, { wellKnown })
        : yield* metadata(issuer)
    yield* Issuer.check(operation, issuer, known.issuer)
    const { allowInsecure } = wire.limits
    return yield* AuthorizationServerMetadata.endpoint(operation, known, "jwks_uri", { allowInsecure })
  })

export const remoteKeyring = (
  options: RemoteOptions
): Effect.Effect<Keyring, never, HttpClient.HttpClient | Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const wire = yield* Wire.make
    const { issuers, maxIssuers = 1000 } = options
    const trusted = typeof issuers === "function" ? undefined : new Set(listed(issuers))
    const accepts =
      typeof issuers === "function" ? issuers : (issuer: string) => trusted?.has(issuer) === true
    /** In the order in which they were last asked for, where any may have to go. */
    const rings = new Map<string, JwksCache>()
    const crowded = trusted === undefined || trusted.size > maxIssuers

    const shared: Shared = {
      wire,
      scope,
      policy: inMillis(options),
      store: yield* JwksStore,
      jwksUri: (issuer) => jwksUri(wire, issuer, options)
    }

    const ringOf = (issuer: string): JwksCache | undefined => {
      const known = rings.get(issuer)
      if (known !== undefined) {
        if (crowded) {
          rings.delete(issuer)
          rings.set(issuer, known)
        }
        return known
      }
      if (!accepts(issuer)) return undefined
      const ring = new JwksCache(issuer, shared)
      for (const [oldest] of rings) {
        if (rings.size < maxIssuers) break
        rings.delete(oldest)
      }
      rings.set(issuer, ring)
      return ring
    }

    return {
      verificationKey: (issuer, header) =>
        Step.withFiber((fiber) => {
          const ring = ringOf(issuer)
          return ring === undefined
            ? Effect.fail(Index.noKey("not_found", issuer))
            : Step.now(ring.verificationKey(issuer, header), fiber)
        }),
      signingKey: () => Effect.fail(Index.signsNothing()),
      jwks: Effect.succeed({ keys: [] })
    }
  })
