/** A resource in memory that notes what it is sent, and tokens that are renewed by counting. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { TokenSet } from "effect-oauth/TokenSet"

export const api = "https://api.test"

export interface Arrived {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly request: HttpClientRequest.HttpClientRequest
}

/** Answers by what came, and how often something came before. */
export type Answer = (arrived: Arrived, count: number) => Response | Effect.Effect<Response>

/** A client that reaches whatever is asked for, and the list of what came there. */
export const make = (answer: Answer = () => new Response("ok")) => {
  const arrived: Array<Arrived> = []
  const client = HttpClient.make((request, url) =>
    Effect.suspend(() => {
      const one = { method: request.method, url: url.href, headers: { ...request.headers }, request }
      arrived.push(one)
      const response = answer(one, arrived.length)
      return Effect.map(Effect.isEffect(response) ? response : Effect.succeed(response), (web) =>
        HttpClientResponse.fromWeb(request, web)
      )
    })
  )
  return { client, arrived, authorizations: () => arrived.map(({ headers }) => headers["authorization"]) }
}

export const tokenSet = (accessToken: string, more: Partial<TokenSet> = {}): TokenSet => ({
  issuer: "https://issuer.test",
  accessToken: Redacted.make(accessToken),
  tokenType: "Bearer",
  expiresAt: Option.none(),
  scope: ["notes:read"],
  refreshToken: Option.none(),
  idToken: Option.none(),
  issuedTokenType: Option.none(),
  authorizationDetails: Option.none(),
  additional: Redacted.make({}),
  ...more
})

/** `token-1`, and another by each renewal of the one at hand. */
export const makeTokens = (more: Partial<TokenSet> = {}) => {
  let current = 1
  let gets = 0
  const renewals: Array<string> = []
  const now = () => tokenSet(`token-${current}`, more)
  return {
    tokens: {
      get: Effect.sync(() => {
        gets++
        return now()
      }),
      renew: (refused: Redacted.Redacted<string>) =>
        Effect.sync(() => {
          renewals.push(Redacted.value(refused))
          if (Redacted.value(refused) === `token-${current}`) current++
          return now()
        })
    },
    renewals,
    gets: () => gets
  }
}

export const refusing = (status: number, challenge?: string, body: string = "refused"): Response =>
  new Response(body, {
    status,
    ...(challenge === undefined ? {} : { headers: { "www-authenticate": challenge } })
  })

export const invalidToken = 'Bearer error="invalid_token"'

/** Lets in whoever comes with this token, and says `invalid_token` to others. */
export const letIn = (token: string, { headers }: Arrived): Response =>
  headers["authorization"] === `Bearer ${token}` ? new Response("ok") : refusing(401, invalidToken)

export const letsIn =
  (token: string): Answer =>
  (arrived) =>
    letIn(token, arrived)
