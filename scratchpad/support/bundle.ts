/** A program of the scratchpad in one file, with all that it imports: it begins sooner than one compiled as it runs. */
import * as Effect from "effect/Effect"
import { build } from "esbuild"
import { fileURLToPath } from "node:url"

/** `entry` is a file of the scratchpad, `outfile` a whole path. */
export const bundle = (entry: string, outfile: string): Effect.Effect<void> =>
  Effect.promise(() =>
    build({
      entryPoints: [fileURLToPath(new URL(`../${entry}`, import.meta.url))],
      outfile,
      bundle: true,
      format: "esm",
      platform: "node",
      target: "node20",
      conditions: ["effect-oauth-source"],
      banner: {
        js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);'
      }
    })
  )
