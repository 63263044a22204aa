/** Which URL is which endpoint. */
import type { Endpoint } from "../RecordedRequest.js"
import type { Settings, WellKnown } from "./state.js"

const withoutSlash = (text: string): string => (text.endsWith("/") ? text.slice(0, -1) : text)

/** The URLs of the endpoints of an issuer. */
export const urls = (issuer: string) => {
  const base = withoutSlash(issuer)
  return {
    authorization: `${base}/authorize`,
    token: `${base}/token`,
    jwks: `${base}/jwks`,
    userinfo: `${base}/userinfo`,
    introspection: `${base}/introspect`,
    revocation: `${base}/revoke`,
    device_authorization: `${base}/device_authorization`,
    verification: `${base}/device`
  } as const
}

/** Where the well-known documents of an issuer are (RFC 8414 section 3.1, OpenID Connect Discovery section 4). */
export const wellKnownUrl = (issuer: string, kind: WellKnown): string => {
  const { origin, pathname } = new URL(issuer)
  const path = withoutSlash(pathname)
  switch (kind) {
    case "oauth-authorization-server":
      return `${origin}/.well-known/oauth-authorization-server${path}`
    case "openid-configuration-inserted":
      return `${origin}/.well-known/openid-configuration${path}`
    case "openid-configuration":
      return `${origin}${path}/.well-known/openid-configuration`
  }
}

/** Where a protected resource describes itself (RFC 9728 section 3.1): only a path of `/` is left out. */
export const resourceMetadataUrl = (resource: string): string => {
  const { origin, pathname, search } = new URL(resource)
  return `${origin}/.well-known/oauth-protected-resource${pathname === "/" ? "" : pathname}${search}`
}

export interface Route {
  readonly endpoint: Endpoint
  /** The protected resource, for `resource` and `resource_metadata`. */
  readonly resource: string | undefined
}

const covers = (resource: string, url: URL): boolean => {
  const { origin, pathname } = new URL(resource)
  return url.origin === origin && `${url.pathname}/`.startsWith(`${withoutSlash(pathname)}/`)
}

const onIssuer = [
  "authorization",
  "token",
  "jwks",
  "userinfo",
  "introspection",
  "revocation",
  "device_authorization"
] as const

/** The endpoint a URL means; nothing when the origin is not served at all. */
export const route = (settings: Settings, url: URL): Route | undefined => {
  const here = url.origin + url.pathname
  if (settings.wellKnown.some((kind) => wellKnownUrl(settings.issuer, kind) === here)) {
    return { endpoint: "metadata", resource: undefined }
  }
  const known = urls(settings.issuer)
  for (const endpoint of onIssuer) {
    if (known[endpoint] === here) return { endpoint, resource: undefined }
  }
  for (const resource of settings.resources) {
    if (resourceMetadataUrl(resource) === here + url.search)
      return { endpoint: "resource_metadata", resource }
  }
  const other: Route = { endpoint: "other", resource: undefined }
  if (!url.pathname.startsWith("/.well-known/")) {
    const resource = settings.resources
      .filter((candidate) => covers(candidate, url))
      .sort((a, b) => b.length - a.length)[0]
    if (resource !== undefined) return { endpoint: "resource", resource }
  }
  return url.origin === new URL(settings.issuer).origin ||
    settings.resources.some((r) => new URL(r).origin === url.origin)
    ? other
    : undefined
}
