/** The statuses of many tokens in one list (draft-ietf-oauth-status-list section 4). */
import * as Effect from "effect/Effect"

/** How many bits tell one status. */
export type Bits = 1 | 2 | 4 | 8

export const isBits = (value: unknown): value is Bits =>
  value === 1 || value === 2 || value === 4 || value === 8

export interface StatusList {
  readonly bits: Bits
  readonly bytes: Uint8Array
}

/**
 * The status at an index; nothing where the list ends before it. Bytes are in
 * their order, the statuses in a byte begin with the least significant bit.
 */
export const at = ({ bits, bytes }: StatusList, index: number): number | undefined => {
  const perByte = 8 / bits
  const byte = bytes[Math.floor(index / perByte)]
  return byte === undefined ? undefined : (byte >> ((index % perByte) * bits)) & ((1 << bits) - 1)
}

/**
 * What was compressed in the format of ZLIB (RFC 1950), read as far as it may
 * grow and no further: a few bytes can be any number of others.
 */
export const inflate = (
  compressed: Uint8Array<ArrayBuffer>,
  maxBytes: number
): Effect.Effect<Uint8Array, "damaged" | "too_large"> =>
  Effect.flatMap(
    Effect.tryPromise({ try: () => read(compressed, maxBytes), catch: () => "damaged" as const }),
    (bytes) => (bytes === undefined ? Effect.fail("too_large" as const) : Effect.succeed(bytes))
  )

const read = async (
  compressed: Uint8Array<ArrayBuffer>,
  maxBytes: number
): Promise<Uint8Array | undefined> => {
  const reader = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("deflate")).getReader()
  const parts: Array<Uint8Array<ArrayBuffer>> = []
  let size = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    size += value.byteLength
    if (size > maxBytes) {
      // What is wrong with the rest does not matter any more.
      await reader.cancel().catch(() => undefined)
      return undefined
    }
    parts.push(value)
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer())
}
