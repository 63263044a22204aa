/** A logger and a tracer that keep whatever they are told. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Tracer from "effect/Tracer"
import { inspect } from "node:util"
import * as Inspected from "./inspected.js"

/** Everything that an exporter could read from a span. */
export interface Seen {
  readonly name: string
  readonly kind: Tracer.SpanKind
  /** The name of the span that it hangs on. */
  readonly parent: string | undefined
  readonly attributes: Map<string, unknown>
  readonly events: Array<readonly [name: string, attributes: Record<string, unknown> | undefined]>
  status: Tracer.SpanStatus
}

export interface Captured {
  readonly layer: Layer.Layer<never>
  readonly spans: Effect.Effect<ReadonlyArray<Seen>>
  readonly logs: Effect.Effect<ReadonlyArray<string>>
  /** Spans and logs as one text to search. */
  readonly text: Effect.Effect<string>
}

const show = (value: unknown): string =>
  `${inspect(value, { depth: null, showHidden: true })} ${JSON.stringify(value)}`

const ofSpan = ({ attributes, events, name, status }: Seen): string =>
  [
    name,
    show([...attributes]),
    show(events),
    status._tag === "Ended" && Exit.isFailure(status.exit) ? Inspected.ofCause(status.exit.cause) : ""
  ].join("\n")

const tracerInto = (spans: Array<Seen>): Tracer.Tracer =>
  Tracer.make({
    span: (name, parent, context, links, startTime, kind) => {
      const seen: Seen = {
        name,
        kind,
        parent: parent._tag === "Some" && parent.value._tag === "Span" ? parent.value.name : undefined,
        attributes: new Map(),
        events: [],
        status: { _tag: "Started", startTime }
      }
      spans.push(seen)
      return {
        _tag: "Span",
        name,
        kind,
        parent,
        context,
        links,
        sampled: true,
        spanId: `span-${spans.length}`,
        traceId: parent._tag === "Some" ? parent.value.traceId : `trace-${spans.length}`,
        status: seen.status,
        attributes: seen.attributes,
        attribute: (key, value) => {
          seen.attributes.set(key, value)
        },
        event: (event, _, attributes) => {
          seen.events.push([event, attributes])
        },
        addLinks: () => {},
        end: (endTime, exit) => {
          seen.status = { _tag: "Ended", startTime, endTime, exit }
        }
      }
    },
    context: (f) => f()
  })

/** A place to look for what leaks, and the layer that fills it. */
export const capturing: Effect.Effect<Captured> = Effect.sync(() => {
  const spans: Array<Seen> = []
  const logs: Array<string> = []
  const logger = Logger.make<unknown, void>(({ annotations, cause, message, spans: logSpans }) => {
    logs.push(
      [show(message), show([...annotations]), show([...logSpans]), Inspected.ofCause(cause)].join("\n")
    )
  })
  return {
    layer: Layer.mergeAll(
      Logger.replace(Logger.defaultLogger, logger),
      Logger.minimumLogLevel(LogLevel.All),
      Layer.setTracer(tracerInto(spans))
    ),
    spans: Effect.sync(() => [...spans]),
    logs: Effect.sync(() => [...logs]),
    text: Effect.sync(() => [...spans.map(ofSpan), ...logs].join("\n"))
  }
})
