/** What protecting an endpoint takes: requests to it, and to the same endpoint without protection, at the same server. */
import type { ChildProcess } from "node:child_process"
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Goal, Group, Spent, Task } from "./harness.js"
import * as Load from "./load.js"
import { makeKeys, makeTokens } from "./tokens.js"

const connections = 32
const few = 100

const next = (server: ChildProcess): Promise<Record<string, number>> =>
  new Promise((resolve, reject) => {
    server.once("error", reject)
    server.once("message", (message) => {
      server.off("error", reject)
      resolve(Object(message))
    })
  })

const ratio = (most: number): ReadonlyArray<Goal> => [{ of: "ratio", most }]

export const make = async (distinct: number) => {
  const keys = makeKeys("ES256")
  const tokens = makeTokens(keys, distinct).map(({ text }) => text)
  const server = fork(
    fileURLToPath(new URL("apiServer.mjs", import.meta.url)),
    [JSON.stringify({ jwk: keys.jwk })],
    { execArgv: [] }
  )
  const ports = await next(server)
  const effect = await Load.open(ports["effect"] ?? 0, connections)
  const express = await Load.open(ports["express"] ?? 0, connections)

  const spent = async (): Promise<Spent> => {
    const told = next(server)
    server.send("spent")
    const { mainThread = 0, process: all = 0 } = await told
    return { mainThread, process: all }
  }

  const to =
    (load: Load.Load, path: string) =>
    (name: string, some: ReadonlyArray<string>): Task => {
      const requests = some.map((token, i) => Load.request(`/${path}/${i % 100}`, token))
      return { name, run: (count) => load.send(requests, count) }
    }
  const open = to(effect, "open")
  const checked = to(effect, "checked")
  const ours = to(effect, "protected")
  const again = tokens.slice(0, few)

  const groups: ReadonlyArray<Group> = [
    {
      name: "Protected endpoint, tokens that come again",
      clock: "server",
      spent,
      tasks: [
        open("open", again),
        to(effect, "unchecked")("a bearer middleware that checks nothing", again),
        ours("effect-oauth, BearerAuth", again),
        to(effect, "asking")("effect-oauth, asked in the handler", again)
      ],
      goals: {
        "effect-oauth, BearerAuth": ratio(1.05),
        "effect-oauth, asked in the handler": ratio(1.05)
      }
    },
    {
      name: "Protected endpoint, ES256, every token another",
      clock: "server",
      spent,
      tasks: [
        checked("open, the signature checked in the handler", tokens),
        open("open", tokens),
        ours("effect-oauth, BearerAuth", tokens),
        to(effect, "asking")("effect-oauth, asked in the handler", tokens)
      ],
      goals: {
        "effect-oauth, BearerAuth": ratio(1.1),
        "effect-oauth, asked in the handler": ratio(1.1)
      }
    },
    {
      name: "Protected endpoint, express",
      clock: "server",
      spent,
      tasks: [
        to(express, "open")("open", again),
        to(express, "protected")("express-oauth2-jwt-bearer, tokens that come again", again),
        to(express, "protected")("express-oauth2-jwt-bearer, every token another", tokens)
      ]
    }
  ]
  return {
    groups,
    end: () => {
      effect.end()
      express.end()
      server.disconnect()
      return Promise.resolve()
    }
  }
}
