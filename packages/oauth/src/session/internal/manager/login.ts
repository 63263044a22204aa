/** From which login tokens descend, and which of two records of a session is the later one. */
import type { SessionRecord } from "../../TokenStore.js"

export type Login = NonNullable<SessionRecord["login"]>

/** That of records which do not say. */
export const unnamed: Login = { id: "", at: 0, refreshes: 0 }

/** One that comes after all logins up to `latest`, by whatever clock those were told. */
export const begun = (id: string, now: number, latest: number): Login => ({
  id,
  at: Math.max(Math.floor(now), latest + 1),
  refreshes: 0
})

export const refreshed = (login: Login): Login => ({ ...login, refreshes: login.refreshes + 1 })

export const isSame = (one: Login, other: Login): boolean => one.id === other.id
