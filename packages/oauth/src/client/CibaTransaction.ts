/**
 * What must be remembered while a person decides at another device.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

const Secret = Schema.Redacted(Schema.String)

const transaction = Schema.Struct({
  issuer: Schema.String,
  clientId: Schema.String,
  authReqId: Secret,
  /** By which the server's notification is recognised; there where one was asked for. */
  notificationToken: Schema.optionalWith(Secret, { as: "Option" }),
  /** The least seconds between two requests. */
  interval: Schema.Number,
  /** In milliseconds since the epoch, as `Clock` tells. */
  expiresAt: Schema.Number,
  scope: Schema.Array(Schema.String),
  /** RFC 8707. */
  resource: Schema.Array(Schema.String)
})

/**
 * One backchannel authentication under way: made by `Ciba.begin`.
 *
 * @since 0.1.0
 * @category models
 */
export interface CibaTransaction extends Schema.Schema.Type<typeof transaction> {}

/**
 * To keep a transaction while the person decides, and find it again by
 * `authReqId` when the server notifies: encoded, its secrets are plain text.
 *
 * @since 0.1.0
 * @category schemas
 */
export const CibaTransaction: Schema.Schema<CibaTransaction, typeof transaction.Encoded> = transaction
