/** A loopback proxy in front of a server, which can cut a connection when a statement is on its way or answered. */
import { connect, createServer, type Socket } from "node:net"

/** `statement`: once the next bytes of a client were handed on. `answer`: when the server answers, before it is heard. */
export type Cut = "statement" | "answer"

export interface CuttingProxy {
  readonly port: number
  /** Cuts one connection at the next occasion. */
  readonly cutNext: (at: Cut) => void
  readonly close: () => Promise<void>
}

export const startProxy = (target: number): Promise<CuttingProxy> => {
  const sockets = new Set<Socket>()
  let next: Cut | undefined
  const isCut = (at: Cut): boolean => {
    if (next !== at) return false
    next = undefined
    return true
  }
  const server = createServer((client) => {
    const upstream = connect(target, "127.0.0.1")
    const destroy = () => {
      client.destroy()
      // The server still gets and runs what was sent.
      upstream.end()
    }
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on("error", destroy)
      socket.on("close", () => {
        sockets.delete(socket)
        destroy()
      })
    }
    client.on("data", (bytes) => {
      if (isCut("statement")) upstream.end(bytes, () => client.destroy())
      else upstream.write(bytes)
    })
    upstream.on("data", (bytes) => {
      if (isCut("answer")) destroy()
      else client.write(bytes)
    })
  })
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      resolve({
        port: typeof address === "object" && address !== null ? address.port : 0,
        cutNext: (at) => {
          next = at
        },
        close: () =>
          new Promise((closed) => {
            for (const socket of sockets) socket.destroy()
            server.close(() => closed())
          })
      })
    })
  })
}
