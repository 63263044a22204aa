import { createHash } from "node:crypto"

/** One name for each, also where names have no case, few characters and a limit. */
export const entryName = (name: string): string =>
  createHash("sha256").update(JSON.stringify(name)).digest("hex")
