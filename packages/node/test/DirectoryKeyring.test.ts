/** Keys in real directories: who may see them, what a crash leaves, and several processes at once. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as JwtSigner from "effect-oauth/JwtSigner"
import * as JwtVerifier from "effect-oauth/JwtVerifier"
import * as Keyring from "effect-oauth/Keyring"
import type { KeyringError } from "effect-oauth/OAuthError"
import * as DirectoryKeyring from "effect-oauth-node/DirectoryKeyring"
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { host } from "../src/internal/fileLock.js"
import { plantLock } from "./support/directories.js"

const temporary = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(join(tmpdir(), "keys-"))),
  (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true, force: true }))
)

/** A ring that does nothing by itself. */
const open = (directory: string, options: Partial<DirectoryKeyring.Options> = {}) =>
  DirectoryKeyring.make({
    directory,
    issuer: "https://issuer.test",
    changes: Stream.never,
    schedule: Schedule.stop,
    ...options
  })

const currentOf = (ring: DirectoryKeyring.DirectoryKeyring) =>
  Effect.map(ring.rotation, ({ current }) => current.key.kid ?? "")

const reasonOf = <A, R>(effect: Effect.Effect<A, KeyringError, R>) =>
  Effect.map(Effect.flip(effect), (error) => error.reason)

const modeOf = (...path: ReadonlyArray<string>): number => fs.statSync(join(...path)).mode & 0o777

const filesOf = (directory: string): ReadonlyArray<string> => fs.readdirSync(directory).sort()

const program = fileURLToPath(new URL("./support/keyringProgram.ts", import.meta.url))

/** Runs a process to its end, and gives what it said. */
const run = (...args: ReadonlyArray<string>) =>
  Effect.async<{ readonly first: string; readonly last: string }, string>((resume) => {
    let stdout = ""
    let stderr = ""
    const child = spawn(
      process.execPath,
      ["--conditions=effect-oauth-source", "--import", "tsx", program, ...args],
      { env: { PATH: process.env["PATH"] }, stdio: ["ignore", "pipe", "pipe"] }
    )
    child.stdout.on("data", (chunk: Buffer) => (stdout += String(chunk)))
    child.stderr.on("data", (chunk: Buffer) => (stderr += String(chunk)))
    child.once("close", (code) =>
      resume(code === 0 ? Effect.succeed(JSON.parse(stdout)) : Effect.fail(`${code}: ${stderr}`))
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })

describe("DirectoryKeyring", () => {
  it.scoped("keeps its keys: what it signed is verified when the directory is opened again", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporary, "made", "here")
      const ringLayer = Layer.unwrapEffect(
        Effect.map(open(directory), (ring) => Layer.succeed(Keyring.KeyringService, ring))
      )
      const signed = yield* Effect.flatMap(JwtSigner.JwtSigner, (signer) =>
        signer.sign({ iss: "https://issuer.test", sub: "alice" }, { typ: "JWT" })
      ).pipe(Effect.provide(JwtSigner.layer.pipe(Layer.provide(ringLayer))), Effect.scoped)
      const again = yield* open(directory)
      const verifier = yield* JwtVerifier.fromKeyring(again)
      const profile = JwtProfile.make({
        name: "test",
        issuer: "https://issuer.test",
        types: ["JWT"],
        finish: Effect.succeed
      })
      const { claims } = yield* verifier.verify(signed, profile)
      assert.strictEqual(claims["sub"], "alice")
      assert.isFalse(JSON.stringify(yield* again.jwks).includes('"d"'))
    })
  )

  it.scoped("rotates by its policy, with the time of each key kept across openings", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const policy = { period: "10 days", publishAhead: "2 days", retainFor: "1 day" } as const
      const ring = yield* open(directory, policy)
      const first = yield* currentOf(ring)
      yield* TestClock.adjust("8 days")
      yield* ring.advance
      const next = Option.getOrThrow((yield* ring.rotation).next).key.kid
      assert.strictEqual(yield* currentOf(ring), first)
      yield* TestClock.adjust("2 days")
      const later = yield* open(directory, policy)
      assert.strictEqual(yield* currentOf(later), next)
      assert.deepStrictEqual(
        (yield* later.rotation).retiring.map(({ key }) => key.kid),
        [first]
      )
      yield* TestClock.adjust("1 day")
      yield* later.advance
      assert.deepStrictEqual((yield* later.rotation).retiring, [])
    })
  )

  for (const alg of ["RS256", "ES384", "EdDSA"] as const) {
    it.scoped(`a key for ${alg} comes back as one`, () =>
      Effect.gen(function* () {
        const directory = yield* temporary
        const made = yield* Effect.flatMap(open(directory, { alg }), (ring) => ring.signingKey())
        const found = yield* Effect.flatMap(open(directory, { alg }), (ring) => ring.signingKey())
        assert.strictEqual(made.algorithm, alg)
        assert.strictEqual(found.algorithm, alg)
        assert.deepStrictEqual(found.jwk, made.jwk)
      })
    )
  }

  it.scoped("a kid is never the name of a file", () =>
    Effect.gen(function* () {
      const parent = yield* temporary
      const directory = join(parent, "keys")
      const kid = "../../escape\u0000/../keys.lock"
      const generate = Effect.flatMap(Keyring.generate({ kid }), (made) => made.signingKey())
      const ring = yield* open(directory, { generate })
      assert.strictEqual(yield* currentOf(ring), kid)
      assert.strictEqual(yield* currentOf(yield* open(directory)), kid)
      assert.deepStrictEqual(filesOf(parent), ["keys"])
      assert.deepStrictEqual(filesOf(directory), ["keys.backup.json", "keys.json"])
    })
  )

  it.scoped("a revoked key is gone from every file", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const ring = yield* open(directory)
      const leaked = yield* ring.signingKey()
      yield* ring.rotate
      yield* ring.revoke(leaked.kid ?? "")
      const secret = String(Redacted.value(Option.getOrThrow(leaked.privateJwk))["d"])
      for (const name of filesOf(directory)) {
        assert.notInclude(fs.readFileSync(join(directory, name), "utf8"), secret)
      }
      assert.strictEqual(yield* reasonOf(ring.revoke("unknown")), "not_found")
    })
  )
})

