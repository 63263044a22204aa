/**
 * What is known of a provider, as data, and a client of it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"
import type { ServerMetadataOptions } from "../http/WellKnown.js"
import * as JwtSigner from "../keys/JwtSigner.js"
import type { KeyringService } from "../keys/Keyring.js"
import type { AuthorizationServerMetadata } from "../protocol/AuthorizationServerMetadata.js"
import * as ClientAuthentication from "./ClientAuthentication.js"
import type { OAuthClient } from "./OAuthClient.js"
import * as Quirks from "./Quirks.js"

/**
 * A provider: where it is, and how it deviates. A plain value, without
 * functions: those of `Presets`, and one's own.
 *
 * @since 0.1.0
 * @category models
 */
export interface Preset {
  /** What a person calls it. */
  readonly name: string
  /** The issuer, byte for byte; of a provider without metadata, the origin that it is known by. */
  readonly issuer: string
  /** The metadata of a provider that publishes none. */
  readonly metadata?: AuthorizationServerMetadata | undefined
  /** Where its metadata is, if not where the issuer says. */
  readonly discovery?: ServerMetadataOptions | undefined
  readonly quirks?: Quirks.Switches | undefined
  /** How it takes a client secret. */
  readonly secret: SecretMethod
  /** The profile of `JwtProfile` that its access tokens keep; `opaque` where they are no JWTs for others to read. */
  readonly accessTokens: "accessToken" | "accessTokenLenient" | "accessTokenCognito" | "opaque"
  /** The provider's own documentation of its OAuth. */
  readonly documentation: string
}

/**
 * How a provider takes a client secret: by the method of that name in
 * `ClientAuthentication`; `clientSecret` leaves it to its metadata.
 *
 * @since 0.1.0
 * @category models
 */
export type SecretMethod = "clientSecret" | "clientSecretBasic" | "clientSecretBasicRaw" | "clientSecretPost"

/**
 * A client of a provider.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClientOptions<out R = never> extends Omit<
  OAuthClient.Options<R>,
  "issuer" | "metadata" | "discovery" | "quirks"
> {
  /** The client secret, sent as the provider takes it. `authentication` comes before it. */
  readonly secret?: Redacted.Redacted<string> | undefined
  /**
   * Switches of one's own, over those of the preset; parameters and names of
   * members are put beside the preset's. What is undefined is as if not given.
   */
  readonly quirks?: Quirks.Switches | undefined
}

/**
 * The options of `OAuthClient.layer` for a client of a provider.
 *
 * @example
 * import * as OAuthClient from "effect-oauth/OAuthClient"
 * import * as Presets from "effect-oauth/Presets"
 * import * as Provider from "effect-oauth/Provider"
 * import * as Redacted from "effect/Redacted"
 *
 * const GitHubLive = OAuthClient.layer(
 *   Provider.client(Presets.github, {
 *     clientId: "Iv1.8a61f9b3a7aba766",
 *     secret: Redacted.make("of the app's settings"),
 *     redirectUri: "https://app.example/callback"
 *   })
 * )
 *
 * @since 0.1.0
 * @category constructors
 */
export const client = <R = never>(
  preset: Preset,
  { quirks, secret, ...options }: ClientOptions<R>
): OAuthClient.Options<R> => {
  const switches = over(preset.quirks, quirks)
  return {
    ...options,
    issuer: preset.issuer,
    metadata: preset.metadata,
    discovery: preset.discovery,
    authentication:
      options.authentication ?? (secret === undefined ? undefined : methods[preset.secret](secret)),
    quirks: Object.keys(switches).length === 0 ? undefined : Quirks.make(switches)
  }
}

const over = (preset: Quirks.Switches = {}, own: Quirks.Switches = {}): Quirks.Switches => ({
  ...preset,
  ...given(own),
  ...given({
    authorizeParameters: together(preset.authorizeParameters, own.authorizeParameters),
    memberNames: together(preset.memberNames, own.memberNames),
    tokenParameters: together(preset.tokenParameters, own.tokenParameters)
  })
})

const together = (
  preset: Readonly<Record<string, string>> | undefined,
  own: Readonly<Record<string, string>> | undefined
): Readonly<Record<string, string>> | undefined =>
  preset === undefined || own === undefined ? (own ?? preset) : { ...preset, ...own }

const given = (switches: Quirks.Switches): Quirks.Switches =>
  Object.fromEntries(Object.entries(switches).filter(([, value]) => value !== undefined))

const methods: Readonly<
  Record<SecretMethod, (secret: Redacted.Redacted<string>) => ClientAuthentication.ClientAuthentication>
> = {
  clientSecret: ClientAuthentication.clientSecret,
  clientSecretBasic: ClientAuthentication.clientSecretBasic,
  clientSecretBasicRaw: ClientAuthentication.clientSecretBasicRaw,
  clientSecretPost: ClientAuthentication.clientSecretPost
}

/**
 * What Apple wants to know of a secret.
 *
 * @since 0.1.0
 * @category models
 */
export interface AppleSecretOptions {
  /** The 10 characters of the developer team. */
  readonly teamId: string
  /** Which of the keyring's keys signs; its `kid` is the key id that Apple gave. */
  readonly kid?: string | undefined
  /** How long the secret may be used; 5 minutes. Apple takes up to six months. */
  readonly lifetime?: Duration.DurationInput | undefined
}

/**
 * The client secret of Sign in with Apple: a JWT that the team signs with
 * ES256, made anew for every request, with the team as `iss`, the client as
 * `sub` and Apple as `aud`. The key is the `KeyringService`'s: the `.p8` file
 * with its key id as `kid`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const appleSecret = ({
  kid,
  lifetime,
  teamId
}: AppleSecretOptions): ClientAuthentication.ClientAuthentication<KeyringService> => ({
  authenticate: (request) =>
    Effect.flatMap(JwtSigner.make, (signer) => {
      const signed = signer.sign(
        { iss: teamId, sub: request.clientId, aud: request.metadata.issuer },
        { algorithm: "ES256", kid, lifetime: lifetime ?? "5 minutes", typ: false, jti: false }
      )
      return ClientAuthentication.clientSecretFrom(
        signed,
        ClientAuthentication.clientSecretPost
      ).authenticate(request)
    })
})
