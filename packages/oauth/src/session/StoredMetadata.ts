/**
 * What servers and resources publish about themselves, kept with the other secrets.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Discovery from "../client/Discovery.js"
import * as FlightCache from "../http/FlightCache.js"
import * as Wire from "../http/Wire.js"
import type { AuthorizationServerMetadata } from "../protocol/AuthorizationServerMetadata.js"
import * as Text from "../protocol/Text.js"
import * as Cached from "./internal/cached.js"
import { areUsableIssuers, asking, isUsableServer, recording, replaying } from "./internal/replayed.js"
import type { SecretStore } from "./SecretStore.js"

/**
 * How metadata are kept.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * How old metadata may become, counted from when they were fetched. 1 hour, as
   * in memory. With 0 nothing that was kept is read, and what is fetched is kept:
   * for a program that is told to begin anew.
   */
  readonly maxAge?: Duration.DurationInput | undefined
}

type Failure = Discovery.Discovery.Error

type Ask<A> = (discovery: Discovery.Discovery.Service) => Effect.Effect<A, Failure>

interface Question<A> {
  /** What is asked, and of whom. */
  readonly key: string
  readonly ask: Ask<A>
  /** The URL that is asked each time, where one is. */
  readonly live?: string
  /** Beyond what `Discovery` checks: whether it is of any use to who goes on with it. */
  readonly isUsable: (value: A) => boolean
}

interface Answer<A> {
  readonly value: A
  /** When it was fetched, in milliseconds. */
  readonly at: number
  readonly kept: boolean
}

