/**
 * What is inside a JWT (RFC 7519), as types, and how to look at it without
 * trusting it.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { parseClaims, parseHeader, split } from "./internal/compact.js"
import type { JwtClaims, JwtHeader } from "./internal/jwt.js"

export type { JwtClaims, JwtHeader } from "./internal/jwt.js"

/**
 * The audiences of a token as a list, whether its `aud` is text or a list
 * (RFC 7519 section 4.1.3).
 *
 * @since 0.1.0
 * @category accessors
 */
export const audiences = (claims: JwtClaims): ReadonlyArray<string> => {
  const aud = claims["aud"]
  if (typeof aud === "string") return [aud]
  return Array.isArray(aud) ? aud.filter((value): value is string => typeof value === "string") : []
}

/**
 * The scope of a token as a list, each value once: `scope` as text (RFC 9068
 * section 2.2.3), or as a list, or `scp` as either, as some servers have it.
 *
 * @since 0.1.0
 * @category accessors
 */
export const scopes = (claims: JwtClaims): ReadonlyArray<string> => {
  const scope = claims["scope"] ?? claims["scp"]
  const values: ReadonlyArray<unknown> =
    typeof scope === "string" ? scope.split(" ") : Array.isArray(scope) ? scope : []
  return [...new Set(values.filter((value): value is string => typeof value === "string" && value !== ""))]
}

/**
 * Reads a compact JWT without verifying anything: for a message, or to find
 * out whom to ask. Nothing in it may be believed. None for what is not a
 * well-formed signed JWT.
 *
 * @since 0.1.0
 * @category decoding
 */
export const decodeUnverified = (
  token: Redacted.Redacted<string> | string
): Option.Option<{ readonly header: JwtHeader; readonly claims: JwtClaims }> => {
  const text = typeof token === "string" ? token : Redacted.value(token)
  const parts = split(text)
  if (parts === undefined) return Option.none()
  const header = parseHeader(text.slice(0, parts.first))
  const claims = parseClaims(text.slice(parts.first + 1, parts.second))
  return typeof header === "string" || claims === undefined ? Option.none() : Option.some({ header, claims })
}
