/** What a declared proxy tells of the host: RFC 7239, the headers before it, and Host; and what nobody may tell. */
import * as Headers from "@effect/platform/Headers"
import { assert, describe, it } from "@effect/vitest"
import * as ForwardedHost from "effect-oauth-resource-server/ForwardedHost"
import * as FastCheck from "effect/FastCheck"

type Header = ForwardedHost.Options["header"]

const proxy = ({ headers }: { readonly headers: Headers.Headers }) => headers["x-peer"] !== "stranger"

/** Reads headers as a Web request has them, where several of a name are one. */
const read = (header: Header, headers: Record<string, string>) =>
  ForwardedHost.read({ proxy, header })({ source: undefined, headers: Headers.fromInput(headers) })

/** Reads headers as Node has them, one by one. */
const raw = (header: Header, ...lines: ReadonlyArray<readonly [string, string]>) =>
  ForwardedHost.read({ proxy, header })({
    source: { rawHeaders: lines.flat() },
    headers: Headers.fromInput(Object.fromEntries([...lines].reverse()))
  })

const nothing: ForwardedHost.Told = { _tag: "Nothing" }
const unclear: ForwardedHost.Told = { _tag: "Unclear" }
const told = (host: string, scheme?: string): ForwardedHost.Told => ({ _tag: "Host", host, scheme })

describe("Forwarded (RFC 7239)", () => {
  for (const [what, value, expected] of [
    ["section 4: a token", "host=api.example", told("api.example")],
    [
      "section 4: names have no case",
      "For=192.0.2.1;HOST=api.example;Proto=HTTPS",
      told("api.example", "https")
    ],
    ["section 5.3: a port makes it a quoted string", 'host="api.example:8443"', told("api.example:8443")],
    ["RFC 9110 section 5.6.4: escapes", 'host="api\\.example"', told("api.example")],
    ["a host has no case", "host=API.Example", told("api.example")],
    ["IPv6", 'host="[2001:db8::1]:443"', told("[2001:db8::1]:443")],
    ["separators within quotes", 'for="a,b;host=evil.example";host=api.example', told("api.example")],
    ["white space around elements", "for=a , for=b;host=api.example", told("api.example")],
    [
      "values that agree",
      "host=api.example;proto=https, host=API.example;proto=https",
      told("api.example", "https")
    ],
    ["none of the host", "for=192.0.2.1;proto=https", nothing],
    ["hosts that disagree", "host=evil.example, host=api.example", unclear],
    ["schemes that disagree", "host=api.example;proto=http, host=api.example;proto=https", unclear],
    ["a host of the client, which the proxy did not confirm", "host=api.example, for=192.0.2.1", unclear],
    ["the same parameter twice", "host=api.example;host=api.example", unclear],
    ["an unquoted port", "host=api.example:8443", unclear],
    ["an empty host", 'host=""', unclear],
    ["a host that is not ASCII once unescaped", 'host="api\\\u00e9"', unclear],
    ["a quote that is not closed", 'host="api.example', unclear],
    ["what follows a quoted string", 'host="api.example"x', unclear],
    ["an empty element", "host=api.example,,host=api.example", unclear],
    ["an end that is none", "host=api.example;", unclear],
    ["a list that does not end", "host=api.example,", unclear],
    ["no value", "host", unclear],
    ["white space within", "host= api.example", unclear],
    ["a new line", "host=api.example\r\nx: y", unclear],
    ["a quoted new line", 'host="api.example\r\nx: y"', unclear],
    ["a quoted blank", 'host="api.example x"', unclear],
    ["more than is read", `host=${"a".repeat(5000)}`, unclear]
  ] as const) {
    it(`${what}: ${value.slice(0, 60)}`, () => {
      assert.deepStrictEqual(read("forwarded", { forwarded: value }), expected)
    })
  }

  it("several headers are one list", () => {
    assert.deepStrictEqual(
      raw("forwarded", ["Forwarded", "host=api.example"], ["forwarded", "host=api.example"]),
      told("api.example")
    )
    assert.deepStrictEqual(
      raw("forwarded", ["Forwarded", "host=evil.example"], ["forwarded", "host=api.example"]),
      unclear
    )
  })

  it("section 4: whatever is written as a quoted string is read as it was meant, and ends in time", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.string({
          unit: FastCheck.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
          minLength: 1
        }),
        (host) => {
          const quoted = `"${host.replace(/["\\]/g, "\\$&")}"`
          assert.deepStrictEqual(
            read("forwarded", { forwarded: `for=a;host=${quoted}` }),
            told(host.toLowerCase())
          )
        }
      )
    )
    FastCheck.assert(
      FastCheck.property(FastCheck.string({ maxLength: 4000 }), (value) => {
        assert.include(["Nothing", "Unclear", "Host"], read("forwarded", { forwarded: value })._tag)
      })
    )
    const begun = performance.now()
    assert.deepStrictEqual(read("forwarded", { forwarded: `host="${'\\"'.repeat(2000)}` }), unclear)
    assert.deepStrictEqual(read("forwarded", { forwarded: " ".repeat(4000) }), unclear)
    assert.isBelow(performance.now() - begun, 200)
  })
})

