import * as Schema from "effect/Schema"

/** What every member of the family tells. */
export const common = {
  /** The flow method that failed, as in its span: `"CodeExchange.exchange"`. */
  operation: Schema.String,
  /** What went wrong and what to do about it; safe to show and to log. */
  message: Schema.String
}
