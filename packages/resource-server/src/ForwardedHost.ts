/**
 * The host that a client used, as a proxy tells it.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import type { Received } from "./Incoming.js"
import * as ForwardedElements from "./internal/forwardedElements.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * Whether a request came from the proxy that sets the header, and that takes
   * the header of anybody else away: otherwise whoever calls could say any host.
   * `() => true` only where nothing but that proxy reaches this server;
   * `PeerCertificate.isFrom` of `effect-oauth-node` compares the address of the
   * connection.
   */
  readonly proxy: (received: Received) => boolean
  /**
   * Where the proxy tells the host. No other header is looked at, since it could
   * be the client's.
   *
   * - `forwarded`: `Forwarded` with `host`, and `proto` if it likes (RFC 7239)
   * - `x-forwarded`: `X-Forwarded-Host`, and `X-Forwarded-Proto` if it likes
   * - `host`: `Host` (`:authority`), passed on as the client sent it
   */
  readonly header: "forwarded" | "x-forwarded" | "host"
}

/**
 * What a request tells of its host: nothing, since it came from nobody who may
 * or without the header; a host, with the scheme if that was told; or something
 * that cannot be believed.
 *
 * @since 0.1.0
 * @category models
 */
export type Told =
  | { readonly _tag: "Nothing" }
  | { readonly _tag: "Host"; readonly host: string; readonly scheme: string | undefined }
  | { readonly _tag: "Unclear" }

const nothing: Told = { _tag: "Nothing" }
const unclear: Told = { _tag: "Unclear" }

/** The longest header that is read, in characters. */
const maxLength = 4096

/**
 * Reads the host of a request, with its port, in lower case and as it is
 * otherwise: compare it with hosts that are known, and build nothing of it.
 *
 * Several values, of one proxy behind another or of a client before them, are
 * believed if they are the same, and so are several headers: whose value counts
 * is what two programs disagree about. What is malformed, not ASCII, or longer
 * than 4,096 characters is unclear.
 *
 * @since 0.1.0
 * @category constructors
 */
export const read = ({ header, proxy }: Options): ((received: Received) => Told) => {
  const told = readers[header]
  return (received) => (proxy(received) ? told(received) : nothing)
}

const fromHost = (received: Received): Told =>
  toldBy([...valuesOf(received, "host"), ...valuesOf(received, ":authority")], [])

const fromXForwarded = (received: Received): Told =>
  toldBy(
    valuesOf(received, "x-forwarded-host").flatMap(split),
    valuesOf(received, "x-forwarded-proto").flatMap(split)
  )

const fromForwarded = (received: Received): Told => {
  const values = valuesOf(received, "forwarded")
  if (values.some(isTooLong)) return unclear
  const elements = ForwardedElements.parse(values.join(","))
  if (elements === undefined) return unclear
  const hosts = elements.flatMap((element) => element.get("host") ?? [])
  // The last element is that of the proxy which was declared.
  return hosts.length > 0 && elements.at(-1)?.has("host") !== true
    ? unclear
    : toldBy(
        hosts,
        elements.flatMap((element) => element.get("proto") ?? [])
      )
}

const readers = { forwarded: fromForwarded, "x-forwarded": fromXForwarded, host: fromHost }

const split = (value: string): ReadonlyArray<string> =>
  isTooLong(value) ? [value] : value.split(",").map((one) => one.trim())

const isTooLong = (value: string): boolean => value.length > maxLength

const toldBy = (hosts: ReadonlyArray<string>, schemes: ReadonlyArray<string>): Told => {
  const [host] = hosts
  const [scheme] = schemes
  if (host === undefined) return nothing
  return agree(hosts) && agree(schemes)
    ? { _tag: "Host", host: host.toLowerCase(), scheme: scheme?.toLowerCase() }
    : unclear
}

/** Visible ASCII only: other letters may have one of these as their lower case. */
const agree = (values: ReadonlyArray<string>): boolean =>
  values.every(
    (value) =>
      /^[\x21-\x7E]+$/.test(value) && !isTooLong(value) && value.toLowerCase() === values[0]?.toLowerCase()
  )

/** Node shows the first of several Host headers; all of them are in `rawHeaders`. */
const valuesOf = ({ headers, source }: Received, name: string): ReadonlyArray<string> => {
  if (!Predicate.hasProperty(source, "rawHeaders") || !Array.isArray(source.rawHeaders)) {
    const shown = headers[name]
    return shown === undefined ? [] : [shown]
  }
  const raw: ReadonlyArray<unknown> = source.rawHeaders
  return raw.flatMap((value, at) => {
    const before = at % 2 === 1 ? raw[at - 1] : undefined
    return typeof before === "string" && typeof value === "string" && before.toLowerCase() === name
      ? [value]
      : []
  })
}
