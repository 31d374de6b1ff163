/** `throughline serve --db FILE [--host ADDRESS] [--port N] [--write] [--config FILE]` */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import process from "node:process"
import manifest from "../../../package.json" with { type: "json" }
import * as Gateway from "../../gateway/Gateway.ts"
import * as OpenAi from "../../openai/OpenAi.ts"
import type { Settings } from "../config/settings.ts"
import { CommandError, printAnswer } from "../io.ts"
import { configOption, dbOption, jsonOption } from "../options.ts"
import { diagnoseFile } from "../serve/diagnose.ts"
import { readPage } from "../serve/page.ts"
import { layerStore, loadSettings, SHUTDOWN_GRACE } from "../services.ts"

const host = Options.text("host").pipe(
  Options.withPseudoName("address"),
  Options.withDescription("the address to listen on; one that other machines reach needs a token in THROUGHLINE_TOKEN"),
  Options.withDefault("127.0.0.1")
)

const port = Options.integer("port").pipe(
  Options.withDescription("the port to listen on, 7421 unless given; 0 takes a free one"),
  Options.withDefault(7421)
)

const write = Options.boolean("write").pipe(
  Options.withDescription("also let sessions be delivered to, answered, compressed and changed")
)

/** The most bytes of a request's body. */
const BODY_LIMIT = 16 * 1024 * 1024

export const command = Command.make(
  "serve",
  { db: dbOption, host, port, write, config: configOption, json: jsonOption },
  (args) =>
    Effect.gen(function* () {
      const settings = yield* loadSettings(args.config)
      const token = process.env["THROUGHLINE_TOKEN"] ?? ""
      const isLoopback = LOOPBACK.test(args.host)
      if (!isLoopback && token === "") {
        return yield* new CommandError({
          message: `other machines reach ${args.host}: put a token into THROUGHLINE_TOKEN, or leave out --host`
        })
      }
      const { explainServeError, layer, readUrl } = yield* Effect.promise(() => import("../serve/server.ts"))
      const service = layer({
        host: args.host,
        port: args.port,
        grace: SHUTDOWN_GRACE,
        version: manifest.version,
        token: token === "" ? null : Redacted.make(token),
        isWritable: args.write,
        isLoopback,
        contextLength: settings.policy.contextLength,
        bodyLimit: BODY_LIMIT,
        page: readPage(),
        diagnose: diagnoseFile(args.db)
      })
      yield* Effect.gen(function* () {
        const url = yield* readUrl
        yield* printAnswer(args.json, { url, isWritable: args.write, needsToken: token !== "" }, () => [
          `serving ${args.db} at ${url}${args.write ? "" : ", to read only"}`
        ])
        return yield* Effect.never
      }).pipe(
        Effect.provide(Layer.provide(service, layerSessions(args.db, args.write, settings))),
        Effect.catchTag(
          "ServeError",
          (error) => new CommandError({ message: `cannot listen: ${explainServeError(error)}` })
        )
      )
    })
).pipe(
  Command.withDescription("Serve sessions over HTTP, to look at them, and with --write to programs in any language")
)

const LOOPBACK = /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1)$/i

/** With `compression.enabled: false` nothing is compressed unless it is asked for. */
const layerSessions = (db: string, isWritable: boolean, settings: Settings) => {
  const { enabled, instructions, policy, routes, totalTimeout } = settings
  return Gateway.layer({
    policy: enabled ? policy : { ...policy, mode: "manual" },
    shutdownGrace: SHUTDOWN_GRACE,
    routes: routes("compression"),
    totalTimeout: totalTimeout("compression") ?? undefined,
    instructions: instructions ?? undefined
  }).pipe(Layer.provideMerge(layerStore(db, isWritable)), Layer.provide(OpenAi.layer))
}
