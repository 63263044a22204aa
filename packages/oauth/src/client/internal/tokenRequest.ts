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
import type { TokenEndpoint } from "../TokenEndpoint.js"
import { opened } from "./encrypted.js"
import * as FormRequest from "./formRequest.js"
import * as RequestRules from "./requestRules.js"

/** What `TokenEndpoint.request` does, for a grant that may be asked for. */
export const makeTokenRequest = (client: OAuthClient.Service): TokenEndpoint.Service["request"] => {
  const measured = Telemetry.makeTokenRequestMeter()
  return (grant) =>
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
