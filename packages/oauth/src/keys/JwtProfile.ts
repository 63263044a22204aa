/**
 * What a token must be to be accepted: profiles, as values.
 *
 * A profile is made once, with its rules compiled to closures, and given to
 * `JwtVerifier.verify` with each token. Making one costs little, so those that
 * hold something of a request (a nonce, the URL of a proof) are made for each.
 *
 * @since 0.1.0
 */
export {
  accessToken,
  accessTokenCognito,
  type AccessTokenClaims,
  accessTokenLenient,
  type AccessTokenOptions,
  type LenientAccessTokenClaims
} from "./internal/accessTokenProfile.js"
export type { Problem } from "./internal/claimRules.js"
export {
  clientAssertion,
  type ClientAssertionClaims,
  dpopProof,
  type DpopProofClaims,
  introspection,
  type IntrospectionClaims
} from "./internal/clientProfiles.js"
export {
  identityAssertion,
  type IdentityAssertionClaims,
  type IdentityAssertionOptions
} from "./internal/identityAssertionProfile.js"
export {
  idToken,
  type IdTokenClaims,
  type IdTokenOptions,
  logoutToken,
  type LogoutTokenClaims
} from "./internal/idTokenProfile.js"
export { defaultLeeway, type JwtProfile, make, type Options, withClaims } from "./internal/profile.js"
export {
  statusList,
  type StatusListClaims,
  type StatusListMember,
  type StatusListOptions
} from "./internal/statusListProfile.js"
