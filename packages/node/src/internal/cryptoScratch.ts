/** Memory that texts become bytes in while a synchronous operation reads them. */

export interface Scratch {
  /** The bytes of a text in UTF-8; good until the next text. */
  readonly text: (text: string) => Uint8Array
  /** The bytes of a signature in base64url; good until the next signature. */
  readonly signature: (text: string) => Uint8Array
}

const textBytes = 48 * 1024
const signatureBytes = 2 * 1024

/** A new buffer for each operation costs more than filling it. */
export const make = (): Scratch => {
  const text = Buffer.alloc(textBytes)
  const signature = Buffer.alloc(signatureBytes)
  return {
    // A character is at most three bytes.
    text: (from) =>
      from.length * 3 > textBytes ? Buffer.from(from, "utf8") : text.subarray(0, text.write(from, 0, "utf8")),
    signature: (from) =>
      from.length > signatureBytes
        ? Buffer.from(from, "base64url")
        : signature.subarray(0, signature.write(from, 0, "base64url"))
  }
}
