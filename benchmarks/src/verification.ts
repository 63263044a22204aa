/** Verifying access tokens. */
import * as Crypto from "node:crypto"
import type { Goal, Group } from "./harness.js"
import * as Subjects from "./subjects.js"
import type { Algorithm, Keys, Token } from "./tokens.js"
import { makeKeys } from "./tokens.js"

export const toolkit = "effect-oauth"
const atOnce = 64

const ratio = (most: number): Goal => ({ of: "ratio", most })

const oneByOneGoals: Readonly<Record<Algorithm, number>> = {
  RS256: 1.28,
  PS256: 1.28,
  ES256: 1.1,
  EdDSA: 1.06,
  HS256: 2.7
}

const texts = (tokens: ReadonlyArray<Token>): ReadonlyArray<string> => tokens.map(({ text }) => text)

/** Every token another, one after the other, with `node:crypto`. */
export const oneByOne = async (keys: Keys, tokens: ReadonlyArray<Token>): Promise<Group> => {
  const verify = await Subjects.ours(keys, { engine: "node:crypto" })
  return {
    name: `${keys.algorithm}, one at a time`,
    clock: "undisturbed",
    tasks: [
      Subjects.rawOneByOne(keys, tokens),
      Subjects.rawAndParsed(keys, texts(tokens)),
      Subjects.oneByOne(toolkit, verify, texts(tokens)),
      Subjects.fastJwt("fast-jwt", keys, texts(tokens), false),
      Subjects.promisesOneByOne("jose", await Subjects.joseVerify(keys), texts(tokens))
    ],
    goals: { [toolkit]: [ratio(oneByOneGoals[keys.algorithm])] }
  }
}

const atOnceGoals: Partial<Record<Algorithm, ReadonlyArray<Goal>>> = {
  RS256: [ratio(1.7)],
  ES256: [ratio(1.2), { of: "mainThread", most: 20 }],
  EdDSA: [ratio(1.2)]
}

/** Every token another, 64 in flight, against the bare callbacks. */
export const manyAtOnce = async (keys: Keys, tokens: ReadonlyArray<Token>): Promise<Group> => {
  const verify = await Subjects.ours(keys, { engine: "node:crypto" })
  const goals = atOnceGoals[keys.algorithm]
  return {
    name: `${keys.algorithm}, ${atOnce} in flight`,
    clock: "wall",
    tasks: [
      Subjects.rawInPool(keys, tokens, atOnce),
      Subjects.manyAtOnce(toolkit, verify, texts(tokens), atOnce),
      Subjects.promisesAtOnce("jose", await Subjects.joseVerify(keys), texts(tokens), atOnce)
    ],
    ...(goals === undefined ? {} : { goals: { [toolkit]: goals } })
  }
}

/** Tokens that come again, as text that was read anew. */
export const repeated = async (keys: Keys, tokens: ReadonlyArray<Token>): Promise<Group> => {
  const verify = await Subjects.ours(keys, { engine: "node:crypto", cacheSize: 1000 })
  const few = texts(tokens.slice(0, 100))
  const copies = Array.from({ length: 50 }, () =>
    few.map((text) => Buffer.from(text).toString("latin1"))
  ).flat()
  return {
    name: `${keys.algorithm}, repeated`,
    clock: "undisturbed",
    tasks: [
      Subjects.fastJwt("fast-jwt, cached", keys, copies, 1000),
      Subjects.oneByOne(`${toolkit}, cached`, verify, copies)
    ],
    goals: { [`${toolkit}, cached`]: [ratio(0.5), { of: "micros", most: 2 }] }
  }
}

/** The default engine against bare jose. */
export const defaultEngine = async (
  keys: Keys,
  tokens: ReadonlyArray<Token>
): Promise<readonly [Group, Group]> => {
  const verify = await Subjects.ours(keys, { engine: "jose" })
  const bare = await Subjects.joseVerify(keys)
  const name = `${toolkit}, default engine`
  return [
    {
      name: `${keys.algorithm}, default engine, one at a time`,
      clock: "wall",
      tasks: [
        Subjects.promisesOneByOne("jose", bare, texts(tokens)),
        Subjects.oneByOne(name, verify, texts(tokens))
      ],
      goals: { [name]: [ratio(1.15)] }
    },
    {
      name: `${keys.algorithm}, default engine, ${atOnce} in flight`,
      clock: "wall",
      tasks: [
        Subjects.promisesAtOnce("jose", bare, texts(tokens), atOnce),
        Subjects.manyAtOnce(name, verify, texts(tokens), atOnce)
      ],
      goals: { [name]: [ratio(1.3)] }
    }
  ]
}

/** A key set of 1,000 keys against one of one. */
export const largeKeySet = async (keys: Keys, tokens: ReadonlyArray<Token>): Promise<Group> => {
  const others = Array.from({ length: 999 }, (_, i) => ({
    ...makeKeys(keys.algorithm === "RS256" ? "ES256" : keys.algorithm).jwk,
    kid: `${i}-${Crypto.randomBytes(16).toString("base64url")}`
  }))
  return {
    name: `${keys.algorithm}, keys in the set`,
    clock: "undisturbed",
    tasks: [
      Subjects.oneByOne("1", await Subjects.ours(keys, { engine: "node:crypto" }), texts(tokens)),
      Subjects.oneByOne(
        "1,000",
        await Subjects.ours(keys, { engine: "node:crypto", otherKeys: others }),
        texts(tokens)
      )
    ],
    goals: { "1,000": [ratio(1.02)] }
  }
}
