import * as JwtAlgorithm from "../../keys/JwtAlgorithm.js"

/** The asymmetric algorithms that the server lists for the purpose, all of them where it lists none. */
export const algorithms = (
  listed: ReadonlyArray<string> | undefined
): ReadonlyArray<JwtAlgorithm.JwtAlgorithm> =>
  JwtAlgorithm.asymmetric.filter((algorithm) => listed?.includes(algorithm) ?? true)
