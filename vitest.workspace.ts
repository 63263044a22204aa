import { fileURLToPath } from "node:url"
import { defaultServerConditions } from "vite"
import type { TestProjectInlineConfiguration } from "vitest/config"

/** Packages of this workspace are tested from their sources, not from what was last built. */
const conditions = ["effect-oauth-source", ...defaultServerConditions]

/** Projects of one group run together, the groups one after the other. */
const project = (
  name: string,
  include: Array<string>,
  group: number,
  timeout: number
): TestProjectInlineConfiguration => ({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    name,
    include,
    setupFiles: [fileURLToPath(new URL("./.ci/equality.mjs", import.meta.url))],
    testTimeout: timeout,
    hookTimeout: timeout,
    // What needs no machine shares threads, and what it has loaded; what does has a process for each file.
    pool: ["oauth", "testing", "resource-server"].includes(name) ? "threads" : "forks",
    sequence: { groupOrder: group }
  }
})

const unit = (name: string) => project(name, [`packages/${name}/test/**/*.test.ts`], 0, 20_000)

const projects: Array<TestProjectInlineConfiguration> = [
  unit("oauth"),
  unit("testing"),
  unit("node"),
  unit("resource-server"),
  // the flows against real authorization servers on loopback
  project("servers", ["packages/*/test-servers/**/*.test.ts", "scratchpad/test/**/*.test.ts"], 1, 60_000),
  // a login in a headless Chromium
  project("browser", ["packages/*/test-browser/**/*.test.ts"], 2, 60_000)
]

export default projects
