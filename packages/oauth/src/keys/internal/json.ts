/** JSON objects, as strictly as tokens need them. */

export const parseObject = (text: string): Readonly<Record<string, unknown>> | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/**
 * Whether a member of the outermost object comes twice, its name compared after
 * unescaping. The text must be valid JSON; one pass.
 */
export const hasDuplicateMember = (text: string): boolean => {
  const seen = new Set<string>()
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i)
    if (char === "{" || char === "[") depth++
    else if (char === "}" || char === "]") depth--
    else if (char === '"') {
      const from = i
      for (i++; text.charAt(i) !== '"'; i++) if (text.charAt(i) === "\\") i++
      if (depth === 1 && isFollowedByColon(text, i + 1)) {
        const raw = text.slice(from, i + 1)
        const name: unknown = raw.includes("\\") ? JSON.parse(raw) : raw.slice(1, -1)
        if (typeof name !== "string" || seen.has(name)) return true
        seen.add(name)
      }
    }
  }
  return false
}

const isFollowedByColon = (text: string, from: number): boolean => {
  let i = from
  while (" \t\n\r".includes(text.charAt(i)) && i < text.length) i++
  return text.charAt(i) === ":"
}
