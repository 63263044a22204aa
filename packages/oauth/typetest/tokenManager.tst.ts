/** What a session needs: a flow or a store that was forgotten is a type error that names it. */
import type { ClientCredentials } from "effect-oauth/ClientCredentials"
import type { ReauthorizationRequired, TokenStoreError } from "effect-oauth/OAuthError"
import type { JwtBearer } from "effect-oauth/JwtBearer"
import type { Refresh } from "effect-oauth/Refresh"
import type { SessionKey } from "effect-oauth/SessionKey"
import type { TokenEndpoint } from "effect-oauth/TokenEndpoint"
import type { TokenExchange } from "effect-oauth/TokenExchange"
import * as TokenManager from "effect-oauth/TokenManager"
import * as TokenSource from "effect-oauth/TokenSource"
import type { TokenStore } from "effect-oauth/TokenStore"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { describe, expect, test } from "tstyche"

const key: SessionKey = { issuer: "https://issuer.example", clientId: "app" }
type Needs<R> = Layer.Layer<TokenManager.TokenManager, never, TokenStore | R>

describe("a session asks for its store and for the flow of its source", () => {
  test("the flows", () => {
    const subjectToken = Effect.succeed(Redacted.make("x"))
    expect(TokenManager.layer({ key, source: TokenSource.refreshToken() })).type.toBe<Needs<Refresh>>()
    expect(TokenManager.layer({ key, source: TokenSource.clientCredentials() })).type.toBe<
      Needs<ClientCredentials>
    >()
    expect(TokenManager.layer({ key, source: TokenSource.tokenExchange({ subjectToken }) })).type.toBe<
      Needs<TokenExchange>
    >()
    expect(TokenManager.layer({ key, source: TokenSource.jwtBearer({ assertion: subjectToken }) })).type.toBe<
      Needs<JwtBearer>
    >()
  })

  test("and for what the subject token needs", () => {
    const subjectToken = Effect.flatMap(TokenManager.TokenManager, ({ get }) =>
      Effect.map(get, ({ accessToken }) => accessToken)
    )
    expect(TokenSource.tokenExchange({ subjectToken })).type.toBe<
      TokenSource.TokenSource<TokenExchange | TokenManager.TokenManager>
    >()
  })

  test("the failures of get are those of a token request, of the store, and the end", () => {
    expect<TokenManager.TokenManager.GetError>().type.toBe<
      TokenEndpoint.RequestError | ReauthorizationRequired | TokenStoreError
    >()
  })
})
