/** A session that processes share: one client, one store in a directory of its own. */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as FileSecretStore from "effect-oauth-node/FileSecretStore"
import * as HttpLimits from "effect-oauth/HttpLimits"
import * as OAuthClient from "effect-oauth/OAuthClient"
import type { TokenStoreError } from "effect-oauth/OAuthError"
import * as Refresh from "effect-oauth/Refresh"
import type * as SecretStore from "effect-oauth/SecretStore"
import * as TokenManager from "effect-oauth/TokenManager"
import * as TokenSource from "effect-oauth/TokenSource"
import * as TokenStore from "effect-oauth/TokenStore"
import * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"

export interface Session {
  readonly issuer: string
  readonly clientId: string
  readonly subject: string
  readonly directory: string
}

/** Short, so that a test sees them pass. */
export const leaseDuration = Duration.seconds(2)
const LimitsLive = HttpLimits.layer({ deadline: Duration.seconds(1) })

export const storeOf = ({ directory }: Session): Layer.Layer<SecretStore.SecretStore, TokenStoreError> =>
  FileSecretStore.layer({ directory })

/** The manager of the session, over any store. */
export const managerOf = ({
  clientId,
  issuer,
  subject
}: Session): Layer.Layer<
  TokenManager.TokenManager,
  Layer.Layer.Error<ReturnType<typeof OAuthClient.layer>>,
  SecretStore.SecretStore | HttpClient.HttpClient
> =>
  TokenManager.layer({
    key: { issuer, clientId, subject },
    source: TokenSource.refreshToken(),
    leaseDuration
  }).pipe(
    Layer.provide(Layer.merge(Refresh.layer, TokenStore.layer)),
    Layer.provide(OAuthClient.layer({ issuer, clientId })),
    Layer.provide(LimitsLive)
  )
