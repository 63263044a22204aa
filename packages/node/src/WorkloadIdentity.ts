/**
 * The identity that a platform gives to a program, as a source of client
 * assertions and of subject tokens.
 *
 * @since 0.1.0
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Undici from "@effect/platform-node/Undici"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { AssertionSource } from "effect-oauth/AssertionSource"
import { KeyringError } from "effect-oauth/OAuthError"
import * as Identity from "./internal/identity.js"

/**
 * A source of an identity: `ClientAuthentication.assertion(source)`, or the
 * subject token of a `TokenExchange`. All of them read anew for every use: a
 * token in a file is replaced before it expires, and one that was kept is
 * refused after that. Failures are a `KeyringError` that names the variable, the
 * path or the address: `not_found` where there is none, `malformed`, `forbidden`
 * where the platform refuses or the token is for somebody else, `unavailable`.
 *
 * @since 0.1.0
 * @category models
 */
export type WorkloadIdentity<R = never> = AssertionSource<R>

/**
 * A file that holds a token: a projected service account token of Kubernetes, a
 * JWT-SVID that a SPIFFE helper writes, or any other. At most 64 KiB, one token
 * with white space around it.
 *
 * @since 0.1.0
 * @category sources
 */
export const file = (path: string): WorkloadIdentity => ({
  assertion: () => Identity.readToken(path)
})

/**
 * The variables that name a token file, in the order in which they are looked
 * for: of Keycard on EKS, of EKS Pod Identity, of IAM roles for service accounts,
 * of Azure workload identity.
 *
 * @since 0.1.0
 * @category constants
 */
export const variables: ReadonlyArray<string> = [
  "KEYCARD_EKS_WORKLOAD_IDENTITY_TOKEN_FILE",
  "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
  "AZURE_FEDERATED_TOKEN_FILE"
]

/**
 * The token file of this machine, by the first of `variables` that is set, or
 * by one of your own before them. Variables are read with `Config`.
 *
 * What the platform has put there for its own cloud (`AWS_*`, `AZURE_*`) is a
 * credential for that: with it who receives it takes over the program's role. So
 * its `aud` must name the audience that is asked for (RFC 7523 section 3), which
 * is the issuer unless `ClientAuthentication.assertion` is given another;
 * anything else is `forbidden`. Give the program a token of its own (a projected
 * one, for your server), or name the variable to send what it has to a server
 * that you trust with it.
 *
 * @since 0.1.0
 * @category sources
 */
export const environment = (
  options: {
    /** Looked for first, and sent as it is, whoever it is for. */
    readonly variable?: string | undefined
  } = {}
): WorkloadIdentity => ({
  assertion: (audience) =>
    Effect.gen(function* () {
      const names = [...(options.variable === undefined ? [] : [options.variable]), ...variables]
      for (const name of names) {
        const path = yield* Identity.variable(name)
        if (Option.isNone(path)) continue
        const token = yield* Identity.readToken(path.value, name)
        if (name === options.variable || !ofCloud.test(name) || Identity.isFor(token, audience)) return token
        return yield* Identity.fail(
          "forbidden",
          `the token that ${name} names is not for ${JSON.stringify(audience)}; it was not sent. Let the platform make one that is, or name the variable`
        )
      }
      return yield* Identity.fail(
        "not_found",
        `no variable names a token file: looked for ${names.join(", ")}`
      )
    })
})

const ofCloud = /^(AWS|AZURE)_/

/**
 * A JWT-SVID in a file, as the SPIFFE helper or the SPIFFE CSI driver writes it:
 * `SPIFFE_JWT_SVID_FILE` where no path is given.
 *
 * @since 0.1.0
 * @category sources
 */
export const spiffe = (path?: string): WorkloadIdentity => ({
  assertion: () =>
    path !== undefined
      ? Identity.readToken(path)
      : Effect.flatMap(Identity.variable("SPIFFE_JWT_SVID_FILE"), (named) =>
          Option.isSome(named)
            ? Identity.readToken(named.value, "SPIFFE_JWT_SVID_FILE")
            : Identity.fail("not_found", "SPIFFE_JWT_SVID_FILE is not set")
        )
})

/**
 * The identity of a Google Cloud machine, from its metadata server, with the
 * machine's project and zone in it (`format=full`). The server speaks plain
 * http, to `metadata.google.internal` and nowhere else; an answer without its
 * `Metadata-Flavor` is refused, since then it is another who answers.
 *
 * @since 0.1.0
 * @category sources
 */