describe.skipIf(process.platform === "win32")("DirectoryKeyring: who may see the keys", () => {
  it.scoped("the directory is 0700 and every file in it 0600", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporary, "keys")
      const ring = yield* open(directory)
      yield* ring.rotate
      assert.strictEqual(modeOf(directory), 0o700)
      for (const name of filesOf(directory)) assert.strictEqual(modeOf(directory, name), 0o600, name)
    })
  )

  for (const mode of [0o750, 0o705, 0o701, 0o720, 0o777]) {
    it.scoped(`a directory of mode ${mode.toString(8)} is refused`, () =>
      Effect.gen(function* () {
        const directory = yield* temporary
        fs.chmodSync(directory, mode)
        assert.strictEqual(yield* reasonOf(open(directory)), "forbidden")
        assert.deepStrictEqual(filesOf(directory), [])
      })
    )
  }

  for (const mode of [0o640, 0o604, 0o620, 0o602]) {
    it.scoped(`a file of mode ${mode.toString(8)} is refused`, () =>
      Effect.gen(function* () {
        const directory = yield* temporary
        const ring = yield* open(directory)
        const before = yield* currentOf(ring)
        fs.chmodSync(join(directory, "keys.json"), mode)
        assert.strictEqual(yield* reasonOf(open(directory)), "forbidden")
        assert.strictEqual(yield* reasonOf(ring.rotate), "forbidden")
        assert.strictEqual(yield* currentOf(ring), before)
      })
    )
  }

  it.scoped("a link in the place of the file is refused", () =>
    Effect.gen(function* () {
      const parent = yield* temporary
      const directory = join(parent, "keys")
      yield* open(directory)
      fs.renameSync(join(directory, "keys.json"), join(parent, "elsewhere.json"))
      fs.symlinkSync(join(parent, "elsewhere.json"), join(directory, "keys.json"))
      assert.strictEqual(yield* reasonOf(open(directory)), "forbidden")
    })
  )

  it.scoped("a directory or a file of another user is refused", (context) =>
    Effect.gen(function* () {
      if (process.getuid?.() !== 0) return context.skip("only root can give files away")
      const directory = yield* temporary
      yield* open(directory)
      fs.chownSync(join(directory, "keys.json"), 12345, 12345)
      assert.strictEqual(yield* reasonOf(open(directory)), "forbidden")
      fs.chownSync(join(directory, "keys.json"), 0, 0)
      fs.chownSync(directory, 12345, 12345)
      assert.strictEqual(yield* reasonOf(open(directory)), "forbidden")
    })
  )
})

