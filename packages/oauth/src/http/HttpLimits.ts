/**
 * The limits of every exchange with a server, as a value.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"

/**
 * The limits that the wire keeps.
 *
 * @since 0.1.0
 * @category models
 */
export interface Limits {
  /** From sending to the last byte of the body, for each try. 10 seconds. */
  readonly deadline: Duration.Duration
  /** The largest body of a protocol response, in bytes after decompression. 1 MiB. */
  readonly maxBodyBytes: number
  /** The largest metadata document or key set, in bytes after decompression. 256 KiB. */
  readonly maxMetadataBytes: number
  /** How often a failed read of metadata or keys is tried again. A grant is sent once, always. 2. */
  readonly retries: number
  /** The longest wait before such a retry; a longer `Retry-After` ends the trying. 5 seconds. */
  readonly maxRetryDelay: Duration.Duration
  /** How many same-origin redirects a read of metadata or keys may follow; at most 3. 0. */
  readonly metadataRedirects: number
  /** Plain http to hosts other than the loopback interface. For closed networks only. false. */
  readonly allowInsecure: boolean
}

/**
 * The limits in force unless a program provides others.
 *
 * @since 0.1.0
 * @category constants
 */
export const defaults: Limits = {
  deadline: Duration.seconds(10),
  maxBodyBytes: 1024 * 1024,
  maxMetadataBytes: 256 * 1024,
  retries: 2,
  maxRetryDelay: Duration.seconds(5),
  metadataRedirects: 0,
  allowInsecure: false
}

/**
 * The limits of the program: a `Context.Reference`, so nothing asks for it and
 * `HttpLimits.layer` changes it for whatever is built on top.
 *
 * @since 0.1.0
 * @category services
 */
export class HttpLimits extends Context.Reference<HttpLimits>()("effect-oauth/HttpLimits", {
  defaultValue: (): Limits => defaults
}) {}

/**
 * What `layer` takes: any of the limits, the durations also as texts
 * (`"30 seconds"`) and milliseconds. One that is undefined is as in `defaults`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Settings {
  readonly deadline?: Duration.DurationInput | undefined
  readonly maxRetryDelay?: Duration.DurationInput | undefined
}

type Settings = {
  readonly [K in Exclude<keyof Limits, "deadline" | "maxRetryDelay">]?: Limits[K] | undefined
}

/**
 * Other limits than the defaults, for the layers that this one is provided to.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<never> =>
  Layer.succeed(HttpLimits, {
    deadline: Duration.decode(options.deadline ?? defaults.deadline),
    maxBodyBytes: options.maxBodyBytes ?? defaults.maxBodyBytes,
    maxMetadataBytes: options.maxMetadataBytes ?? defaults.maxMetadataBytes,
    retries: options.retries ?? defaults.retries,
    maxRetryDelay: Duration.decode(options.maxRetryDelay ?? defaults.maxRetryDelay),
    metadataRedirects: options.metadataRedirects ?? defaults.metadataRedirects,
    allowInsecure: options.allowInsecure ?? defaults.allowInsecure
  })
