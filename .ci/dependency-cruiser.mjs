/** Who may import whom: docs/architecture.md in words, this file as the rule that `npm run check` applies. */

const rooms = ["protocol", "http", "keys", "client", "session"]

/** For each package: the packages of this workspace and of npm that its sources may import. */
const core = ["effect", "@effect/platform"]
const packages = {
  oauth: { local: [], npm: [...core, "jose"], machine: false },
  // jose by itself: what checks the toolkit must not be the toolkit
  testing: { local: ["oauth"], npm: [...core, "jose"], machine: false },
  "resource-server": { local: ["oauth"], npm: core, machine: false },
  node: {
    local: ["oauth"],
    npm: [...core, "@effect/platform-node", "ioredis", "@napi-rs/keyring"],
    machine: true
  },
  cli: {
    local: ["oauth", "testing", "resource-server", "node"],
    npm: [...core, "@effect/platform-node", "@effect/cli", "@effect/printer", "@effect/printer-ansi"],
    machine: true
  }
}

const anyOf = (names) => `(?:${names.join("|")})`
const rule = (name, comment, from, to) => ({ name, comment, severity: "error", from, to })

export default {
  forbidden: [
    rule("no-cycles", "Two modules that import each other are one module.", {}, { circular: true }),
    rule("resolvable", "The import leads nowhere.", {}, { couldNotResolve: true }),

    ...rooms.map((room, i) =>
      rule(
        `room-${room}`,
        `packages/oauth/src/${room} imports itself and the rooms before it alone: ${rooms.join(" <- ")}.`,
        { path: `^packages/oauth/src/${room}/` },
        { path: "^packages/oauth/src/", pathNot: `^packages/oauth/src/${anyOf(rooms.slice(0, i + 1))}/` }
      )
    ),
    rule(
      "barrels-are-for-users",
      "Inside a package import the module, not a barrel.",
      { path: "^packages/[^/]+/src/", pathNot: "^packages/oauth/src/index[.]ts$" },
      { path: ["^packages/[^/]+/src/index[.]ts$", "^packages/[^/]+/src/[^/]+/index[.]ts$"] }
    ),
    rule(
      "internal-to-its-room",
      "internal/ is for the room it stands in; but what a login loads takes its errors from exchangeErrors, since a bundler would give it all that OAuthError has.",
      { path: "^packages/([^/]+)/src/([^/]+)/" },
      {
        path: "^packages/.*/internal/",
        pathNot: ["^packages/$1/src/$2/", "^packages/oauth/src/protocol/internal/exchangeErrors[.]ts$"]
      }
    ),
    rule(
      "internal-to-its-package",
      "internal/ is for the package (or the room) it stands in.",
      {
        path: "^packages/([^/]+)/(?:src|test|test-servers|test-browser|typetest)/",
        pathNot: "^packages/oauth/src/"
      },
      { path: "^packages/.*/internal/", pathNot: "^packages/$1/" }
    ),
    rule(
      "internal-stays-inside",
      "internal/ is for the package it stands in.",
      { pathNot: "^packages/" },
      { path: "^packages/.*/internal/" }
    ),
    rule(
      "sources-stand-alone",
      "Sources import neither tests nor programs.",
      { path: "^packages/[^/]+/src/" },
      { path: ["^packages/[^/]+/(?!src/)", "^(?:scratchpad|benchmarks|[.]ci)/"] }
    ),
    rule(
      "declared",
      "A package imports what its own package.json names under dependencies or peerDependencies.",
      { path: "^packages/[^/]+/src/" },
      // an optional peer is both npm-peer and npm-no-pkg
      {
        dependencyTypes: ["npm-dev", "npm-optional", "npm-no-pkg", "npm-unknown"],
        dependencyTypesNot: ["npm-peer"]
      }
    ),

    ...Object.entries(packages).flatMap(([name, { local, machine, npm }]) => [
      rule(
        `package-${name}`,
        `packages/${name} may import, of this workspace: ${["itself", ...local].join(", ")}.`,
        { path: `^packages/${name}/src/` },
        { path: "^packages/", pathNot: `^packages/${anyOf([name, ...local])}/` }
      ),
      rule(
        `npm-${name}`,
        `packages/${name} may import, from npm: ${npm.join(", ")}.`,
        { path: `^packages/${name}/src/` },
        { path: "^node_modules/", pathNot: `^node_modules/${anyOf(npm)}/` }
      ),
      ...(machine
        ? []
        : [
            rule(
              `anywhere-${name}`,
              `packages/${name} runs wherever Effect runs: no module of Node.`,
              { path: `^packages/${name}/src/` },
              { dependencyTypes: ["core"] }
            )
          ])
    ])
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^packages/[^/]+/dist/" },
    tsConfig: { fileName: "tsconfig.base.json" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["effect-oauth-source", "import", "types", "node", "default"],
      extensions: [".ts", ".d.ts", ".js", ".mjs"]
    }
  }
}
