/**
 * Why the sender of a token is not the one it was issued to.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * A token that is refused for who sent it, or could not be judged.
 *
 * - `invalid_token`: not bound to what the request shows (401)
 * - `invalid_dpop_proof`: no proof, or one that is not good (401, RFC 9449
 *   section 7.1)
 * - `use_dpop_nonce`: the proof lacks the nonce of this resource (401, RFC 9449
 *   section 9)
 * - `unavailable`: the store of used proofs does not answer (503)
 *
 * `message` is for the log: it has nothing of the token, the proof or the
 * certificate in it. The answer has the code alone.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConstraintRefusal extends Data.TaggedError("ConstraintRefusal")<{
  readonly reason: "invalid_token" | "invalid_dpop_proof" | "use_dpop_nonce" | "unavailable"
  readonly message: string
}> {}
