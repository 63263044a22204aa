/** The keychain of the operating system, by `@napi-rs/keyring`. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** CRED_MAX_CREDENTIAL_BLOB_SIZE of wincred.h. */
const windowsLimit = 5 * 512

/** Without a fallback: that of the library on Linux, the keyring of the kernel, forgets at the next start. */
const pinned = { linux: { store: "secret-service" } } as const

const opened = async (service: string) => {
  const { AsyncEntry } = await import("@napi-rs/keyring")
  const entryOf = (account: string) => new AsyncEntry(service, account, pinned)
  return {
    get: async (account: string): Promise<string | undefined> => {
      const bytes = await entryOf(account).getSecret()
      return bytes === null ? undefined : new TextDecoder().decode(Uint8Array.from(bytes))
    },
    set: async (account: string, text: string): Promise<void> =>
      entryOf(account).setSecret(new TextEncoder().encode(text)),
    remove: async (account: string): Promise<void> => {
      await entryOf(account).deleteCredential()
    },
    maxBytes: process.platform === "win32" ? Option.some(windowsLimit) : Option.none<number>()
  }
}

/** Fails with what is the matter. */
export const open = (service: string): Effect.Effect<Awaited<ReturnType<typeof opened>>, string> =>
  Effect.tryPromise({
    try: () => opened(service),
    catch: () =>
      "@napi-rs/keyring is not installed, or not for this platform; install it beside effect-oauth-node"
  })
