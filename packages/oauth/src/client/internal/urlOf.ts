/** An endpoint with parameters in its query, each in place of those of its name that the endpoint's own query has. */
export const urlOf = (endpoint: string, parameters: Iterable<readonly [string, string]>): string => {
  const url = new URL(endpoint)
  const { searchParams } = url
  const all = [...parameters]
  for (const [name] of all) searchParams.delete(name)
  for (const [name, value] of all) searchParams.append(name, value)
  return url.href
}
