/** The official client of the Model Context Protocol, connected to the bundled command line over stdio. */
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { Effect, Schema } from "effect"
import process from "node:process"
import { CliBundle } from "./cli.ts"

const Answer = Schema.Struct({
  content: Schema.Tuple(Schema.Struct({ type: Schema.Literal("text"), text: Schema.String })),
  isError: Schema.Boolean
})

export interface McpConnection {
  readonly client: Client
  /** Calls a tool. Returns the text of its answer, behind `error: ` if it is one. */
  readonly call: (name: string, input?: Readonly<Record<string, unknown>>) => Effect.Effect<string>
  /** The process of the server. */
  readonly pid: number
  /** What came on stdout that is not of the protocol. */
  readonly faults: ReadonlyArray<Error>
}

/** Starts `throughline mcp` with these arguments, which logs all it can, and ends it with the scope. */
export const connect = (...args: ReadonlyArray<string>) => connectWith([], ...args)

/** The same, with options of Node. */
export const connectWith = (node: ReadonlyArray<string>, ...args: ReadonlyArray<string>) =>
  Effect.flatMap(CliBundle, (file) =>
    Effect.acquireRelease(
      Effect.promise(async (): Promise<McpConnection> => {
        const client = new Client({ name: "test", version: "1" })
        const transport = new StdioClientTransport({
          command: process.execPath,
          stderr: "ignore",
          args: [...node, file, "--log-level", "debug", "mcp", ...args]
        })
        const faults: Array<Error> = []
        // The client has no other way.
        // oxlint-disable-next-line unicorn/prefer-add-event-listener
        client.onerror = (error) => void faults.push(error)
        await client.connect(transport)
        return { client, call: callTool(client), pid: transport.pid ?? 0, faults }
      }),
      ({ client }) => Effect.promise(() => client.close())
    )
  )

const callTool =
  (client: Client): McpConnection["call"] =>
  (name, input = {}) =>
    Effect.map(
      Effect.flatMap(
        Effect.promise(() => client.callTool({ name, arguments: { ...input } })),
        (result) => Effect.orDie(Schema.decodeUnknown(Answer)(result))
      ),
      ({ content: [{ text }], isError }) => (isError ? `error: ${text}` : text)
    )
