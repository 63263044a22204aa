import * as Schema from "effect/Schema"
import { common } from "./errorMembers.js"

/**
 * A resource refuses a token that is good but not good enough: it wants more
 * scope (`insufficient_scope`, RFC 6750 section 3.1), or another or a fresher
 * login of the person (`insufficient_user_authentication`, RFC 9470). It is what
 * `StepUp.begin` takes as its request; add the `resource` that the tokens are
 * for where the server wants one.
 *
 * @since 0.1.0
 * @category errors
 */
export class StepUpRequired extends Schema.TaggedError<StepUpRequired>("effect-oauth/StepUpRequired")(
  "StepUpRequired",
  {
    ...common,
    reason: Schema.Literal("insufficient_scope", "insufficient_user_authentication"),
    /** Origin and path of the request that was refused. */
    url: Schema.String,
    status: Schema.Number,
    /** The challenges of scheme `Bearer` and `DPoP`, with what they say of the step-up. */
    challenge: Schema.String,
    /** The scope of the token that was refused. */
    granted: Schema.Array(Schema.String),
    /** What to ask for: the scope that is granted and that is wanted. */
    scope: Schema.Array(Schema.String),
    acrValues: Schema.Array(Schema.String),
    /** How old the login may be. */
    maxAge: Schema.optional(Schema.Duration),
    /** How the person has logged in, as far as the tokens tell. */
    login: Schema.optional(
      Schema.Struct({ acr: Schema.optional(Schema.String), auth_time: Schema.optional(Schema.Number) })
    ),
    /**
     * Whether asking the person again would probably change nothing: all of it is
     * granted and done already, or, where the tokens do not tell, the same was
     * wanted a short while ago of another token. Do not step up again, or it loops.
     */
    repeated: Schema.Boolean
  }
) {}
