/** What is usual for tokens of a kind. */
import type { JwtClaims } from "../Jwt.js"

export interface Kind {
  readonly typ: string
  /** Seconds; `false` where `exp` is not usual. */
  readonly lifetime: number | false
  readonly jti: boolean
  readonly required: ReadonlyArray<string>
}

/**
 * The kinds of tokens that a signer knows what is usual for.
 *
 * @since 0.1.0
 * @category models
 */
export type SignProfile =
  "accessToken" | "idToken" | "clientAssertion" | "dpopProof" | "logoutToken" | "introspection"

export const kinds: Readonly<Record<SignProfile, Kind>> = {
  // RFC 9068 section 2.2
  accessToken: { typ: "at+jwt", lifetime: 300, jti: true, required: ["iss", "sub", "aud", "client_id"] },
  // OpenID Connect Core 2
  idToken: { typ: "JWT", lifetime: 300, jti: false, required: ["iss", "sub", "aud"] },
  // RFC 7523 section 3
  clientAssertion: { typ: "JWT", lifetime: 60, jti: true, required: ["iss", "sub", "aud"] },
  // RFC 9449 section 4.2
  dpopProof: { typ: "dpop+jwt", lifetime: false, jti: true, required: ["htm", "htu"] },
  // OpenID Connect Back-Channel Logout 2.4
  logoutToken: { typ: "logout+jwt", lifetime: 120, jti: true, required: ["iss", "aud", "events"] },
  // RFC 9701 section 5
  introspection: {
    typ: "token-introspection+jwt",
    lifetime: false,
    jti: false,
    required: ["iss", "aud", "token_introspection"]
  }
}

/** The first claim that is missing from a token of a kind. */
export const missingFrom = (kind: Kind, claims: JwtClaims): string | undefined =>
  kind.required.find((name) => claims[name] === undefined)
