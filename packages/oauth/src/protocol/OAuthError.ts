/**
 * The error family of the toolkit.
 *
 * Every failure of every flow is one of these classes. They are serialisable
 * (each is a `Schema`), carry a `reason` to match on, the `operation` that
 * failed, a `message` that says what to do next, and never a secret: nothing
 * here keeps a request, a response body or another library's error as `cause`.
 *
 * @since 0.1.0
 */
export { OAuthError } from "./internal/anyError.js"
export {
  AuthorizationError,
  DiscoveryError,
  KeyringError,
  OAuthResponseError,
  ProtocolViolation,
  TransportError
} from "./internal/exchangeErrors.js"
export { JwtError } from "./internal/jwtError.js"
export { LoginError, ReauthorizationRequired, TokenStoreError } from "./internal/sessionErrors.js"
export { StepUpRequired } from "./internal/stepUpRequired.js"
