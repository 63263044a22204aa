/** Doing what a `Misbehaviour` says to one answer. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import type { Encoding, Misbehaviour } from "../Misbehaviour.js"
import type { Endpoint } from "../RecordedRequest.js"
import { ConnectionBroken } from "../TestIssuerError.js"
import type { TokenOverrides } from "../TestToken.js"
import * as Reply from "./reply.js"

type Answer = Effect.Effect<Reply.Reply, ConnectionBroken>

const merge = (a: TokenOverrides, b: TokenOverrides): TokenOverrides => ({
  ...a,
  ...b,
  claims: { ...a.claims, ...b.claims },
  header: { ...a.header, ...b.header }
})

/** How the tokens of this exchange are bent. */
export const distortion = (all: ReadonlyArray<Misbehaviour>): Reply.Distortion =>
  all.reduce<Reply.Distortion>(
    (so, one) => {
      switch (one._tag) {
        case "Tokens":
          return {
            idToken: merge(so.idToken, one.idToken),
            accessToken: merge(so.accessToken, one.accessToken)
          }
        case "WrongIssuer": {
          const claims = { claims: { iss: one.issuer } }
          return { idToken: merge(so.idToken, claims), accessToken: merge(so.accessToken, claims) }
        }
        default:
          return so
      }
    },
    { idToken: {}, accessToken: {} }
  )

const changeMembers = (reply: Reply.Reply, members: Readonly<Record<string, unknown>>): Reply.Reply =>
  Reply.mapLocation(
    Reply.mapJson(reply, (value) => Reply.override(value, members)),
    (parameters) => {
      for (const [name, value] of Object.entries(members)) {
        if (value === undefined) parameters.delete(name)
        else parameters.set(name, typeof value === "string" ? value : JSON.stringify(value))
      }
    }
  )

/** Only what is there is replaced: an issuer is not added where none is spoken of. */
const speakAs = (reply: Reply.Reply, issuer: string): Reply.Reply =>
  Reply.mapLocation(
    Reply.mapJson(reply, (value) => ({
      ...value,
      ...("issuer" in value ? { issuer } : {}),
      ...("iss" in value ? { iss: issuer } : {})
    })),
    (parameters) => {
      if (parameters.has("iss")) parameters.set("iss", issuer)
    }
  )

const withBytes = (reply: Reply.Reply, f: (all: Uint8Array) => Uint8Array): Reply.Reply => {
  const all = Reply.bytesOf(reply.body)
  return all === undefined ? reply : Reply.withBody(reply, { _tag: "Bytes", bytes: f(all) })
}

const withStream = (
  reply: Reply.Reply,
  f: (all: Uint8Array) => Stream.Stream<Uint8Array, ConnectionBroken>
): Reply.Reply => {
  const all = Reply.bytesOf(reply.body)
  return all === undefined ? reply : Reply.withBody(reply, { _tag: "Stream", stream: f(all) })
}

const concat = (...parts: ReadonlyArray<ArrayLike<number>>): Uint8Array => {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  parts.reduce((offset, part) => (all.set(part, offset), offset + part.length), 0)
  return all
}

const encode = (all: Uint8Array, encoding: Encoding): Uint8Array => {
  if (encoding === "utf-8-bom") return concat([0xef, 0xbb, 0xbf], all)
  if (encoding === "invalid-utf-8")
    return concat(all.subarray(0, -1), [0x20, 0xff, 0xfe, 0x20], all.subarray(-1))
  const text = `\ufeff${new TextDecoder().decode(all)}`
  const units = Array.from({ length: text.length }, (_, i) => text.charCodeAt(i))
  return concat(
    units.flatMap((unit) => (encoding === "utf-16le" ? [unit & 255, unit >> 8] : [unit >> 8, unit & 255]))
  )
}

const duplicate = (reply: Reply.Reply, member: string, value: string | undefined): Reply.Reply => {
  const { body } = reply
  if (body._tag === "Json") {
    const again = value ?? (Predicate.isReadonlyRecord(body.value) ? body.value[member] : undefined)
    return withBytes(reply, (all) => {
      const text = new TextDecoder().decode(all)
      const extra = `,${JSON.stringify(member)}:${JSON.stringify(again ?? null)}}`
      return new TextEncoder().encode(text.replace(/\}$/, () => extra))
    })
  }
  return Reply.mapLocation(reply, (parameters) => {
    parameters.append(member, value ?? parameters.get(member) ?? "")
  })
}

const pad = (reply: Reply.Reply, bytes: number): Reply.Reply =>
  reply.body._tag === "Json"
    ? Reply.mapJson(reply, (value) => ({ ...value, padding: "x".repeat(bytes) }))
    : withBytes(reply, (all) => concat(all, new Uint8Array(bytes).fill(0x20)))

