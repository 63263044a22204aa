/** How each flow can fail: the error union of each method is exact, and every member of it can be matched. */
import type * as Authorization from "effect-oauth/Authorization"
import type * as ClientAssertion from "effect-oauth/ClientAssertion"
import type * as ClientCredentials from "effect-oauth/ClientCredentials"
import type * as CodeExchange from "effect-oauth/CodeExchange"
import type * as Discovery from "effect-oauth/Discovery"
import type * as OAuthClient from "effect-oauth/OAuthClient"
import type {
  AuthorizationError,
  DiscoveryError,
  JwtError,
  KeyringError,
  OAuthError,
  OAuthResponseError,
  ProtocolViolation,
  TransportError
} from "effect-oauth/OAuthError"
import type * as Refresh from "effect-oauth/Refresh"
import type * as SingleFlight from "effect-oauth/SingleFlight"
import type * as TokenEndpoint from "effect-oauth/TokenEndpoint"
import * as TokenExchange from "effect-oauth/TokenExchange"
import type { TokenSet } from "effect-oauth/TokenSet"
import type * as DeviceAuthorization from "effect-oauth/DeviceAuthorization"
import type * as Impersonation from "effect-oauth/Impersonation"
import type * as Introspection from "effect-oauth/Introspection"
import type * as JwtBearer from "effect-oauth/JwtBearer"
import type * as Logout from "effect-oauth/Logout"
import type * as Revocation from "effect-oauth/Revocation"
import type * as UserInfo from "effect-oauth/UserInfo"
import type * as Wire from "effect-oauth/Wire"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { describe, expect, test } from "tstyche"

/** How a method fails, and what it needs. */
type Fails<F extends (...args: never) => Effect.Effect<unknown, unknown, unknown>> = Effect.Effect.Error<
  ReturnType<F>
>
type Needs<F extends (...args: never) => Effect.Effect<unknown, unknown, unknown>> = Effect.Effect.Context<
  ReturnType<F>
>

type Metadata = DiscoveryError | TransportError | ProtocolViolation
type Request = Metadata | OAuthResponseError | KeyringError | JwtError

describe("the error union of each flow is exact", () => {
  test("Discovery", () => {
    expect<Fails<Discovery.Discovery.Service["server"]>>().type.toBe<Metadata>()
    expect<Fails<Discovery.Discovery.Service["resource"]>>().type.toBe<Metadata>()
    expect<Fails<Discovery.Discovery.Service["fromResource"]>>().type.toBe<Metadata>()
  })

  test("OAuthClient", () => {
    expect<Effect.Effect.Error<OAuthClient.OAuthClient.Service["metadata"]>>().type.toBe<Metadata>()
    expect<Fails<OAuthClient.OAuthClient.Service["endpoint"]>>().type.toBe<Metadata>()
    expect<Fails<OAuthClient.OAuthClient.Service["authenticate"]>>().type.toBe<
      Metadata | KeyringError | JwtError
    >()
  })

  test("Authorization", () => {
    type Begin = AuthorizationError | Request
    expect<Fails<Authorization.Authorization.Service["begin"]>>().type.toBe<Begin>()
    expect<Fails<Authorization.Authorization.Service["stepUp"]>>().type.toBe<Begin>()
    expect<Fails<Authorization.Authorization.Service["complete"]>>().type.toBe<
      AuthorizationError | Metadata | KeyringError | JwtError
    >()
  })

  test("the grants", () => {
    expect<TokenEndpoint.TokenEndpoint.RequestError>().type.toBe<Request>()
    expect<Fails<TokenEndpoint.TokenEndpoint.Service["request"]>>().type.toBe<Request>()
    expect<Fails<CodeExchange.CodeExchange.Service["exchange"]>>().type.toBe<AuthorizationError | Request>()
    expect<Fails<Refresh.Refresh.Service["refresh"]>>().type.toBe<Request>()
    expect<Fails<TokenExchange.TokenExchange.Service["exchange"]>>().type.toBe<Request>()
    expect<Fails<ClientCredentials.ClientCredentials.Service["request"]>>().type.toBe<Request>()
    expect<Fails<ClientAssertion.ClientAssertion.Service["sign"]>>().type.toBe<KeyringError | JwtError>()
  })

  test("the other endpoints", () => {
    expect<Fails<DeviceAuthorization.DeviceAuthorization.Service["begin"]>>().type.toBe<Request>()
    expect<Fails<DeviceAuthorization.DeviceAuthorization.Service["complete"]>>().type.toBe<
      AuthorizationError | Request
    >()
    expect<Fails<JwtBearer.JwtBearer.Service["request"]>>().type.toBe<Request>()
    expect<Fails<Impersonation.Impersonation.Service["impersonate"]>>().type.toBe<Request>()
    expect<Fails<Introspection.Introspection.Service["introspect"]>>().type.toBe<Request>()
    expect<Fails<Revocation.Revocation.Service["revoke"]>>().type.toBe<Request>()
    expect<Fails<UserInfo.UserInfo.Service["get"]>>().type.toBe<Request>()
    expect<Fails<Logout.Logout.Service["begin"]>>().type.toBe<AuthorizationError | Metadata>()
    expect<Fails<Logout.Logout.Service["complete"]>>().type.toBe<AuthorizationError>()
  })

  test("the wire, and what is made once for many", () => {
    expect<Fails<Wire.Wire["send"]>>().type.toBe<TransportError>()
    expect<Fails<Wire.Wire["get"]>>().type.toBe<TransportError>()
    expect<Effect.Effect.Error<SingleFlight.SingleFlight<1, "outage">["get"]>>().type.toBe<"outage">()
  })
})

