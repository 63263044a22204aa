export * from "node:fs"
export { default } from "node:fs"

/** Only for what judges whole repositories, which is not run here. */
export const globSync = () => []
