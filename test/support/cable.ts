/** The cable of a host: loopback ports in front of all that it speaks with, whose bytes stop for as long as it is pulled. */
import { Effect } from "effect"
import { connect, createServer, type Server, type Socket } from "node:net"

/** Hands on what one end sends to the other, and its end. */
const join = (from: Socket, to: Socket) =>
  from
    .on("data", (bytes) => void to.write(bytes))
    .on("end", () => void to.end())
    .on("error", () => to.destroy())
    .on("close", () => to.destroy())

/** Lays a cable, until the scope ends. As with a real one, nobody is told that it is pulled, and what was sent arrives late. */
export const layCable = Effect.acquireRelease(
  Effect.sync(() => {
    const servers: Array<Server> = []
    const ends = new Set<Socket>()
    const waiting: Array<() => unknown> = []
    let isPulled = false
    const whenPlugged = (go: () => unknown) => (isPulled ? void waiting.push(go) : go())

    const open = (client: Socket, target: number) => {
      const far = connect(target, "127.0.0.1")
      join(client, far)
      join(far, client)
      ends.add(far.once("close", () => ends.delete(far)))
      client.resume()
    }
    /** Returns a port that leads to another one of this machine. */
    const lead = (target: number) =>
      Effect.async<number>((resume) => {
        const server = createServer({ pauseOnConnect: true }, (client) => {
          ends.add(client.once("close", () => ends.delete(client)))
          client.on("error", () => client.destroy())
          whenPlugged(() => client.destroyed || open(client, target))
        }).listen(0, "127.0.0.1", () => {
          const address = server.address()
          resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
        })
        servers.push(server)
      })
    const pull = Effect.sync(() => {
      isPulled = true
      for (const end of ends) end.pause()
    })
    const plug = Effect.sync(() => {
      isPulled = false
      for (const end of ends) end.resume()
      for (const go of waiting.splice(0)) go()
    })
    const cut = () => {
      for (const end of ends) end.destroy()
      for (const server of servers) server.close()
    }
    return { lead, pull, plug, cut }
  }),
  ({ cut }) => Effect.sync(cut)
)

export type Cable = Effect.Effect.Success<typeof layCable>