describe("a method needs nothing more than its layer did", () => {
  test("each flow", () => {
    expect<Needs<Discovery.Discovery.Service["server"]>>().type.toBe<never>()
    expect<Needs<OAuthClient.OAuthClient.Service["authenticate"]>>().type.toBe<never>()
    expect<Needs<Authorization.Authorization.Service["begin"]>>().type.toBe<never>()
    expect<Needs<Authorization.Authorization.Service["complete"]>>().type.toBe<never>()
    expect<Needs<CodeExchange.CodeExchange.Service["exchange"]>>().type.toBe<never>()
    expect<Needs<Refresh.Refresh.Service["refresh"]>>().type.toBe<never>()
    expect<Needs<TokenExchange.TokenExchange.Service["exchange"]>>().type.toBe<never>()
    expect<Needs<ClientCredentials.ClientCredentials.Service["request"]>>().type.toBe<never>()
    expect<Needs<ClientAssertion.ClientAssertion.Service["sign"]>>().type.toBe<never>()
    expect<Needs<Wire.Wire["send"]>>().type.toBe<never>()
  })
})

describe("DESIGN section 4: every failure can be matched by its tag, and then by its reason", () => {
  const exchange = Effect.flatMap(TokenExchange.TokenExchange, (service) =>
    service.exchange({ subjectToken: Redacted.make("token") })
  )

  test("catchTag takes one away, catchTags all", () => {
    const withoutOne = Effect.catchTag(exchange, "OAuthResponseError", () => Effect.void)
    expect(withoutOne).type.toBe<
      Effect.Effect<void | TokenSet, Exclude<Request, OAuthResponseError>, TokenExchange.TokenExchange>
    >()
    const handled = Effect.catchTags(exchange, {
      TransportError: () => Effect.void,
      OAuthResponseError: () => Effect.void,
      ProtocolViolation: () => Effect.void,
      DiscoveryError: () => Effect.void,
      KeyringError: () => Effect.void,
      JwtError: () => Effect.void
    })
    expect(handled).type.toBe<Effect.Effect<void | TokenSet, never, TokenExchange.TokenExchange>>()
  })

  test("a tag that cannot occur is a mistake", () => {
    // @ts-expect-error Argument of type '"LoginError"' is not assignable to parameter of type
    Effect.catchTag(exchange, "LoginError", () => Effect.void)
  })

  test("every error has a tag, a reason, an operation and a message", () => {
    expect<OAuthError>().type.toBeAssignableTo<{
      readonly _tag: string
      readonly reason: string
      readonly operation: string
      readonly message: string
    }>()
    expect<TransportError["retriable"]>().type.toBe<boolean>()
    expect<OAuthError["cause"]>().type.toBe<unknown>()
  })
})
