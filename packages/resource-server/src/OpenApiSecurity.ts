/**
 * What an API needs, shown in its OpenAPI document.
 *
 * @since 0.1.0
 */
import type * as HttpApi from "@effect/platform/HttpApi"
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Context from "effect/Context"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { BearerAuth } from "./BearerAuth.js"
import type { Endpoint } from "./internal/endpoints.js"
import * as Endpoints from "./internal/endpoints.js"

/**
 * How clients come by tokens: a flow of OpenAPI 3.1, whose scopes are filled in.
 *
 * @since 0.1.0
 * @category models
 */
export interface Flow {
  readonly authorizationUrl?: string | undefined
  readonly tokenUrl?: string | undefined
  readonly refreshUrl?: string | undefined
}

/**
 * The security scheme to show: that of an OpenID provider, which readers look up
 * the rest at, or the flows of an OAuth 2 server.
 *
 * @since 0.1.0
 * @category models
 */
export type Options = {
  /** What the scheme is called in the document. `oauth2`. */
  readonly name?: string | undefined
  readonly description?: string | undefined
  /** What the scopes mean. Those that endpoints need are listed in any case. */
  readonly scopes?: Readonly<Record<string, string>> | undefined
} & (
  | {
      /** The metadata of the provider, with `/.well-known/openid-configuration`. */
      readonly openIdConnectUrl: string
    }
  | { readonly flows: { readonly authorizationCode?: Flow; readonly clientCredentials?: Flow } }
)

type Document = Record<string, unknown>

const isDocument = (value: unknown): value is Document => Predicate.isRecord(value) && !Array.isArray(value)

/** The member of a document that is itself one; there is none in the document of something else. */
const memberOf = (document: Document, name: string): Document | undefined => {
  const member = document[name]
  return isDocument(member) ? member : undefined
}

const schemeOf = (options: Options, scopes: ReadonlySet<string>): Document => {
  const described = options.description === undefined ? {} : { description: options.description }
  if ("openIdConnectUrl" in options) {
    return { ...described, type: "openIdConnect", openIdConnectUrl: options.openIdConnectUrl }
  }
  const explained = Object.fromEntries(
    [...new Set([...scopes, ...Object.keys(options.scopes ?? {})])]
      .sort()
      .map((scope) => [scope, options.scopes?.[scope] ?? ""])
  )
  const flows = Object.entries(options.flows).map(([name, flow]) => [name, { ...flow, scopes: explained }])
  return { ...described, type: "oauth2", flows: Object.fromEntries(flows) }
}

/** What the platform calls the scheme, after the key of `BearerAuth.security`. */
const platformName = "oauth2"

const operationOf = (spec: Document, { method, path }: Endpoint): Document | undefined => {
  const item = memberOf(memberOf(spec, "paths") ?? {}, path.replace(/:(\w+)\??/g, "{$1}"))
  return item === undefined ? undefined : memberOf(item, method.toLowerCase())
}

const others = (security: unknown): ReadonlyArray<unknown> =>
  Array.isArray(security) ? security.filter((one) => !isDocument(one) || !(platformName in one)) : []

const transform =
  (endpoints: ReadonlyArray<Endpoint>, options: Options) =>
  (spec: Document): Document => {
    const components = memberOf(spec, "components")
    // An API that was put into another hands its annotations to groups, which are not this.
    if (components === undefined) return spec
    const { name = platformName } = options
    const kept = endpoints.filter(({ isProtected }) => isProtected)
    for (const endpoint of kept) {
      const operation = operationOf(spec, endpoint)
      if (operation === undefined) continue
      operation["security"] = [
        ...others(operation["security"]),
        { [name]: [...(endpoint.requirements.scope ?? [])] }
      ]
    }
    const { [platformName]: _, ...schemes } = memberOf(components, "securitySchemes") ?? {}
    const scopes = new Set(kept.flatMap(({ requirements }) => requirements.scope ?? []))
    return {
      ...spec,
      security: others(spec["security"]),
      components: { ...components, securitySchemes: { ...schemes, [name]: schemeOf(options, scopes) } }
    }
  }

/**
 * Shows how an API is protected: one security scheme, and with each endpoint
 * under `BearerAuth` the scopes it needs, its group's among them. Put it last,
 * when all groups and prefixes are there: what comes later is not shown.
 *
 * @example
 * ```ts
 * class Api extends HttpApi.make("api")
 *   .add(Notes)
 *   .pipe(OpenApiSecurity.describe({ openIdConnectUrl })) {}
 * ```
 *
 * @since 0.1.0
 * @category annotations
 */
export const describe =
  (options: Options) =>
  <Id extends string, Groups extends HttpApiGroup.HttpApiGroup.Any, E, R>(
    api: HttpApi.HttpApi<Id, Groups, E, R>
  ): HttpApi.HttpApi<Id, Groups, E, R> => {
    const own = transform(Endpoints.list(api, BearerAuth), options)
    const before = Context.getOption(api.annotations, OpenApi.Transform)
    return api.annotate(OpenApi.Transform, (spec) => own(Option.isSome(before) ? before.value(spec) : spec))
  }
