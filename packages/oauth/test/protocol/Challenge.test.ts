import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Challenge from "../../src/protocol/Challenge.js"

/** A challenge in a form that is easy to compare. */
const plain = (challenge: Challenge.Challenge) => [
  challenge.scheme,
  Option.getOrNull(challenge.token68),
  [...challenge.parameters]
]
const parsed = (header: string) => Challenge.parse(header).map(plain)

describe("Challenge.parse", () => {
  it("seeds 4.4: the challenges of the seed systems", () => {
    const url = "https://api.example.com/.well-known/oauth-protected-resource"
    assert.deepStrictEqual(parsed(`Bearer resource_metadata="${url}"`), [
      ["Bearer", null, [["resource_metadata", url]]]
    ])
    for (const [error, description] of [
      ["invalid_token", "Token has expired"],
      ["invalid_token", "Unsupported authentication scheme"],
      ["insufficient_scope", "Insufficient scope"],
      ["invalid_token", "No bearer token"]
    ] as const) {
      assert.deepStrictEqual(
        parsed(`Bearer error="${error}", error_description="${description}", resource_metadata="${url}"`),
        [
          [
            "Bearer",
            null,
            [
              ["error", error],
              ["error_description", description],
              ["resource_metadata", url]
            ]
          ]
        ]
      )
    }
    const [bare] = Challenge.parse('Bearer error="invalid_token"')
    assert.isDefined(bare)
    if (bare !== undefined) assert.isTrue(Option.isNone(Challenge.parameter(bare, "resource_metadata")))
  })

  it("RFC 9110 section 11.6.1: several challenges in one header", () => {
    assert.deepStrictEqual(
      parsed('Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""'),
      [
        ["Basic", null, [["realm", "simple"]]],
        [
          "Newauth",
          null,
          [
            ["realm", "apps"],
            ["type", "1"],
            ["title", 'Login to "apps"']
          ]
        ]
      ]
    )
    assert.deepStrictEqual(parsed('Negotiate, Bearer realm="x", NTLM'), [
      ["Negotiate", null, []],
      ["Bearer", null, [["realm", "x"]]],
      ["NTLM", null, []]
    ])
    assert.deepStrictEqual(parsed('Bearer error="a", Bearer error="b"').length, 2)
  })

  it("RFC 9110 section 11.2: token68", () => {
    assert.deepStrictEqual(parsed('Negotiate YII+/a-._~9==, Bearer realm="x"'), [
      ["Negotiate", "YII+/a-._~9==", []],
      ["Bearer", null, [["realm", "x"]]]
    ])
    assert.deepStrictEqual(parsed("Negotiate abc"), [["Negotiate", "abc", []]])
    assert.deepStrictEqual(parsed("Negotiate abc=="), [["Negotiate", "abc==", []]])
    assert.deepStrictEqual(parsed("Negotiate abc, realm=x"), [], "token68 and parameters exclude each other")
  })

  it("RFC 9110 section 5.6.4: quoted pairs, commas and equal signs inside quotes", () => {
    assert.deepStrictEqual(parsed('Bearer realm="a, b=\\"c\\", Basic d=\\\\e", error="x"'), [
      [
        "Bearer",
        null,
        [
          ["realm", 'a, b="c", Basic d=\\e'],
          ["error", "x"]
        ]
      ]
    ])
    assert.deepStrictEqual(parsed('Bearer realm=""'), [["Bearer", null, [["realm", ""]]]])
    assert.deepStrictEqual(parsed('Bearer realm="t\tab größe"'), [
      ["Bearer", null, [["realm", "t\tab größe"]]]
    ])
  })

  it("RFC 9110 sections 5.6.1 and 5.6.3: empty list elements and bad white space around =", () => {
    assert.deepStrictEqual(parsed(' , ,Bearer  realm = "x" ,, error\t=\tinvalid_token , , Basic realm=y,'), [
      [
        "Bearer",
        null,
        [
          ["realm", "x"],
          ["error", "invalid_token"]
        ]
      ],
      ["Basic", null, [["realm", "y"]]]
    ])
    assert.deepStrictEqual(parsed('Bearer , realm="x"'), [["Bearer", null, [["realm", "x"]]]])
    assert.deepStrictEqual(parsed(""), [])
    assert.deepStrictEqual(parsed(" \t,,, "), [])
  })

  it("RFC 9110 section 11.1: schemes and names are found without regard to case", () => {
    const challenges = Challenge.parse('BEARER Resource_Metadata="https://x/y", Basic REALM=z')
    const bearer = Challenge.find(challenges, "bearer")
    assert.isTrue(Option.isSome(bearer))
    assert.deepStrictEqual(
      Option.flatMap(bearer, (challenge) => Challenge.parameter(challenge, "RESOURCE_metadata")),
      Option.some("https://x/y")
    )
    assert.isTrue(Option.isNone(Challenge.find(challenges, "DPoP")))
    assert.isTrue(Option.isNone(Challenge.find(challenges, "Bear")))
  })

  it("seeds E.4: a name is compared whole, so x_scope is not scope", () => {
    const [challenge] = Challenge.parse('Bearer x_scope="admin"')
    assert.isDefined(challenge)
    if (challenge !== undefined) assert.isTrue(Option.isNone(Challenge.parameter(challenge, "scope")))
  })

  it("seeds E.4: values without quotes, URLs too", () => {
    assert.deepStrictEqual(
      parsed(
        "Bearer resource_metadata=https://x.example:8443/y?a=b&c=d, error=invalid_token, scope=read:all"
      ),
      [
        [
          "Bearer",
          null,
          [
            ["resource_metadata", "https://x.example:8443/y?a=b&c=d"],
            ["error", "invalid_token"],
            ["scope", "read:all"]
          ]
        ]
      ]
    )
  })

  it("seeds E.4: parameters without commas between them", () => {
    const bearer = [
      "Bearer",
      null,
      [
        ["realm", "a"],
        ["error", "invalid_token"],
        ["resource_metadata", "https://x.example/y"]
      ]
    ]
    const text = 'Bearer realm="a" error=invalid_token  resource_metadata = "https://x.example/y"'
    assert.deepStrictEqual(parsed(text), [bearer])
    assert.deepStrictEqual(parsed(`${text} , Basic realm="x"`), [bearer, ["Basic", null, [["realm", "x"]]]])
  })

  it("RFC 6750 section 3, RFC 9110 section 11.2: a challenge in which a parameter comes twice is left out", () => {
    assert.deepStrictEqual(parsed('Bearer error="a", error="b"'), [])
    assert.deepStrictEqual(parsed('Bearer error="a", ERROR="a", Basic realm="x"'), [
      ["Basic", null, [["realm", "x"]]]
    ])
  })

  it("peers 4c 74: malformed parts are left out, what is whole is kept", () => {
    const whole = ["Basic", null, [["realm", "x"]]]
    for (const broken of [
      "Bearer @",
      "Bearer realm",
      "Bearer realm, x",
      'Bearer realm="a" error="b" realm="c"',
      'Bearer realm="a" error',
      'Bearer realm="a" =x',
      'Bearer realm="a" Digest realm="b"',
      'Bearer realm="a"error="b"',
      "Bearer scope=read write",
      'Bearer realm="a"junk',
      'Bearer realm="a\u0000b"',
      'Bearer realm="a\nb"',
      "Bearer realm=\u0001",
      "Bearer realm= ,error=x",
      "Bearer = x",
      'Bearer "quoted"',
      "@@@",
      "=x",
      '"',
      'realm="x"'
    ]) {
      const found = parsed(`${broken}, Basic realm="x"`).filter(([scheme]) => scheme !== "x")
      if (broken !== '"') assert.deepStrictEqual(found.at(-1), whole, broken)
      assert.isTrue(
        found.every(([scheme, , parameters]) => scheme !== "Bearer" || parameters?.length === 0),
        broken
      )
    }
  })

  it("peers 4c 74: unbalanced quotes swallow what follows, and nothing more", () => {
    assert.deepStrictEqual(parsed('Bearer realm="x'), [])
    assert.deepStrictEqual(parsed('Bearer realm="x\\'), [])
    assert.deepStrictEqual(parsed('Bearer realm="x\\"'), [])
    assert.deepStrictEqual(
      parsed('Basic realm="y", Bearer realm="x, resource_metadata="https://a.example"'),
      [["Basic", null, [["realm", "y"]]]]
    )
  })

  it("peers 4c 17, 75: names of Object.prototype are names like any other", () => {
    const [challenge] = Challenge.parse('Bearer __proto__="x", constructor="y"')
    assert.isDefined(challenge)
    if (challenge !== undefined) {
      assert.deepStrictEqual(Challenge.parameter(challenge, "__proto__"), Option.some("x"))
      assert.deepStrictEqual(Challenge.parameter(challenge, "toString"), Option.none())
    }
  })

  it("peers 4c 74: 100 kB and thousands of commas are read to the bound, and the challenge that crosses it is left out", () => {
    const first = 'Basic realm="x", '
    for (const flood of [
      ",".repeat(100_000),
      `Bearer realm="${"a".repeat(100_000)}"`,
      `Bearer realm="${"\\".repeat(100_000)}`,
      `Bearer ${'"'.repeat(100_001)}`,
      `Bearer ${"a".repeat(100_000)}`,
      `Bearer ${"=".repeat(100_000)}`,
      `Bearer a${"=".repeat(100_000)}`,
      `Bearer${" ".repeat(100_000)}`,
      `Bearer a=${" ".repeat(100_000)}x`,
      Array.from({ length: 20_000 }, (_, index) => `Bearer p${index}=x`).join(", "),
      `Bearer ${Array.from({ length: 20_000 }, (_, index) => `p${index}=x`).join(", ")}`,
      "Bearer a, ".repeat(10_000),
      'Bearer x="", '.repeat(10_000)
    ]) {
      assert.isBelow(Challenge.parse(flood).length, 6000)
      assert.isBelow(Challenge.parse(flood.repeat(3) + flood).length, 6000)
      const found = Challenge.parse(`${first}Bearer error="kept", ${flood}`)
      if (!flood.startsWith(","))
        assert.deepStrictEqual(found[0] && plain(found[0]), ["Basic", null, [["realm", "x"]]])
    }
    const cut = Challenge.parse(
      `Basic realm="x", Bearer resource_metadata=https://a.example/${"a".repeat(20_000)}`
    )
    assert.deepStrictEqual(cut.map(plain), [["Basic", null, [["realm", "x"]]]], "a URL is never cut short")
  })
})

