/** Gives the suite an `fs` with the `globSync` that it imports and Node 20 does not have. */
const fs = new URL("./fs.mjs", import.meta.url).href

export const resolve = (specifier, context, next) =>
  specifier === "fs" && context.parentURL?.includes("/@modelcontextprotocol/conformance/")
    ? { url: fs, shortCircuit: true }
    : next(specifier, context)
