/** A server that does wrong on order: the same orders for one on a socket and for one in memory. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** How a body is sent. */
export type Body =
  | { readonly _tag: "Bytes"; readonly bytes: Uint8Array }
  /** As fast as it is read, and without end. */
  | { readonly _tag: "Endless" }
  /** A byte every 20 ms, without end. */
  | { readonly _tag: "Drip" }
  /** Half of it and then nothing. */
  | { readonly _tag: "Stalled"; readonly bytes: Uint8Array }
  /** Half of what its Content-Length says, and then the connection breaks. */
  | { readonly _tag: "Broken"; readonly bytes: Uint8Array }
  /** A Content-Length that says ten bytes, and more of them. */
  | { readonly _tag: "Lying"; readonly bytes: Uint8Array }

/** What becomes of one request. */
export type Behaviour =
  | {
      readonly _tag: "Answer"
      readonly status: number
      readonly headers: Readonly<Record<string, string>>
      readonly body: Body
      readonly delay: number
    }
  | { readonly _tag: "Hang" }
  /** A byte of a header every 20 ms, without end. */
  | { readonly _tag: "SlowHeaders" }
  | { readonly _tag: "Reset" }

/** A request as it came. */
export interface Received {
  readonly origin: string
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Two origins, so that one can send to the other. */
export class Origin extends Context.Tag("test/Origin")<Origin, Origin.Service>() {}

export declare namespace Origin {
  export interface Service {
    readonly url: string
    readonly other: string
    /** What becomes of the requests to a path, in turn; the last stays. */
    readonly script: (path: string, ...behaviours: ReadonlyArray<Behaviour>) => Effect.Effect<void>
    readonly received: Effect.Effect<ReadonlyArray<Received>>
    /** Exchanges that the client has not let go of. */
    readonly open: Effect.Effect<number>
  }
}

const encoder = new TextEncoder()

export const bytes = (text: string | Uint8Array): Uint8Array =>
  typeof text === "string" ? encoder.encode(text) : text

export const answer = (
  status: number,
  body: string | Uint8Array | Body = "",
  headers: Readonly<Record<string, string>> = {},
  delay = 0
): Behaviour => ({
  _tag: "Answer",
  status,
  headers,
  body: typeof body === "string" || body instanceof Uint8Array ? { _tag: "Bytes", bytes: bytes(body) } : body,
  delay
})

export const json = (value: unknown, headers: Readonly<Record<string, string>> = {}): Behaviour =>
  answer(200, JSON.stringify(value), { "content-type": "application/json", ...headers })

export const redirect = (location: string | undefined, status = 302): Behaviour =>
  answer(status, "", location === undefined ? {} : { location })

export const hang: Behaviour = { _tag: "Hang" }
export const reset: Behaviour = { _tag: "Reset" }
export const slowHeaders: Behaviour = { _tag: "SlowHeaders" }
export const endless: Body = { _tag: "Endless" }
export const drip: Body = { _tag: "Drip" }
export const stalled = (text: string): Body => ({ _tag: "Stalled", bytes: bytes(text) })
export const broken = (text: string): Body => ({ _tag: "Broken", bytes: bytes(text) })
export const lying = (text: string): Body => ({ _tag: "Lying", bytes: bytes(text) })

/** The scripts of a server and what it received, whatever it is made of. */
export const makeRecords = () => {
  const scripts = new Map<string, Array<Behaviour>>()
  const received: Array<Received> = []
  const count = { open: 0 }
  return {
    count,
    /** Records a request and says what becomes of it. */
    next: (request: Received): Behaviour => {
      received.push(request)
      const script = scripts.get(request.path.replace(/\?.*$/, "")) ?? []
      const [first] = script
      if (script.length > 1) script.shift()
      return first ?? answer(404)
    },
    service: {
      script: (path: string, ...behaviours: ReadonlyArray<Behaviour>) =>
        Effect.sync(() => {
          scripts.set(path, [...behaviours])
        }),
      received: Effect.sync(() => [...received]),
      open: Effect.sync(() => count.open)
    }
  }
}

/** How often a path was asked for. */
export const countOf = (path: string): Effect.Effect<number, never, Origin> =>
  Effect.flatMap(Origin, (origin) =>
    Effect.map(origin.received, (all) => all.filter((request) => request.path === path).length)
  )

/** Succeeds once no exchange is open; the test's own timeout is the end of waiting. */
export const allClosed: Effect.Effect<void, never, Origin> = Effect.flatMap(Origin, (origin) =>
  origin.open.pipe(Effect.delay("5 millis"), Effect.repeat({ until: (open) => open === 0 }), Effect.asVoid)
)