export const googleCloud = (
  options: {
    /** In place of that of the request. */
    readonly audience?: string | undefined
    readonly serviceAccount?: string | undefined
  } = {}
): WorkloadIdentity<HttpClient.HttpClient> => ({
  assertion: (audience) => {
    const url = new URL("http://metadata.google.internal")
    url.pathname = `/computeMetadata/v1/instance/service-accounts/${encodeURIComponent(options.serviceAccount ?? "default")}/identity`
    url.searchParams.set("audience", options.audience ?? audience)
    url.searchParams.set("format", "full")
    const request = HttpClientRequest.get(url).pipe(HttpClientRequest.setHeader("metadata-flavor", "Google"))
    const server = { name: "the metadata server of Google Cloud", allowInsecure: true, isOfMachine: true }
    return Effect.flatMap(Identity.ask(server, request), (response) =>
      response.headers["metadata-flavor"] === "Google"
        ? Identity.tokenOf("the answer of the metadata server", new TextDecoder().decode(response.body))
        : Identity.fail("malformed", "metadata.google.internal is not the metadata server of Google Cloud")
    )
  }
})

/**
 * The identity of a machine of Fly.io, from its API on a unix socket.
 *
 * @since 0.1.0
 * @category sources
 */
export const fly = (
  options: {
    /** In place of that of the request. */
    readonly audience?: string | undefined
    /** `/.fly/api` unless given. */
    readonly socketPath?: string | undefined
  } = {}
): WorkloadIdentity => ({
  assertion: (audience) =>
    Effect.gen(function* () {
      const agent = yield* Effect.acquireRelease(
        Effect.sync(() => new Undici.Agent({ connect: { socketPath: options.socketPath ?? "/.fly/api" } })),
        (dispatcher) => Effect.promise(() => dispatcher.destroy())
      )
      const request = HttpClientRequest.post("http://localhost/v1/tokens/oidc").pipe(
        HttpClientRequest.bodyText(JSON.stringify({ aud: options.audience ?? audience }), "application/json")
      )
      const server = { name: "the API of Fly", isOfMachine: true }
      const response = yield* Identity.askOver(NodeHttpClient.makeUndici(agent), server, request)
      return yield* Identity.tokenOf("the answer of Fly", new TextDecoder().decode(response.body))
    }).pipe(Effect.scoped)
})

/**
 * The identity of a job of GitHub Actions with the permission `id-token: write`,
 * from the address in `ACTIONS_ID_TOKEN_REQUEST_URL` and with the token in
 * `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
 *
 * @since 0.1.0
 * @category sources
 */
export const gitHubActions = (
  options: {
    /** In place of that of the request. */
    readonly audience?: string | undefined
  } = {}
): WorkloadIdentity<HttpClient.HttpClient> => ({
  assertion: (audience) =>
    Effect.gen(function* () {
      const [address, token] = yield* Effect.mapError(
        Config.all([
          Config.nonEmptyString("ACTIONS_ID_TOKEN_REQUEST_URL"),
          Config.redacted(Config.nonEmptyString("ACTIONS_ID_TOKEN_REQUEST_TOKEN"))
        ]),
        () =>
          Identity.problem(
            "not_found",
            "ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are not set: this is no job of GitHub Actions, or it lacks the permission id-token: write"
          )
      )
      if (!URL.canParse(address)) {
        return yield* Identity.fail("malformed", "ACTIONS_ID_TOKEN_REQUEST_URL is not a URL")
      }
      const url = new URL(address)
      url.searchParams.set("audience", options.audience ?? audience)
      const response = yield* Identity.ask(
        { name: "GitHub Actions" },
        HttpClientRequest.get(url).pipe(
          HttpClientRequest.setHeader("accept", "application/json"),
          HttpClientRequest.bearerToken(token)
        )
      )
      return yield* Identity.memberOf("the answer of GitHub Actions", response, "value")
    })
})

/**
 * The first source that has an identity: the next is asked when one is not set
 * up on this machine (`not_found`), never when it cannot be read or reached, or
 * is refused.
 *
 * @since 0.1.0
 * @category combinators
 */
export const orElse = <R, R2>(
  first: WorkloadIdentity<R>,
  second: WorkloadIdentity<R2>
): WorkloadIdentity<R | R2> => ({
  assertion: (audience) =>
    Effect.catchIf(
      first.assertion(audience),
      (error) => error instanceof KeyringError && error.reason === "not_found",
      () => second.assertion(audience)
    )
})