const gzip = (all: Uint8Array): Effect.Effect<Uint8Array> =>
  Effect.promise(async () => {
    const packed = new Blob([all.slice()]).stream().pipeThrough(new CompressionStream("gzip"))
    return new Uint8Array(await new Response(packed).arrayBuffer())
  })

const firstHalf = (all: Uint8Array): Stream.Stream<Uint8Array> =>
  Stream.succeed(all.subarray(0, Math.ceil(all.length / 2)))

const chunk = new Uint8Array(65_536).fill(0x20)

/** As from a socket: each chunk in a turn of the event loop, so that whoever reads can still be interrupted. */
const nextTurn: Effect.Effect<void> = Effect.async<void>((resume) => {
  const timer = setTimeout(() => resume(Effect.void), 0)
  return Effect.sync(() => clearTimeout(timer))
})

/** The whole answer, bent by one misbehaviour. */
const bend = (reply: Reply.Reply, one: Misbehaviour): Answer => {
  switch (one._tag) {
    case "WrongIssuer":
      return Effect.succeed(speakAs(reply, one.issuer))
    case "Members":
      return Effect.succeed(changeMembers(reply, one.members))
    case "DuplicatedMember":
      return Effect.succeed(duplicate(reply, one.member, one.value))
    case "Header":
      return Effect.succeed({
        ...reply,
        headers: Object.fromEntries(
          Object.entries({ ...reply.headers, [one.name]: one.value ?? "" }).filter(
            ([name]) => name !== one.name || one.value !== undefined
          )
        )
      })
    case "Status":
      return Effect.succeed({ ...reply, status: one.status })
    case "Answer":
      return Effect.succeed(Reply.bytes(one.status, one.contentType, one.body, one.headers))
    case "Encoding":
      return Effect.succeed(withBytes(reply, (all) => encode(all, one.encoding)))
    case "Gzip": {
      const all = Reply.bytesOf(reply.body)
      if (all === undefined) return Effect.succeed(reply)
      return Effect.map(gzip(all), (bytes) => ({
        ...reply,
        headers: { ...reply.headers, "content-encoding": "gzip" },
        body: { _tag: "Bytes", bytes }
      }))
    }
    case "HugeBody":
      return Effect.succeed(pad(reply, one.bytes))
    case "EndlessBody":
      return Effect.succeed(
        withStream(reply, (all) =>
          Stream.concat(Stream.succeed(all.subarray(0, -1)), Stream.repeatEffect(Effect.as(nextTurn, chunk)))
        )
      )
    case "SlowBody":
      return Effect.succeed(
        withStream(reply, (all) =>
          Stream.range(0, Math.ceil(all.length / one.chunkBytes) - 1).pipe(
            Stream.rechunk(1),
            Stream.mapEffect((i) =>
              Effect.delay(
                Effect.succeed(all.slice(i * one.chunkBytes, (i + 1) * one.chunkBytes)),
                one.interval
              )
            )
          )
        )
      )
    case "StalledBody":
      return Effect.succeed(withStream(reply, (all) => Stream.concat(firstHalf(all), Stream.never)))
    case "BrokenBody":
      return Effect.succeed(
        withStream(reply, (all) =>
          Stream.concat(
            firstHalf(all),
            Stream.fail(new ConnectionBroken({ message: "The connection broke in the middle of the body" }))
          )
        )
      )
    case "Slow":
      return Effect.delay(Effect.succeed(reply), one.delay)
    case "Hang":
      return Effect.never
    case "ConnectionFailure":
    case "Custom":
    case "Tokens":
      return Effect.succeed(reply)
  }
}

const toWeb = (reply: Reply.Reply): Effect.Effect<Response> =>
  Reply.toResponse(reply, { signal: undefined, opened: Effect.void, closed: Effect.void })

/** An honest answer, bent by all that is scripted, in order. */
export const apply = (
  endpoint: Endpoint,
  request: () => Request,
  honest: Effect.Effect<Reply.Reply>,
  all: ReadonlyArray<Misbehaviour>
): Answer => {
  if (all.some((one) => one._tag === "ConnectionFailure")) {
    return Effect.fail(new ConnectionBroken({ message: `The ${endpoint} endpoint refuses connections` }))
  }
  return all.reduce<Answer>(
    (answer, one) =>
      one._tag === "Custom"
        ? Effect.map(
            Effect.suspend(() => one.answer(request(), Effect.flatMap(answer, toWeb))),
            Reply.fromResponse
          )
        : Effect.flatMap(answer, (reply) => bend(reply, one)),
    honest
  )
}
