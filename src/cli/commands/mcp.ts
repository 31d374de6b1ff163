/** `throughline mcp --db FILE [--session ID]` */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import manifest from "../../../package.json" with { type: "json" }
import * as Gateway from "../../gateway/Gateway.ts"
import * as OpenAi from "../../openai/OpenAi.ts"
import * as Tools from "../mcp/tools.ts"
import { configOption, dbOption, SessionName } from "../options.ts"
import { layerStore, loadSettings, SHUTDOWN_GRACE } from "../services.ts"

const session = Options.text("session").pipe(
  Options.withPseudoName("id"),
  Options.withSchema(SessionName),
  Options.withDescription(
    "the session that the tools are for; default: the only one of the database, or as a call says"
  ),
  Options.optional
)

export const command = Command.make("mcp", { db: dbOption, session, config: configOption }, ({ config, db, session }) =>
  Effect.gen(function* () {
    const { policy } = yield* loadSettings(config)
    const { serve } = yield* Effect.promise(() => import("../mcp/server.ts"))
    const findSession = Option.match(session, { onNone: () => Tools.findOnlySession, onSome: Effect.succeed })
    yield* serve({
      version: manifest.version,
      tools: Tools.listTools(Option.isSome(session)),
      answer: (name, input) => Tools.answerCall(name, input, findSession)
    }).pipe(Effect.provide(layerTools(db, policy)))
  })
).pipe(Command.withDescription("Serve recall, rules and pins to an agent, by the Model Context Protocol on stdio"))

/** Without a route: what this server compresses, it compresses without a model. */
const layerTools = (db: string, policy: Gateway.GatewayOptions["policy"]) =>
  Gateway.layer({ policy, routes: [], shutdownGrace: SHUTDOWN_GRACE }).pipe(
    Layer.provideMerge(layerStore(db, true)),
    Layer.provide(OpenAi.layer)
  )
