/** As much of DER (X.690) as finding the parts of a key needs. */

export interface Element {
  readonly tag: number
  /** Where the content begins and ends, and with it the element. */
  readonly from: number
  readonly to: number
  /** Where the element begins. */
  readonly start: number
}

export const SEQUENCE = 0x30
export const INTEGER = 0x02
export const OBJECT_IDENTIFIER = 0x06
export const OCTET_STRING = 0x04

/** The element at a place, if one is there whole and before `end`. */
export const elementAt = (der: Uint8Array, start: number, end: number): Element | undefined => {
  const tag = der[start]
  const first = der[start + 1]
  if (tag === undefined || first === undefined || start + 2 > end) return undefined
  let from = start + 2
  let length = first
  if (first >= 0x80) {
    const octets = first & 0x7f
    if (octets < 1 || octets > 3 || from + octets > end) return undefined
    length = 0
    for (const octet of der.subarray(from, from + octets)) length = length * 256 + octet
    from += octets
  }
  return from + length <= end ? { tag, start, from, to: from + length } : undefined
}

/** The elements inside a range; nothing unless they fill it exactly. */
export const elements = (der: Uint8Array, range: { from: number; to: number }): ReadonlyArray<Element> => {
  const found: Array<Element> = []
  for (let at = range.from; at < range.to;) {
    const element = elementAt(der, at, range.to)
    if (element === undefined) return []
    found.push(element)
    at = element.to
  }
  return found
}

export const hex = (der: Uint8Array, { from, to }: Element): string =>
  Array.from(der.subarray(from, to), (byte) => byte.toString(16).padStart(2, "0")).join("")

/** Puts a tag and a length before contents. */
export const encode = (tag: number, ...contents: ReadonlyArray<Uint8Array>): Uint8Array<ArrayBuffer> => {
  const length = contents.reduce((sum, part) => sum + part.length, 0)
  const head =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : length < 0x10000
          ? [tag, 0x82, length >> 8, length & 0xff]
          : [tag, 0x83, length >> 16, (length >> 8) & 0xff, length & 0xff]
  const out = new Uint8Array(head.length + length)
  out.set(head)
  let at = head.length
  for (const part of contents) {
    out.set(part, at)
    at += part.length
  }
  return out
}
