/** The family as a whole. */
import * as Schema from "effect/Schema"
import {
  AuthorizationError,
  DiscoveryError,
  KeyringError,
  OAuthResponseError,
  ProtocolViolation,
  TransportError
} from "./exchangeErrors.js"
import { JwtError } from "./jwtError.js"
import { LoginError, ReauthorizationRequired, TokenStoreError } from "./sessionErrors.js"
import { StepUpRequired } from "./stepUpRequired.js"

/**
 * Any failure of the toolkit, as a type.
 *
 * @since 0.1.0
 * @category errors
 */
export type OAuthError =
  | TransportError
  | OAuthResponseError
  | ProtocolViolation
  | DiscoveryError
  | AuthorizationError
  | KeyringError
  | JwtError
  | LoginError
  | TokenStoreError
  | ReauthorizationRequired
  | StepUpRequired

/**
 * Any failure of the toolkit, as a schema: to send one to another process.
 *
 * @since 0.1.0
 * @category schemas
 */
export const OAuthError: Schema.Union<
  [
    typeof TransportError,
    typeof OAuthResponseError,
    typeof ProtocolViolation,
    typeof DiscoveryError,
    typeof AuthorizationError,
    typeof KeyringError,
    typeof JwtError,
    typeof LoginError,
    typeof TokenStoreError,
    typeof ReauthorizationRequired,
    typeof StepUpRequired
  ]
> = Schema.Union(
  TransportError,
  OAuthResponseError,
  ProtocolViolation,
  DiscoveryError,
  AuthorizationError,
  KeyringError,
  JwtError,
  LoginError,
  TokenStoreError,
  ReauthorizationRequired,
  StepUpRequired
)
