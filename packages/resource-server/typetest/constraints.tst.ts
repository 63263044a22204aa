/** What bound tokens, introspection, delegation and tenants need: a layer that is missing does not compile. */
import type { HttpClient } from "@effect/platform/HttpClient"
import type { AccessToken } from "effect-oauth-resource-server/AccessToken"
import * as DelegatedAccess from "effect-oauth-resource-server/DelegatedAccess"
import * as DpopVerifier from "effect-oauth-resource-server/DpopVerifier"
import * as ResourceServer from "effect-oauth-resource-server/ResourceServer"
import * as SenderConstraint from "effect-oauth-resource-server/SenderConstraint"
import * as Tenants from "effect-oauth-resource-server/Tenants"
import type { Introspection } from "effect-oauth/Introspection"
import * as IntrospectionVerifier from "effect-oauth/IntrospectionVerifier"
import type { OAuthClient } from "effect-oauth/OAuthClient"
import type { DiscoveryError, JwtError, KeyringError } from "effect-oauth/OAuthError"
import type { ReplayStore } from "effect-oauth/ReplayStore"
import type { ResourceTokens } from "effect-oauth/ResourceTokens"
import type { TokenExchange } from "effect-oauth/TokenExchange"
import type { TokenVerifier, VerifiedToken } from "effect-oauth/TokenVerifier"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { Redacted } from "effect/Redacted"
import type { Scope } from "effect/Scope"
import { describe, expect, test } from "tstyche"

declare const token: Redacted<string>
declare const tenants: Tenants.Tenants<TokenVerifier | DelegatedAccess.DelegatedAccess, "down">
declare const layer: Layer.Layer<TokenVerifier, "down", HttpClient>
declare const program: Effect.Effect<number, "failed", TokenVerifier | AccessToken>

describe("sender constraints", () => {
  test("proofs need a store of those that were used", () => {
    expect(DpopVerifier.layer()).type.toBe<Layer.Layer<DpopVerifier.DpopVerifier, never, ReplayStore>>()
  })

  test("a constraint needs what checks proofs, and certificates need nothing", () => {
    expect(SenderConstraint.layer()).type.toBe<
      Layer.Layer<SenderConstraint.SenderConstraint, never, DpopVerifier.DpopVerifier>
    >()
    expect(SenderConstraint.layerMutualTls()).type.toBe<Layer.Layer<SenderConstraint.SenderConstraint>>()
  })

  test("that tokens must be bound is not said by a layer that could be provided to nothing", () => {
    expect(SenderConstraint.layer).type.not.toBeCallableWith({ required: true })
    expect(ResourceServer.layer).type.toBeCallableWith({
      resource: "https://api.example",
      issuer: "https://issuer.example",
      boundTokensOnly: true
    })
  })
})

describe("introspection", () => {
  test("needs the flow, and the client whose server it is", () => {
    expect(IntrospectionVerifier.layer({ audience: "https://api.example" })).type.toBe<
      Layer.Layer<TokenVerifier, never, Introspection | OAuthClient>
    >()
  })
})

describe("delegation", () => {
  test("is within a request, and cannot fail as a whole", () => {
    expect<DelegatedAccess.DelegatedAccess.Service["tokens"]>().type.toBeAssignableTo<
      (
        request: DelegatedAccess.DelegatedAccess.Request
      ) => Effect.Effect<ResourceTokens<DelegatedAccess.DelegatedAccess.Failure>, never, AccessToken>
    >()
  })

  test("needs the exchange and the client of this API", () => {
    expect(DelegatedAccess.layer()).type.toBe<
      Layer.Layer<DelegatedAccess.DelegatedAccess, never, TokenExchange | OAuthClient>
    >()
  })
})

describe("tenants", () => {
  test("what their layers need is needed once, and what makes them fail is told", () => {
    expect(
      Tenants.make({ issuer: "https://{tenant}.example", known: ["acme"], layer: () => layer })
    ).type.toBe<Effect.Effect<Tenants.Tenants<TokenVerifier, "down">, DiscoveryError, HttpClient | Scope>>()
  })

  test("provide takes away what they have, and adds how they fail", () => {
    expect(tenants.provide("acme")(program)).type.toBe<
      Effect.Effect<number, "failed" | "down" | Tenants.UnknownTenant, AccessToken>
    >()
  })

  test("one verifier for all fails as any does", () => {
    expect(Tenants.tokenVerifier(tenants).verify(token)).type.toBe<
      Effect.Effect<VerifiedToken, JwtError | KeyringError>
    >()
  })
})
