/**
 * Speaks the Model Context Protocol on stdin and stdout. The package of the protocol is loaded with this file, which only
 * the command `mcp` loads.
 */
import { Server } from "@modelcontextprotocol/sdk/server/index.js"
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js"
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberSet from "effect/FiberSet"
import process from "node:process"
import { yieldToLoop } from "../../concurrency/eventLoopBudget.ts"
import type { Answer, ListedTool } from "./tools.ts"

export interface Served<R> {
  readonly version: string
  readonly tools: Array<ListedTool>
  readonly answer: (name: string, input: Readonly<Record<string, unknown>>) => Effect.Effect<Answer, never, R>
}

const INSTRUCTIONS =
  "throughline keeps this conversation whole. What left your context, by compaction or otherwise, is found by `recall`; " +
  "`rules` lists what the user has ruled."

/** Serves until the client closes stdin. Calls under way are answered before it ends. */
export const serve = <R>({ answer, tools, version }: Served<R>): Effect.Effect<void, never, R> =>
  Effect.gen(function* () {
    const calls = yield* FiberSet.make<Answer>()
    const fork = yield* FiberSet.runtime(calls)<R>()
    const server = yield* Effect.acquireRelease(
      Effect.sync(
        () => new Server({ name: "throughline", version }, { capabilities: { tools: {} }, instructions: INSTRUCTIONS })
      ),
      (server) => Effect.promise(() => server.close())
    )
    server.setRequestHandler(ListToolsRequestSchema, () => ({ tools }))
    server.setRequestHandler(CallToolRequestSchema, async ({ params }, { signal }) => {
      const call = fork(answer(params.name, params.arguments ?? {}))
      signal.addEventListener("abort", () => call.unsafeInterruptAsFork(FiberId.none))
      const { isError, text } = await Effect.runPromise(Fiber.join(call))
      return { content: [{ type: "text", text }], isError }
    })
    yield* Effect.zipRight(
      Effect.promise(() => server.connect(new StdioServerTransport())),
      awaitEnd
    )
    // The handlers of the last lines begin after them.
    yield* yieldToLoop
    yield* FiberSet.awaitEmpty(calls)
    yield* yieldToLoop
  }).pipe(Effect.scoped)

const awaitEnd = Effect.async<void>((resume) => {
  const end = () => resume(Effect.void)
  process.stdin.once("end", end).once("close", end)
  return Effect.sync(() => process.stdin.off("end", end).off("close", end))
})
