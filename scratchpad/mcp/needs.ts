/** What an MCP server wants of those who call it. */
import type * as AuthorizationServerMetadata from "effect-oauth/AuthorizationServerMetadata"
import * as LegacyMcp from "effect-oauth/LegacyMcp"
import * as OAuthHttpClient from "effect-oauth/OAuthHttpClient"
import * as Effect from "effect/Effect"

export interface Needs {
  /** Of the servers that it names the first; which of them a program trusts is for the program to say. */
  readonly issuer: string
  readonly resource: string
  readonly scope: ReadonlyArray<string>
  /** The metadata of the issuer, where it is not to be had from the issuer itself. */
  readonly metadata?: AuthorizationServerMetadata.AuthorizationServerMetadata
}

/**
 * By the challenge of its 401, else by what it publishes at its well-known places (RFC 9728). One that has neither is from
 * before that was the rule. Metadata about another resource is no reason to look further.
 */
export const find = (url: string, challenge: string | undefined) =>
  OAuthHttpClient.discover(url, { challenge }).pipe(
    Effect.map(({ issuer, resource, scope }): Needs => ({ issuer, resource, scope })),
    Effect.catchIf(
      (error) => error._tag === "DiscoveryError" && error.reason === "not_found",
      () =>
        Effect.map(LegacyMcp.server(url, { presumeEndpoints: true }), ({ issuer, metadata }): Needs => ({
          issuer,
          resource: url,
          scope: [],
          metadata
        }))
    )
  )
