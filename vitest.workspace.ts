import type { TestProjectConfiguration } from "vitest/config"

/** Workspace packages are tested from their sources, not from what was last built. */
const conditions = ["effect-oauth-source"]
const fromSource: { resolve: object; ssr: object } = {
  resolve: { conditions: [...conditions, "module", "node", "development|production"] },
  ssr: { resolve: { conditions: [...conditions, "module", "node", "development|production"] } }
}

const project = (name: string, test: object): TestProjectConfiguration => ({
  ...fromSource,
  test: { name, ...test }
})

const unit = (name: string) => project(name, { include: [`packages/${name}/test/**/*.test.ts`] })

const projects: Array<TestProjectConfiguration> = [
  unit("oauth"),
  unit("testing"),
  unit("node"),
  /** The flows against real authorization servers on loopback. */
  project("servers", {
    include: ["packages/*/test-servers/**/*.test.ts", "scratchpad/test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000
  }),
  /** A login in a headless Chromium. */
  project("browser", {
    include: ["packages/*/test-browser/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000
  })
]

export default projects
