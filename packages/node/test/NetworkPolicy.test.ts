import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as NetworkPolicy from "effect-oauth-node/NetworkPolicy"

const open = [
  ["93.184.216.34", "seeds 4.7"],
  ["1.1.1.1", "seeds 4.7"],
  ["9.255.255.255", "below 10/8"],
  ["11.0.0.0", "above 10/8"],
  ["100.63.255.255", "below 100.64/10"],
  ["100.128.0.0", "above 100.64/10"],
  ["126.255.255.255", "below 127/8"],
  ["128.0.0.0", "above 127/8"],
  ["169.253.255.255", "below 169.254/16"],
  ["169.255.0.0", "above 169.254/16"],
  ["172.15.255.255", "below 172.16/12"],
  ["172.32.0.0", "above 172.16/12"],
  ["192.167.255.255", "below 192.168/16"],
  ["192.169.0.0", "above 192.168/16"],
  ["192.0.1.0", "between 192.0.0/24 and 192.0.2/24"],
  ["192.0.78.9", "above 192.0.2/24: wordpress.com"],
  ["192.88.98.255", "below 192.88.99/24"],
  ["192.88.100.0", "above 192.88.99/24"],
  ["198.17.255.255", "below 198.18/15"],
  ["198.20.0.0", "above 198.18/15"],
  ["198.51.99.255", "below 198.51.100/24"],
  ["198.51.101.0", "above 198.51.100/24"],
  ["203.0.112.255", "below 203.0.113/24"],
  ["203.0.114.0", "above 203.0.113/24"],
  ["223.255.255.255", "below 224/4"],
  ["2606:4700:4700::1111", "global unicast"],
  ["2001:200::1", "above 2001::/23"],
  ["2001:4860:4860::8888", "global unicast"],
  ["2001:db7:ffff::", "below the documentation range"],
  ["2001:db9::", "above the documentation range"],
  ["2003::1", "above 6to4"],
  ["3fff:1000::", "above 3fff::/20"],
  ["::ffff:1.1.1.1", "mapped, public"],
  ["::ffff:5db8:d822", "mapped, in hexadecimal"]
] as const

const closed = [
  ["0.0.0.0", "this network"],
  ["0.255.255.255", "this network"],
  ["10.0.0.1", "seeds 4.7"],
  ["10.255.255.255", "private"],
  ["100.64.0.0", "carrier-grade NAT"],
  ["100.127.255.255", "carrier-grade NAT"],
  ["127.0.0.1", "seeds 4.7"],
  ["127.255.255.255", "loopback"],
  ["169.254.169.254", "seeds 4.7: the metadata service of clouds"],
  ["172.16.0.1", "seeds 4.7"],
  ["172.31.255.255", "private"],
  ["192.0.0.1", "protocol assignments"],
  ["192.0.0.170", "NAT64 discovery"],
  ["192.0.2.1", "documentation"],
  ["192.88.99.1", "6to4 relay"],
  ["192.168.0.1", "seeds 4.7"],
  ["198.18.0.1", "benchmarking"],
  ["198.19.255.255", "benchmarking"],
  ["198.51.100.1", "documentation"],
  ["203.0.113.1", "documentation"],
  ["224.0.0.1", "multicast"],
  ["240.0.0.1", "reserved"],
  ["255.255.255.255", "broadcast"],
  ["::", "unspecified"],
  ["::1", "seeds 4.7"],
  ["::2", "reserved"],
  ["::7f00:1", "IPv4-compatible"],
  ["::127.0.0.1", "IPv4-compatible"],
  ["::1.1.1.1", "IPv4-compatible, which nothing uses"],
  ["::ffff:127.0.0.1", "peers 4c 79: mapped loopback"],
  ["::ffff:7f00:1", "mapped loopback in hexadecimal"],
  ["0:0:0:0:0:ffff:a9fe:a9fe", "mapped, written out"],
  ["::ffff:10.0.0.1", "mapped private"],
  ["::ffff:0:127.0.0.1", "translated (RFC 2765)"],
  ["64:ff9b::127.0.0.1", "NAT64"],
  ["64:ff9b:1::1", "local NAT64"],
  ["100::1", "discard"],
  ["fc00::1", "seeds 4.7"],
  ["fd12:3456::1", "unique local"],
  ["fe80::1", "seeds 4.7"],
  ["fe80::1%eth0", "with a zone"],
  ["2606:4700::1%1", "with a zone"],
  ["fec0::1", "site local"],
  ["ff02::1", "multicast"],
  ["2001::1", "Teredo"],
  ["2001:0:4136:e378:8000:63bf:3fff:fdd2", "Teredo"],
  ["2001:2::1", "benchmarking"],
  ["2001:10::1", "ORCHID"],
  ["2001:2f::1", "ORCHIDv2"],
  ["2001:db8::1", "documentation"],
  ["2002:7f00:1::", "6to4 of loopback"],
  ["3fff::1", "documentation"],
  ["3fff:fff::1", "documentation"],
  ["4000::1", "not global unicast"],
  ["5f00::1", "segment routing"],
  ["", "nothing"],
  ["localhost", "a name"],
  ["2130706433", "a decimal number"],
  ["0x7f.0.0.1", "hexadecimal"],
  ["0177.0.0.1", "octal"],
  ["127.1", "short"],
  ["1.1.1.1 ", "with white space"],
  ["[2606:4700::1]", "in brackets"],
  ["1.1.1.1.1", "five octets"],
  ["256.1.1.1", "no octet"]
] as const

describe("NetworkPolicy", () => {
  it.each(open)("seeds D.1: %s is public (%s)", (address) => {
    assert.isTrue(NetworkPolicy.isPublic(address))
  })

  it.each(closed)("seeds D.1: %j is not public (%s)", (address) => {
    assert.isFalse(NetworkPolicy.isPublic(address))
  })

  it.each(["127.0.0.1", "127.9.9.9", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"])(
    "%s is this machine",
    (address) => {
      assert.isTrue(NetworkPolicy.isLoopback(address))
      assert.isFalse(NetworkPolicy.isPublic(address))
    }
  )

  it.each(["128.0.0.1", "::", "::2", "1::1", "::ffff:1.1.1.1", "localhost", "127.1", "::1%lo"])(
    "%s is not this machine",
    (address) => {
      assert.isFalse(NetworkPolicy.isLoopback(address))
    }
  )

  it.prop(
    "an address is judged the same mapped into IPv6, in either notation",
    [FastCheck.ipV4()],
    ([address]) => {
      const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number)
      const hex = `::ffff:${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
      const verdict = NetworkPolicy.isPublic(address)
      return (
        NetworkPolicy.isPublic(`::ffff:${address}`) === verdict && NetworkPolicy.isPublic(hex) === verdict
      )
    }
  )

  it.prop(
    "no address is both public and of this machine, and none throws",
    [FastCheck.string()],
    ([text]) => !(NetworkPolicy.isPublic(text) && NetworkPolicy.isLoopback(text))
  )
})
