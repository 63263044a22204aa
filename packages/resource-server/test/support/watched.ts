/** Everything that an observer of a program sees: its log, and its spans. */
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Tracer from "effect/Tracer"

export interface Watched {
  /** Each line of the log, with its level and annotations, as text. */
  readonly lines: Array<string>
  readonly spans: Array<string>
}

/** Runs an effect, and hands over what was seen of it, whatever the level. */
export const watch = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<readonly [A, Watched], E, R> =>
  Effect.suspend(() => {
    const watched: Watched = { lines: [], spans: [] }
    const logger = Logger.make(({ annotations, cause, logLevel, message }) => {
      watched.lines.push(
        Inspectable.stringifyCircular([logLevel.label, message, Object.fromEntries(annotations), cause])
      )
    })
    const native = Tracer.make({
      span: (name, parent, context, links, startTime, kind) => {
        const attributes = new Map<string, unknown>()
        return {
          _tag: "Span",
          name,
          spanId: "1",
          traceId: "1",
          parent,
          context,
          links,
          status: { _tag: "Started", startTime },
          attributes,
          sampled: true,
          kind,
          end: () => {
            watched.spans.push(Inspectable.stringifyCircular([name, Object.fromEntries(attributes)]))
          },
          attribute: (key, value) => void attributes.set(key, value),
          event: (event, _time, more) => {
            watched.spans.push(Inspectable.stringifyCircular([event, more]))
          },
          addLinks: () => {}
        }
      },
      context: (f) => f()
    })
    return Effect.map(
      effect.pipe(
        Effect.provide(
          Layer.mergeAll(
            Logger.replace(Logger.defaultLogger, logger),
            Logger.minimumLogLevel(LogLevel.All),
            Layer.setTracer(native)
          )
        )
      ),
      (value) => [value, watched] as const
    )
  })
