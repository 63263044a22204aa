import { defineConfig } from "vitest/config"
import projects from "./vitest.workspace.js"

export default defineConfig({
  test: {
    projects,
    // The sources keep no state in their modules, and half of the time of their tests would be loading them.
    poolOptions: { threads: { isolate: false } },
    maxWorkers: "100%"
  }
})
