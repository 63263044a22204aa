/** The switches: data, and what each is for. */

/**
 * What a provider does otherwise than its specification says. There is no
 * general leniency: whatever is not switched on stays as strict as it is.
 * All of them are data.
 *
 * @since 0.1.0
 * @category models
 */
export interface Switches {
  /** The `token_type` of a token response that has none: LinkedIn. */
  readonly assumeTokenType?: "Bearer" | undefined
  /** Other names for `Bearer` in `token_type`: Slack says `bot` and `user`. */
  readonly bearerTokenTypes?: ReadonlyArray<string> | undefined
  /** Other statuses than 200 that come with tokens: 201 of CrowdStrike. */
  readonly successStatuses?: ReadonlyArray<number> | undefined
  /** Token responses, and errors, may be form-encoded: GitHub before it looked at `Accept`, Facebook. */
  readonly formEncodedResponse?: boolean | undefined
  /** What stands between the scopes of a request, in place of a space: `,` for Slack and TikTok. */
  readonly scopeSeparator?: string | undefined
  /** What stands between the scopes of a token response: `,` from GitHub and Slack. */
  readonly grantedScopeSeparator?: string | undefined
  /** The `scope` of a token response may be a list of texts: Twitch. */
  readonly scopeMayBeArray?: boolean | undefined
  /** `expires_in`, and `interval` of the device grant, may be digits in a text: PayPal, Entra's older endpoints, B2C. */
  readonly expiresInMayBeText?: boolean | undefined
  /** The lifetime in seconds of tokens whose response does not tell it: Salesforce, by the session settings of the org. */
  readonly assumeExpiresIn?: number | undefined
  /** The `client_secret_expires_at` of a registration that has none, 0 for a secret that does not end: small MCP servers. */
  readonly assumeSecretExpiresAt?: number | undefined
  /** Where in a token response the tokens are: `["authed_user"]` for the user tokens of Slack, `["body"]` for Withings. */
  readonly bodyPath?: ReadonlyArray<string> | undefined
  /** A refresh answers without the `bodyPath`: Slack. */
  readonly flatRefresh?: boolean | undefined
  /** Members of any answer by another name, standard name first: Google's `{ verification_uri: "verification_url" }`. */
  readonly memberNames?: Readonly<Record<string, string>> | undefined
  /** Take no notice of an `id_token`, and insist on none: of those who send one to plain OAuth clients, or one that cannot be verified. */
  readonly ignoreIdToken?: boolean | undefined
  /** Send no `nonce`, and accept ID tokens without: LinkedIn and Dropbox, who put none into them. Not with `code id_token`. */
  readonly omitNonce?: boolean | undefined
  /** Send neither `code_challenge` nor `code_verifier`: LinkedIn, which refuses a client with a secret for it. Never without a secret. */
  readonly omitPkce?: boolean | undefined
  /** The name of `client_id` in requests: TikTok's `client_key`. */
  readonly clientIdParameter?: string | undefined
  /** Token requests are JSON: Notion. */
  readonly tokenRequestFormat?: "json" | undefined
  /** A refresh may not tell a scope: those who refuse the one they granted. */
  readonly omitScopeOnRefresh?: boolean | undefined
  /** Parameters of every authorization request that does not set them: `access_type` of Google, `audience` of Atlassian. */
  readonly authorizeParameters?: Readonly<Record<string, string>> | undefined
  /** Parameters of every token request that does not set them: `action` of Withings. */
  readonly tokenParameters?: Readonly<Record<string, string>> | undefined
  /** The `User-Agent` of requests, without which they are refused: GitHub, Reddit. */
  readonly userAgent?: string | undefined
  /** Whose ID tokens they may be, at a server that speaks for many issuers: Microsoft Entra. */
  readonly issuer?: IssuerTemplate | undefined
}

/**
 * An issuer with a tenant in it.
 *
 * @since 0.1.0
 * @category models
 */
export interface IssuerTemplate {
  /** As the metadata has it: `https://login.microsoftonline.com/{tenantid}/v2.0`. */
  readonly template: string
  /** What stands for the tenant in it: `{tenantid}`. */
  readonly placeholder: string
  /** The claim that tells the tenant, and must be the one in `iss`: `tid`. */
  readonly claim: string
  /** The tenants that may log in; `any` is every one that the provider has. */
  readonly tenants: ReadonlyArray<string> | "any"
}