describe("Challenge.format", () => {
  it("RFC 9110 section 5.6.4: values are quoted and escaped", () => {
    assert.strictEqual(
      Challenge.format([
        Challenge.make("Bearer", { realm: 'a "b" \\c', resource_metadata: "https://x/y", scope: undefined }),
        Challenge.make("Negotiate")
      ]),
      'Bearer realm="a \\"b\\" \\\\c", resource_metadata="https://x/y", Negotiate'
    )
  })

  it("token68 is written where there are no parameters", () => {
    const challenge = { ...Challenge.make("Negotiate"), token68: Option.some("abc==") }
    assert.strictEqual(Challenge.format([challenge]), "Negotiate abc==")
    assert.strictEqual(Challenge.format([{ ...challenge, token68: Option.some("a b") }]), "Negotiate")
    assert.strictEqual(
      Challenge.format([{ ...challenge, parameters: new Map([["realm", "x"]]) }]),
      'Negotiate realm="x"'
    )
  })

  it("peers 4c 57: no value ends the header or forges a parameter", () => {
    const header = Challenge.format([
      Challenge.make("Bearer", {
        error_description: 'x", scope="admin\r\nSet-Cookie: a=b\u0000',
        realm: 'y", error="z\r\nX: y',
        'na"me': "dropped",
        "": "dropped"
      }),
      Challenge.make("Bad scheme", { realm: "x" }),
      Challenge.make("Bearer\r\nX:", { realm: "x" })
    ])
    assert.strictEqual(
      header,
      'Bearer error_description="x, scope=adminSet-Cookie: a=b", realm="y\\", error=\\"zX: y"'
    )
    assert.deepStrictEqual(parsed(header).length, 1)
  })

  it("RFC 6750 section 3: error, error_description, error_uri and scope keep to their characters", () => {
    assert.strictEqual(
      Challenge.format([
        Challenge.make("Bearer", {
          error: 'invalid"_token',
          error_description: "Größe \\ 日本",
          error_uri: 'https://x/y z"',
          scope: 'read "write"'
        })
      ]),
      'Bearer error="invalid_token", error_description="Gre  ", error_uri="https://x/yz", scope="read write"'
    )
  })

  it("names are written once, in lower case", () => {
    assert.strictEqual(
      Challenge.format([Challenge.make("Bearer", { Error: "a", error: "b" })]),
      'Bearer error="a"'
    )
  })

  const names = FastCheck.string({
    unit: FastCheck.constantFrom(..."abcxyz019_-.!~*'`|"),
    minLength: 1,
    maxLength: 10
  })
  const values = FastCheck.string({
    unit: FastCheck.constantFrom(..."azAZ09 ,=\"\\/:;?#%!~'(){}"),
    maxLength: 30
  })
  const challenges = FastCheck.oneof(
    FastCheck.record({
      scheme: names,
      token68: FastCheck.constant(Option.none<string>()),
      parameters: FastCheck.array(
        FastCheck.tuple(
          names.filter((name) => !/^(?:error|scope)/.test(name)),
          values
        ),
        {
          maxLength: 6
        }
      ).map((entries) => new Map(entries))
    }),
    FastCheck.record({
      scheme: names,
      token68: FastCheck.constantFrom("abc", "a==", "A9-._~+/=").map(Option.some),
      parameters: FastCheck.constant(new Map<string, string>())
    })
  )

  it.prop("parse(format(x)) = x", [FastCheck.array(challenges, { maxLength: 5 })], ([list]) => {
    assert.deepStrictEqual(parsed(Challenge.format(list)), list.map(plain))
  })

  it.prop(
    "whatever is given, one line of ASCII is written, with as many challenges as had a scheme",
    [
      FastCheck.array(
        FastCheck.tuple(
          FastCheck.oneof(names, FastCheck.string({ unit: "binary" })),
          FastCheck.dictionary(FastCheck.string({ unit: "binary" }), FastCheck.string({ unit: "binary" }))
        ),
        { maxLength: 4 }
      )
    ],
    ([list]) => {
      const given = list.map(([scheme, parameters]) => Challenge.make(scheme, parameters))
      const header = Challenge.format(given)
      assert.match(header, /^[\x20-\x7e]*$/)
      assert.strictEqual(
        Challenge.parse(header).length,
        given.filter((c) => Challenge.format([c]) !== "").length
      )
    }
  )

  it.prop(
    "any header gives an answer",
    [FastCheck.string({ unit: FastCheck.constantFrom(...'aB=, \t"\\/@\u0000é'), maxLength: 60 })],
    ([header]) => {
      for (const challenge of Challenge.parse(header)) {
        assert.match(challenge.scheme, /^[aB]+$/)
        assert.isTrue(Option.isNone(challenge.token68) || challenge.parameters.size === 0)
      }
      assert.deepStrictEqual(parsed(`Basic realm="x", ${header}`).length >= parsed(header).length, true)
    }
  )
})