describe("DirectoryKeyring: what goes wrong", () => {
  it.scoped("a crash before the new content is in place leaves the old, and what it left is removed", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const before = yield* currentOf(yield* open(directory))
      const dead = { pid: 2 ** 22 + 1, host: host(), expiry: 30_000 }
      const holder = plantLock(join(directory, "keys.lock"), JSON.stringify(dead))
      fs.writeFileSync(`${holder}.00.tmp`, '{"version":1,"cur', { mode: 0o600 })
      assert.strictEqual(yield* currentOf(yield* open(directory)), before)
      assert.deepStrictEqual(filesOf(directory), ["keys.backup.json", "keys.json"])
    })
  )

  it.scoped("a change that cannot be written changes nothing", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const ring = yield* open(directory)
      const before = yield* currentOf(ring)
      fs.rmSync(join(directory, "keys.backup.json"))
      fs.mkdirSync(join(directory, "keys.backup.json"))
      assert.strictEqual(yield* reasonOf(ring.rotate), "unavailable")
      assert.strictEqual(yield* currentOf(ring), before)
      assert.strictEqual(yield* currentOf(yield* open(directory)), before)
    })
  )

  for (const content of [
    "",
    "{",
    '{"version":2}',
    '{"version":1,"current":{"since":0,"alg":"ES256","key":{"kty":"EC"}},"retiring":[]}'
  ]) {
    it.scoped(`${content === "" ? "an empty file" : content}: set aside, and restored from the backup`, () =>
      Effect.gen(function* () {
        const directory = yield* temporary
        yield* TestClock.adjust(1234)
        const before = yield* currentOf(yield* open(directory))
        fs.writeFileSync(join(directory, "keys.json"), content)
        assert.strictEqual(yield* currentOf(yield* open(directory)), before)
        assert.strictEqual(fs.readFileSync(join(directory, "keys.json.corrupt-1234"), "utf8"), content)
        assert.strictEqual(yield* currentOf(yield* open(directory)), before)
      })
    )
  }

  it.scoped("a file that is not there, as after a crash while it was set aside, comes from the backup", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const ring = yield* open(directory)
      const before = yield* currentOf(ring)
      fs.renameSync(join(directory, "keys.json"), join(directory, "keys.json.corrupt-1"))
      assert.strictEqual(yield* currentOf(yield* open(directory)), before)
      // also for a ring that is open, which may know less than the backup
      yield* (yield* open(directory)).rotate
      const rotated = yield* currentOf(yield* open(directory))
      fs.rmSync(join(directory, "keys.json"))
      yield* ring.reload
      assert.strictEqual(yield* currentOf(ring), rotated)
      assert.strictEqual(yield* currentOf(yield* open(directory)), rotated)
    })
  )

  it.scoped("a backup that cannot be read is not written over by a new key", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      yield* open(directory)
      fs.rmSync(join(directory, "keys.json"))
      fs.writeFileSync(join(directory, "keys.backup.json"), "broken")
      assert.strictEqual(yield* reasonOf(open(directory)), "malformed")
      assert.strictEqual(fs.readFileSync(join(directory, "keys.backup.json"), "utf8"), "broken")
      fs.rmSync(join(directory, "keys.backup.json"))
      yield* open(directory)
    })
  )

  it.scoped("broken keys are put right at the backup first: a crash after that loses nothing", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const ring = yield* open(directory)
      const before = yield* currentOf(ring)
      fs.writeFileSync(join(directory, "keys.backup.json"), "broken")
      fs.writeFileSync(join(directory, "keys.json"), "broken")
      // what cannot be set aside ends the restoring there
      yield* TestClock.adjust(5)
      fs.mkdirSync(join(directory, "keys.json.corrupt-5"))
      assert.strictEqual(yield* reasonOf(ring.reload), "unavailable")
      fs.rmSync(join(directory, "keys.json"))
      assert.strictEqual(yield* currentOf(yield* open(directory)), before)
    })
  )

  it.scoped("a defect does not end the schedule: the next turn comes", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      let made = 0
      const generate = Effect.suspend(() => {
        made += 1
        return made === 2
          ? Effect.die(new TypeError("canary-of-a-key"))
          : Effect.flatMap(Keyring.generate(), (ring) => ring.signingKey())
      })
      const ring = yield* open(directory, {
        generate,
        period: "1 hour",
        publishAhead: "10 minutes",
        schedule: Schedule.spaced("10 minutes"),
        lockExpiry: "30 minutes"
      })
      const first = yield* currentOf(ring)
      yield* Effect.repeat(
        Effect.zipRight(
          TestClock.adjust("10 minutes"),
          Effect.promise(() => new Promise(setImmediate))
        ),
        { while: () => Effect.map(currentOf(ring), (kid) => kid === first && made < 20), times: 200 }
      )
      assert.notStrictEqual(yield* currentOf(ring), first)
    })
  )

  it.scoped("without a good backup a broken file is malformed, and nothing of it is said", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      yield* open(directory)
      fs.writeFileSync(join(directory, "keys.json"), "canary-secret")
      fs.writeFileSync(join(directory, "keys.backup.json"), "canary-secret")
      const error = yield* Effect.flip(open(directory))
      assert.strictEqual(error.reason, "malformed")
      assert.notInclude(JSON.stringify(error), "canary")
      assert.deepStrictEqual(filesOf(directory), ["keys.backup.json", "keys.json.corrupt-0"])
    })
  )

  it.scoped("a ring that is open puts back what was broken or lost", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const ring = yield* open(directory)
      const before = yield* currentOf(ring)
      fs.rmSync(join(directory, "keys.backup.json"))
      fs.writeFileSync(join(directory, "keys.json"), "broken")
      yield* ring.reload
      assert.strictEqual(yield* currentOf(yield* open(directory)), before)
      fs.rmSync(join(directory, "keys.json"))
      yield* ring.reload
      assert.strictEqual(yield* currentOf(ring), before)
      assert.strictEqual(yield* currentOf(yield* open(directory)), before)
    })
  )
})

