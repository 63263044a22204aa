/**
 * What must be remembered while a person decides about a device.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

const transaction = Schema.Struct({
  issuer: Schema.String,
  clientId: Schema.String,
  deviceCode: Schema.Redacted(Schema.String),
  /** What the person types in; visible ASCII. */
  userCode: Schema.String,
  /** Where the person types it in; https, or http on this machine. */
  verificationUri: Schema.String,
  /** The same with the code in it, for a QR code or to be opened; where the server has one. */
  verificationUriComplete: Schema.optionalWith(Schema.String, { as: "Option" }),
  /** Whether the complete URI leads to another host than `verificationUri`: then show it to nobody unasked. */
  completeElsewhere: Schema.Boolean,
  /** The least seconds between two requests. */
  interval: Schema.Number,
  /** In milliseconds since the epoch, as `Clock` tells. */
  expiresAt: Schema.Number,
  scope: Schema.Array(Schema.String),
  /** RFC 8707. */
  resource: Schema.Array(Schema.String)
})

/**
 * One device authorization under way: made by `DeviceAuthorization.begin`.
 * Everything in it but the device code is for the person to see.
 *
 * @since 0.1.0
 * @category models
 */
export interface DeviceTransaction extends Schema.Schema.Type<typeof transaction> {}

/**
 * To keep a transaction while the person decides: encoded, its device code is
 * plain text.
 *
 * @since 0.1.0
 * @category schemas
 */
export const DeviceTransaction: Schema.Schema<DeviceTransaction, typeof transaction.Encoded> = transaction