describe("X-Forwarded-Host", () => {
  const host = (value: string, proto?: string) =>
    read("x-forwarded", {
      "x-forwarded-host": value,
      ...(proto === undefined ? {} : { "x-forwarded-proto": proto })
    })

  it("is a host, with a port, and the scheme if it is told", () => {
    assert.deepStrictEqual(host("API.example:8443"), told("api.example:8443"))
    assert.deepStrictEqual(host("api.example", "HTTPS"), told("api.example", "https"))
    assert.deepStrictEqual(host("api.example, api.example", "https, https"), told("api.example", "https"))
  })

  it("several that disagree, an empty one, and what is not ASCII are believed in no part", () => {
    for (const value of [
      "evil.example, api.example",
      "api.example, evil.example",
      "api.example,",
      "",
      "api.example evil.example",
      "\u212Aapi.example",
      "api.ex\u0430mple",
      "api.example\r\nset-cookie: a=b",
      "a".repeat(5000)
    ]) {
      assert.deepStrictEqual(host(value), unclear, value.slice(0, 40))
    }
    assert.deepStrictEqual(host("api.example", "https, http"), unclear)
    assert.deepStrictEqual(host("api.example", ""), unclear)
    assert.deepStrictEqual(
      raw("x-forwarded", ["X-Forwarded-Host", "api.example"], ["x-forwarded-host", "evil.example"]),
      unclear
    )
  })

  it("what is written in it otherwise comes out as it is, to be found on no list", () => {
    for (const value of [
      "user@api.example",
      "api.example.",
      "api.example/x",
      "api.example#",
      "https://api.example"
    ]) {
      assert.deepStrictEqual(host(value), told(value))
    }
  })
})

describe("Host", () => {
  it("is one, whichever Node would show", () => {
    assert.deepStrictEqual(raw("host", ["Host", "API.example"]), told("api.example"))
    assert.deepStrictEqual(raw("host", ["Host", "evil.example"], ["host", "api.example"]), unclear)
    assert.deepStrictEqual(raw("host", ["Host", "api.example"], ["host", "evil.example"]), unclear)
  })

  it("RFC 9113 section 8.3.1: is :authority, and must be the same where it is beside it", () => {
    assert.deepStrictEqual(raw("host", [":authority", "api.example"]), told("api.example"))
    assert.deepStrictEqual(
      raw("host", [":authority", "api.example"], ["host", "api.example"]),
      told("api.example")
    )
    assert.deepStrictEqual(raw("host", [":authority", "api.example"], ["host", "evil.example"]), unclear)
  })
})

describe("who may tell, and where", () => {
  const all = { forwarded: "host=a.example", "x-forwarded-host": "b.example", host: "c.example" }

  it("the header that is declared alone: no other, also where that is missing", () => {
    assert.deepStrictEqual(read("forwarded", all), told("a.example"))
    assert.deepStrictEqual(read("x-forwarded", all), told("b.example"))
    assert.deepStrictEqual(read("host", all), told("c.example"))
    for (const header of ["forwarded", "x-forwarded", "host"] as const) {
      const name = header === "x-forwarded" ? "x-forwarded-host" : header
      const { [name]: _, ...others } = { ...all, "x-forwarded-proto": "https", "x-host": "d.example" }
      assert.deepStrictEqual(read(header, others), nothing)
    }
  })

  it("nobody but the proxy that is declared", () => {
    for (const header of ["forwarded", "x-forwarded", "host"] as const) {
      assert.deepStrictEqual(read(header, { ...all, "x-peer": "stranger" }), nothing)
    }
  })
})
