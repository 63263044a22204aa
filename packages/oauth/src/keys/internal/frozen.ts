/** Values that are given to more than one. */

/** Freezes plain values through and through: nobody may change what the next one is given. */
export const deepFreeze = <A>(root: A): A => {
  const pending: Array<unknown> = [root]
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
      Object.freeze(value)
      pending.push(...Object.values(value).filter((inner) => typeof inner === "object" && inner !== null))
    }
  }
  return root
}
