import { ProtocolViolation } from "../../protocol/internal/exchangeErrors.js"

/** What breaks a rule; `problem` is a sentence without its end. */
export const violation = (
  operation: string,
  reason: ProtocolViolation["reason"],
  member: string,
  rule: string,
  problem: string
): ProtocolViolation =>
  new ProtocolViolation({ operation, reason, member, rule, message: `${operation}: ${problem} (${rule}).` })
