/** Requests over connections that stay open, each sent when the one before it is answered: little work beside the server's. */
import { once } from "node:events"
import type { Socket } from "node:net"
import { connect } from "node:net"

export interface Load {
  /** Sends so many requests, and ends when all are answered. Anything but a 200 fails. */
  readonly send: (requests: ReadonlyArray<Buffer>, count: number) => Promise<void>
  readonly end: () => void
}

export const request = (path: string, token?: string): Buffer =>
  Buffer.from(
    [
      `GET ${path} HTTP/1.1`,
      "host: api.example.com",
      "accept: application/json",
      ...(token === undefined ? [] : [`authorization: Bearer ${token}`]),
      "",
      ""
    ].join("\r\n")
  )

const isWhole = (text: string): boolean => {
  const end = text.indexOf("\r\n\r\n")
  const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1]
  return end >= 0 && length !== undefined && text.length >= end + 4 + Number(length)
}

const ask = (socket: Socket, next: () => Buffer | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    let text = ""
    const finish = (end: () => void) => {
      socket.off("data", receive).off("error", reject).off("close", closed)
      end()
    }
    const closed = () => finish(() => reject(new Error("the server closed the connection")))
    const go = () => {
      const one = next()
      if (one === undefined) finish(resolve)
      else socket.write(one)
    }
    const receive = (chunk: string) => {
      text += chunk
      if (!text.startsWith("HTTP/1.1 200 ".slice(0, text.length))) {
        finish(() => reject(new Error(text)))
      } else if (isWhole(text)) {
        text = ""
        go()
      }
    }
    socket.on("data", receive).once("error", reject).once("close", closed)
    go()
  })

export const open = async (port: number, connections: number): Promise<Load> => {
  const sockets = Array.from({ length: connections }, () => connect(port, "127.0.0.1"))
  for (const socket of sockets) {
    await once(socket, "connect")
    socket.setNoDelay(true).setEncoding("latin1")
  }
  let at = 0
  return {
    send: async (requests, count) => {
      let begun = 0
      const next = () => (begun++ < count ? requests[at++ % requests.length] : undefined)
      await Promise.all(sockets.map((socket) => ask(socket, next)))
    },
    end: () => sockets.forEach((socket) => socket.destroy())
  }
}
