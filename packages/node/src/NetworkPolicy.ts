/**
 * Which addresses are of the public internet.
 *
 * @since 0.1.0
 */
import { isIPv4, isIPv6 } from "node:net"

/**
 * Whether an address is one that anybody on the internet may be meant by:
 * nothing of this machine, of its networks, or of a special range that stands
 * for another address.
 *
 * - IPv4: all but 0/8, 10/8, 100.64/10, 127/8, 169.254/16, 172.16/12, 192.0.0/24,
 *   192.0.2/24, 192.88.99/24, 192.168/16, 198.18/15, 198.51.100/24, 203.0.113/24,
 *   and everything from 224.0.0.0 on
 * - IPv6: only 2000::/3, and of that not 2001::/23 (Teredo, benchmarking,
 *   ORCHID), 2001:db8::/32, 2002::/16 (6to4) and 3fff::/20; an address that is an
 *   IPv4 address (`::ffff:a.b.c.d`) is judged as that
 *
 * These are the registries of RFC 6890 and its successors, read strictly. What
 * is no address is not public, and neither is one with a zone (`fe80::1%eth0`),
 * in brackets, or in a form that parsers read differently (`127.1`, `0x7f.1`).
 *
 * @since 0.1.0
 * @category predicates
 */
export const isPublic = (address: string): boolean => {
  if (isIPv4(address)) return isPublicV4(octetsOf(address))
  if (!isIPv6(address) || address.includes("%")) return false
  const groups = groupsOf(address)
  const [a = 0, b = 0] = groups
  if (isMapped(groups)) return isPublicV4(embedded(groups))
  if (a < 0x2000 || a > 0x3fff) return false
  return !((a === 0x2001 && (b < 0x0200 || b === 0x0db8)) || a === 0x2002 || (a === 0x3fff && b < 0x1000))
}

/**
 * Whether an address is of this machine: 127/8, `::1`, or the former as
 * `::ffff:127.0.0.1`.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isLoopback = (address: string): boolean => {
  if (isIPv4(address)) return octetsOf(address)[0] === 127
  if (!isIPv6(address) || address.includes("%")) return false
  const groups = groupsOf(address)
  return isMapped(groups)
    ? embedded(groups)[0] === 127
    : groups.every((group, index) => group === (index === 7 ? 1 : 0))
}

const octetsOf = (address: string): ReadonlyArray<number> => address.split(".").map(Number)

const special: ReadonlyArray<readonly [octets: ReadonlyArray<number>, bits: number]> = [
  [[0], 8],
  [[10], 8],
  [[100, 64], 10],
  [[127], 8],
  [[169, 254], 16],
  [[172, 16], 12],
  [[192, 0, 0], 24],
  [[192, 0, 2], 24],
  [[192, 88, 99], 24],
  [[192, 168], 16],
  [[198, 18], 15],
  [[198, 51, 100], 24],
  [[203, 0, 113], 24],
  [[224], 3]
]

const isPublicV4 = (octets: ReadonlyArray<number>): boolean => {
  const value = number(octets)
  return !special.some(([network, bits]) => {
    const size = 2 ** (32 - bits)
    return Math.floor(value / size) === Math.floor(number(network) / size)
  })
}

const number = (octets: ReadonlyArray<number>): number =>
  [0, 1, 2, 3].reduce((sum, index) => sum * 256 + (octets[index] ?? 0), 0)

/** The eight groups of an IPv6 address that `isIPv6` has accepted. */
const groupsOf = (address: string): ReadonlyArray<number> => {
  const [before = "", after] = address.split("::")
  const head = parts(before)
  const tail = parts(after ?? "")
  const zeros = after === undefined ? 0 : 8 - head.length - tail.length
  return [...head, ...Array.from({ length: Math.max(zeros, 0) }, () => 0), ...tail]
}

const parts = (text: string): ReadonlyArray<number> =>
  text === ""
    ? []
    : text.split(":").flatMap((part) => {
        if (!part.includes(".")) return [parseInt(part, 16)]
        const [a = 0, b = 0, c = 0, d = 0] = octetsOf(part)
        return [a * 256 + b, c * 256 + d]
      })

/** `::ffff:0:0/96`, RFC 4291 section 2.5.5.2. */
const isMapped = (groups: ReadonlyArray<number>): boolean =>
  groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff

const embedded = (groups: ReadonlyArray<number>): ReadonlyArray<number> =>
  groups.slice(6).flatMap((group) => [group >> 8, group & 255])
