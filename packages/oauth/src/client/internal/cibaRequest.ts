/** What a client asks for at the backchannel authentication endpoint (CIBA Core section 7.1). */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as JwtAlgorithm from "../../keys/JwtAlgorithm.js"
import type { JwtSigner } from "../../keys/JwtSigner.js"
import type { AuthorizationServerMetadata } from "../../protocol/AuthorizationServerMetadata.js"
import { DiscoveryError } from "../../protocol/OAuthError.js"
import type { JwtError, KeyringError, ProtocolViolation } from "../../protocol/OAuthError.js"
import * as Scope from "../../protocol/Scope.js"
import type { Parameter } from "../ClientAuthentication.js"
import type { OAuthClient } from "../OAuthClient.js"
import { claimsOf } from "./requestClaims.js"
import * as RequestRules from "./requestRules.js"

/** Who is to log in. */
export type Hint =
  | { readonly loginHint: string }
  | { readonly loginHintToken: Redacted.Redacted<string> }
  | { readonly idTokenHint: Redacted.Redacted<string> }

/** What a program asks for. */
export interface Request {
  readonly hint: Hint
  /** `openid` is always among it (section 7.1). */
  readonly scope?: ReadonlyArray<string> | undefined
  /** The resources that the token is for; sent one parameter each (RFC 8707 section 2). */
  readonly resource?: string | ReadonlyArray<string> | undefined
  readonly acrValues?: ReadonlyArray<string> | undefined
  /** Shown on both devices, so that the person sees that they belong together: short and plain. */
  readonly bindingMessage?: string | undefined
  /** A secret of the person, against requests that they did not want. */
  readonly userCode?: Redacted.Redacted<string> | undefined
  /** How long the person may take, as the client would have it. */
  readonly requestedExpiry?: Duration.DurationInput | undefined
  /** Whether the server notifies the client when the person has decided (ping mode); as the client is registered. false. */
  readonly ping?: boolean | undefined
  /** Further parameters of the server's own. */
  readonly parameters?: Readonly<Record<string, string>> | undefined
}

/** How requests are signed. */
export interface SignOptions {
  /** An asymmetric JWS algorithm; else the key's, of those that the server lists. */
  readonly algorithm?: JwtAlgorithm.JwtAlgorithm | undefined
  /** Which of the keyring's keys signs; else its current one. */
  readonly kid?: string | undefined
  /** How long a signed request may be used; 60 seconds. */
  readonly lifetime?: Duration.DurationInput | undefined
}

export const parameters = (
  operation: string,
  wanted: Request,
  scope: ReadonlyArray<string>,
  resource: ReadonlyArray<string>
): Effect.Effect<Array<Parameter>, ProtocolViolation> =>
  Effect.gen(function* () {
    yield* RequestRules.scope(operation, wanted.scope)
    yield* RequestRules.resource(operation, resource)
    const hint = hintOf(wanted.hint)
    yield* RequestRules.present(operation, hint[0], hint[1], "CIBA Core section 7.1: one hint is required")
    const parameters: Array<Parameter> = [["scope", Scope.format(scope)], hint]
    const acrValues = wanted.acrValues ?? []
    if (acrValues.length > 0) parameters.push(["acr_values", acrValues.join(" ")])
    if (wanted.bindingMessage !== undefined) parameters.push(["binding_message", wanted.bindingMessage])
    if (wanted.userCode !== undefined) parameters.push(["user_code", wanted.userCode])
    if (wanted.requestedExpiry !== undefined) {
      const seconds = Math.max(1, Math.floor(Duration.toSeconds(wanted.requestedExpiry)))
      parameters.push(["requested_expiry", String(seconds)])
    }
    for (const one of resource) parameters.push(["resource", one])
    return parameters
  })

/** What of them a server may not say again in an error. */
export const secretsOf = (parameters: ReadonlyArray<Parameter>): ReadonlyArray<string> =>
  parameters.flatMap(([, value]) => (Redacted.isRedacted(value) ? [Redacted.value(value)] : []))

/** The caller's own parameters among them: in a signed request everything is inside. */
export const withExtra = (
  operation: string,
  parameters: ReadonlyArray<Parameter>,
  extra: Readonly<Record<string, string>> = {}
): Effect.Effect<ReadonlyArray<Parameter>, ProtocolViolation> => {
  const own = new Set(parameters.map(([name]) => name))
  const reserved = Object.keys(extra).find((name) => own.has(name.toLowerCase()) || neverExtra.test(name))
  return reserved === undefined
    ? Effect.succeed([...parameters, ...Object.entries(extra)])
    : RequestRules.refuse(
        operation,
        reserved,
        "RFC 6749 section 3.2: parameters must not be included more than once",
        `the parameter ${JSON.stringify(reserved.slice(0, 60))} is set by the flow`
      )
}

const neverExtra =
  /^(client_(id|secret|assertion|assertion_type|notification_token)|grant_type|scope|resource|request(_uri)?|(login|id_token)_hint|login_hint_token)$/i

/** All of a request in a JWT (section 7.1.1). */
export const sign = (
  operation: string,
  signer: JwtSigner.Service,
  client: OAuthClient.Service,
  metadata: AuthorizationServerMetadata,
  parameters: ReadonlyArray<Parameter>,
  options: SignOptions
): Effect.Effect<Redacted.Redacted<string>, DiscoveryError | KeyringError | JwtError> =>
  Effect.gen(function* () {
    const listed = metadata.backchannel_authentication_request_signing_alg_values_supported ?? []
    const { algorithm, kid, lifetime = "60 seconds" } = options
    const algorithms = JwtAlgorithm.asymmetric.filter(
      (one) => listed.includes(one) && (algorithm === undefined || one === algorithm)
    )
    if (algorithms.length === 0) return yield* notSigned(operation, client.issuer, algorithm)
    const plain = parameters.map(
      ([name, value]) => [name, Redacted.isRedacted(value) ? Redacted.value(value) : value] as const
    )
    const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
    return yield* signer.sign(
      {
        ...(yield* claimsOf(operation, plain)),
        iss: client.clientId,
        aud: client.issuer,
        iat: now,
        nbf: now
      },
      { algorithm, algorithms, kid, lifetime }
    )
  })

const notSigned = (operation: string, issuer: string, algorithm: string | undefined): DiscoveryError =>
  new DiscoveryError({
    operation,
    reason: "unsupported",
    expected: algorithm ?? JwtAlgorithm.asymmetric.join(", "),
    message: `${operation}: ${issuer} does not list ${algorithm ?? "algorithms"} for signed authentication requests (backchannel_authentication_request_signing_alg_values_supported). Use Ciba.layer, which does not sign, or another algorithm.`
  })

const hintOf = (hint: Hint): Parameter => {
  if ("loginHint" in hint) return ["login_hint", hint.loginHint]
  return "loginHintToken" in hint
    ? ["login_hint_token", hint.loginHintToken]
    : ["id_token_hint", hint.idTokenHint]
}