describe("DirectoryKeyring: several at once", { timeout: 60_000 }, () => {
  it.scopedLive("takes up what another changed, as the directory tells", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const watching = yield* DirectoryKeyring.make({ directory })
      const other = yield* open(directory)
      yield* other.rotate
      const expected = yield* currentOf(other)
      yield* Effect.repeat(Effect.delay(currentOf(watching), 20), { until: (kid) => kid === expected }).pipe(
        Effect.timeout("10 seconds")
      )
    })
  )

  it.scopedLive("takes it up where the system tells nothing, by looking now and then", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const looking = yield* open(directory, { changes: Stream.tick("50 millis") })
      const other = yield* open(directory)
      yield* other.rotate
      const expected = yield* currentOf(other)
      yield* Effect.repeat(Effect.delay(currentOf(looking), 20), { until: (kid) => kid === expected }).pipe(
        Effect.timeout("10 seconds")
      )
    })
  )

  it.scoped("keys that did not change stay as they are, prepared", () =>
    Effect.gen(function* () {
      const ring = yield* open(yield* temporary)
      const key = yield* ring.signingKey()
      yield* ring.advance
      yield* ring.reload
      assert.strictEqual(yield* ring.signingKey(), key)
    })
  )

  it.scopedLive("processes that start on an empty directory end with the same key", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporary, "keys")
      const ended = yield* Effect.all([run(directory), run(directory), run(directory)], {
        concurrency: "unbounded"
      })
      assert.strictEqual(new Set(ended.map(({ last }) => last)).size, 1)
      assert.strictEqual(yield* currentOf(yield* open(directory)), ended[0].last)
    })
  )

  it.scopedLive("no rotation of two processes is lost", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporary, "keys")
      yield* Effect.all([run(directory, "5"), run(directory, "5")], { concurrency: "unbounded" })
      const { current, retiring } = yield* Effect.flatMap(open(directory), (ring) => ring.rotation)
      assert.strictEqual(new Set([current, ...retiring].map(({ key }) => key.kid)).size, 11)
      assert.deepStrictEqual(filesOf(directory), ["keys.backup.json", "keys.json"])
    })
  )

  it.scopedLive("the lock of a process that died is taken over at once, one that had its time too", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const dead = { pid: 2 ** 22 + 1, host: host(), expiry: 30_000 }
      const late = { pid: process.pid, host: "another", expiry: 30_000 }
      for (const holder of [dead, late]) {
        // by the clock of the file system
        plantLock(join(directory, "keys.lock"), JSON.stringify(holder), holder === late ? 31 : 0)
        yield* Effect.timeout(open(directory), "5 seconds")
        assert.notInclude(filesOf(directory), "keys.lock")
      }
    })
  )

  it.scopedLive("waits for a lock that is held, and takes over one that nobody can read", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const held = { pid: process.pid, host: host(), expiry: 500 }
      for (const content of [JSON.stringify(held), ""]) {
        const began = Date.now()
        plantLock(join(directory, "keys.lock"), content)
        yield* open(directory, { lockExpiry: "500 millis" })
        assert.isAtLeast(Date.now() - began, 300)
      }
    })
  )

  it.scopedLive("who lost the lock changes nothing", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const ring = yield* open(directory)
      const before = yield* currentOf(ring)
      const lock = join(directory, "keys.lock")
      const thief = Effect.sync(() => {
        fs.rmSync(lock, { recursive: true })
        plantLock(lock, "another")
      })
      const robbed = yield* open(directory, {
        generate: Effect.zipRight(
          thief,
          Effect.flatMap(Keyring.generate(), (made) => made.signingKey())
        )
      })
      assert.strictEqual(yield* reasonOf(robbed.rotate), "unavailable")
      fs.rmSync(lock, { recursive: true })
      assert.strictEqual(yield* currentOf(yield* open(directory)), before)
      assert.deepStrictEqual(filesOf(directory), ["keys.backup.json", "keys.json"])
    })
  )
})
