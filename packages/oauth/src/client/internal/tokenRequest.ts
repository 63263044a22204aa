/** The one place that posts to a token endpoint. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Telemetry from "../../http/Telemetry.js"
import * as Wire from "../../http/Wire.js"
import * as GrantType from "../../protocol/GrantType.js"
import * as Scope from "../../protocol/Scope.js"
import * as TokenResponse from "../../protocol/TokenResponse.js"
import type { Parameter } from "../ClientAuthentication.js"
import type { OAuthClient } from "../OAuthClient.js"
import { opened } from "./encrypted.js"
import * as FormRequest from "./formRequest.js"
import * as RequestRules from "./requestRules.js"

/** What is particular to a grant. */
export interface Grant {
  /** The flow method, for errors: `"Refresh.refresh"`. */
  readonly operation: string
  readonly grantType: GrantType.GrantType
  /** In order; a name may come more than once where its specification says so (`resource`, `audience`). */
  readonly parameters: ReadonlyArray<Parameter>
  /** The scope to ask for; none sends no `scope`. */
  readonly scope?: ReadonlyArray<string> | undefined
  /** The scope that silence of the server means, where it is not `scope`. */
  readonly defaultScope?: ReadonlyArray<string> | undefined
  /** Parameters of the caller's own, such as a provider's `audience`; none that the grant or the client sets. */
  readonly extra?: Readonly<Record<string, string>> | undefined
  /** Comes right before sending: endpoint, credentials and proof are there. A failure without it has spent nothing. */
  readonly sending?: Effect.Effect<void> | undefined
}

/**
 * What `TokenEndpoint.request` does with a grant that it does not refuse. A login is made of this alone, which weighs
 * less in a browser than with the grants that only a program can name.
 */
export const make = (client: OAuthClient.Service) => {
  const measured = Telemetry.makeTokenRequestMeter()
  return (grant: Grant) =>
    Effect.gen(function* () {
      const { operation } = grant
      yield* RequestRules.scope(operation, grant.scope)
      const parameters: Array<Parameter> = [["grant_type", grant.grantType], ...grant.parameters]
      if (grant.scope !== undefined && grant.scope.length > 0)
        parameters.push(["scope", Scope.format(grant.scope)])
      const { response, secrets } = yield* FormRequest.send(client, {
        operation,
        endpoint: "token_endpoint",
        parameters,
        extra: grant.extra,
        sending: grant.sending,
        dpop: true
      })
      const body = yield* FormRequest.object(operation, response, secrets)
      if (response.status !== 200) {
        return yield* Effect.flatMap(Wire.statusError(operation, response), Effect.fail)
      }
      const tokens = yield* TokenResponse.decode(body, {
        operation,
        issuer: client.issuer,
        receivedAt: yield* Clock.currentTimeMillis,
        requestedScope: grant.defaultScope ?? grant.scope ?? [],
        notApplicable: grant.grantType === GrantType.tokenExchange
      })
      if (client.dpop !== undefined) yield* client.dpop.requireBound(operation, tokens.tokenType)
      if (Option.isNone(tokens.idToken)) return tokens
      return { ...tokens, idToken: Option.some(yield* opened(client.decrypter, tokens.idToken.value)) }
    }).pipe(measured(grant.grantType))
}
