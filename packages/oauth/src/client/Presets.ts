/**
 * Providers, as plain values: each says where a provider is and how it
 * deviates. One's own is a value of the same type, and needs no code here.
 *
 * @since 0.1.0
 */
export {
  auth0,
  azureB2c,
  cognito,
  type Domain,
  entra,
  type EntraOptions,
  keycard,
  keycloak,
  okta,
  salesforce
} from "./internal/presetsOfTenants.js"
export {
  apple,
  atlassian,
  discord,
  dropbox,
  github,
  google,
  linkedin,
  notion,
  paypal,
  reddit,
  slack,
  slackUser,
  twitch,
  x,
  zoom
} from "./internal/presetsOfServices.js"
