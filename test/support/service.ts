/** The service of `throughline serve`, on the loopback of this process or as a process of its own. */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import process from "node:process"
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import * as ServeNode from "../../src/cli/serve/server.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import type { Route } from "../../src/model/Provider.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import * as Client from "../../src/server/Client.ts"
import { layerMemory } from "../../src/store/SessionStore.ts"
import { CliBundle } from "./cli.ts"
import { SERVED } from "./served.ts"

/** The address of the service that a test talks to. */
export class Address extends Context.Tag("test/Address")<Address, string>() {}

export const TOKEN = "a token of the tests"

export const secret = Redacted.make(TOKEN)

/** Short, so that a client that is cut off notices soon. A busy machine may cut off quick clients, too. */
export const HASTY = {
  headersTimeout: 1_000,
  requestTimeout: 1_500,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 50
}

/** Models that write summaries, and what becomes of each call of them. */
interface Models {
  readonly routes: ReadonlyArray<Route>
  readonly answers: ReadonlyArray<Scripted.ScriptedOutcome>
}

/** A service on sessions in memory, which compresses without a model unless there is one. */
export const layer = (settings: Partial<ServeNode.Served> = {}, models: Partial<Models> = {}) => {
  const { answers = [], routes = [] } = models
  const served = { ...SERVED, ...settings }
  const service = ServeNode.layer(served)
  const sessions = Gateway.layer({ policy: { contextLength: served.contextLength }, routes }).pipe(
    Layer.provideMerge(layerMemory),
    Layer.provide(Scripted.layer(answers))
  )
  return Layer.effect(Address, ServeNode.readUrl).pipe(Layer.provide(service), Layer.provide(sessions))
}

/** A client of the service. */
export const client = (token: string | undefined = undefined) =>
  Effect.flatMap(Address, (baseUrl) =>
    Effect.map(
      Layer.build(Client.layer({ baseUrl, token: token === undefined ? undefined : Redacted.make(token) })),
      Context.get(Client.Client)
    )
  )

// ── as a process ──

const Started = Schema.parseJson(Schema.Struct({ url: Schema.String }))

/** Starts `throughline serve`. It is killed at the end of the scope, if not before. */
export const start = (args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const bundle = yield* CliBundle
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [bundle, "serve", "--json", ...args], {
          env: { PATH: process.env.PATH },
          stdio: ["ignore", "pipe", "inherit"]
        })
      ),
      (child) => Effect.sync(() => void child.kill("SIGKILL"))
    )
    const ended = new Promise<number | NodeJS.Signals | null>((resolve) =>
      child.on("exit", (code, signal) => resolve(signal ?? code))
    )
    const line = yield* Effect.async<string>((resume) => {
      createInterface({ input: child.stdout }).once("line", (text) => resume(Effect.succeed(text)))
    })
    const { url } = yield* Schema.decode(Started)(line)
    /** Sends a signal, and returns how the process ended. */
    const end = (signal: NodeJS.Signals) =>
      Effect.promise(() => {
        child.kill(signal)
        return ended
      })
    return { url, end }
  })
