/** Ends a run with one plain line, for readers that know no test runner: `N passed, N failed`. */
export default class PlainCount {
  onTestRunEnd(modules, unhandledErrors) {
    let passed = 0
    let failed = unhandledErrors.length
    for (const module of modules) {
      const tests = [...module.children.allTests()]
      passed += tests.filter((test) => test.result().state === "passed").length
      const failedTests = tests.filter((test) => test.result().state === "failed").length
      // a file or a hook that broke before its tests could run is a failure too
      failed += failedTests === 0 && module.state() === "failed" ? 1 : failedTests
    }
    process.once("exit", () => console.log(`\n${passed} passed, ${failed} failed`)) // after the summary
  }
}