/**
 * `Discovery` that keeps the documents it finds in the `SecretStore` of the
 * program, so that one which starts often need not fetch them each time.
 *
 * A document that was kept goes through `Discovery` as if it came from where it
 * was found: the issuer byte for byte, the resource that it is about, the
 * endpoint policy of whoever asks. It also must name no endpoint that could not be
 * used. Where it does not pass, is too old, or was fetched in the future, the
 * server is asked. A failure is not kept. `fromResource` asks the resource each
 * time, since its challenge is what it wants now; the document that the challenge
 * leads to may be one that was kept.
 *
 * A storage that fails, or does not answer within 2 seconds, is left alone for
 * half a minute and costs no more than a fetch; it is logged once. An entry that
 * cannot be read or is larger than `HttpLimits.maxMetadataBytes` is not used.
 *
 * Nothing in an entry is secret, but who can write it can send logins to another
 * server, as far as the endpoint policy lets them: use a storage that only this
 * program writes, or `EncryptedSecretStore`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options = {}
): Effect.Effect<Discovery.Discovery.Service, never, HttpClient.HttpClient | SecretStore | Scope.Scope> =>
  Effect.gen(function* () {
    const maxAge = Duration.toMillis(options.maxAge ?? "1 hour")
    const wire = yield* Wire.make
    const cached = yield* Cached.make(
      "StoredMetadata",
      "Metadata are fetched from where they are published, as without it.",
      // In a text within a text each quote is two characters; the document itself is measured when it is read.
      2 * wire.limits.maxMetadataBytes
    )
    const servers = yield* FlightCache.make<Answer<AuthorizationServerMetadata>, Failure>({
      maximum: 256,
      keepUntil: ({ at }) => at + maxAge
    })

    const through = <A>(other: Wire.Wire, ask: Ask<A>): Effect.Effect<A, Failure> =>
      Effect.scoped(Effect.flatMap(Discovery.fromWire(other), ask))

    const fetched = <A>(
      { ask, isUsable, key, live }: Question<A>,
      from = wire
    ): Effect.Effect<Answer<A>, Failure> =>
      Effect.gen(function* () {
        const at = yield* Clock.currentTimeMillis
        const { heard, wire: other } = recording(from, live)
        const value = yield* through(other, ask)
        const text = Option.flatMap(heard(), (what) => encode({ version: 1, key, at, ...what }))
        if (Option.isSome(text) && isUsable(value)) yield* cached.put(yield* nameOf(key), text.value)
        return { value, at, kept: false }
      })

    /** What was kept, as far as it is still good; else what is published. */
    const answer = <A>(question: Question<A>): Effect.Effect<Answer<A>, Failure> =>
      Effect.gen(function* () {
        const { ask, isUsable, key, live } = question
        const from = live === undefined ? wire : asking(wire, live)
        const text = maxAge > 0 ? yield* Effect.flatMap(nameOf(key), cached.get) : Option.none()
        if (Option.isNone(text)) return yield* fetched(question, from)
        const entry = decode(text.value)
        if (Option.isSome(entry) && entry.value.key === key) {
          const { at, ...heard } = entry.value
          const now = yield* Clock.currentTimeMillis
          if (at > now || now >= at + maxAge) return yield* fetched(question, from)
          const value = yield* Effect.either(through(replaying(from, heard, live), ask))
          if (Either.isRight(value) && isUsable(value.right)) return { value: value.right, at, kept: true }
          // The question is another one today, such as when a challenge names another place.
          if (Either.isLeft(value) && value.left._tag === "TransportError")
            return yield* fetched(question, from)
        }
        yield* cached.distrust
        return yield* fetched(question, from)
      })

    const server: Discovery.Discovery.Service["server"] = (issuer, { endpointPolicy, ...where } = {}) => {
      const question: Question<AuthorizationServerMetadata> = {
        key: JSON.stringify(["server", issuer, where.metadataUrl ?? null, where.wellKnown ?? null]),
        ask: (discovery) => discovery.server(issuer, where),
        isUsable: (metadata) => isUsableServer(metadata, wire.limits)
      }
      const judged = ({ value }: Answer<AuthorizationServerMetadata>) =>
        Effect.as(endpointPolicy?.(value) ?? Effect.void, value)
      return Effect.flatMap(servers.get(question.key, answer(question)), (found) =>
        found.kept
          ? // What was kept need not be what the server says: it is not refused for it.
            Effect.orElse(judged(found), () =>
              Effect.flatMap(servers.get(`fetched ${question.key}`, fetched(question)), judged)
            )
          : judged(found)
      )
    }

    const resource = (question: Omit<Question<Discovery.Discovery.Resource>, "isUsable">) =>
      Effect.map(
        answer({
          ...question,
          isUsable: ({ authorizationServers }) => areUsableIssuers(authorizationServers, wire.limits)
        }),
        ({ value }) => value
      )
    const resourceKey = (url: string) => JSON.stringify(["resource", url])

    return {
      server,
      resource: (...asked) =>
        resource({ key: resourceKey(asked[0]), ask: (discovery) => discovery.resource(...asked) }),
      fromResource: (...asked) =>
        resource({
          key: resourceKey(asked[0]),
          ask: (discovery) => discovery.fromResource(...asked),
          live: asked[0]
        })
    }
  })

const Entry = Schema.parseJson(
  Schema.Struct({
    version: Schema.Literal(1),
    key: Schema.String,
    at: Schema.Finite,
    absent: Schema.Array(Schema.String),
    url: Schema.String,
    body: Schema.String
  })
)
const decode = Schema.decodeOption(Entry)
const encode = Schema.encodeOption(Entry)

const nameOf = (key: string): Effect.Effect<string> =>
  Effect.map(Text.sha256(key), (digest) => `effect-oauth.metadata.${digest}`)

/**
 * Provides `Discovery` in the place of `Discovery.layer`. Give what it finds to an
 * `OAuthClient` as `metadata`:
 *
 * @example
 * import * as Discovery from "effect-oauth/Discovery"
 * import * as OAuthClient from "effect-oauth/OAuthClient"
 * import * as StoredMetadata from "effect-oauth/StoredMetadata"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * const issuer = "https://issuer.example"
 *
 * const ClientLive = Layer.unwrapEffect(
 *   Effect.gen(function* () {
 *     const discovery = yield* Discovery.Discovery
 *     const metadata = yield* discovery.server(issuer)
 *     return OAuthClient.layer({ issuer, clientId: "cli", metadata })
 *   })
 * ).pipe(Layer.provide(StoredMetadata.layer()))
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options?: Options
): Layer.Layer<Discovery.Discovery, never, HttpClient.HttpClient | SecretStore> =>
  Layer.scoped(Discovery.Discovery, make(options))
