/** `throughline mcp --db FILE [--session ID] [--follow FOLDER]…` */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { resolve } from "node:path"
import manifest from "../../../package.json" with { type: "json" }
import * as Gateway from "../../gateway/Gateway.ts"
import * as OpenAi from "../../openai/OpenAi.ts"
import type { SessionId } from "../../session/Session.ts"
import * as Follower from "../follow/follower.ts"
import * as Positions from "../follow/positions.ts"
import * as Tools from "./tools.ts"
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

const follow = Options.text("follow").pipe(
  Options.withPseudoName("folder"),
  Options.withDescription("take in the session files of Claude Code, Codex and pi there as they grow; may be repeated"),
  Options.repeated
)

export const command = Command.make("mcp", { db: dbOption, session, follow, config: configOption }, (args) =>
  Effect.gen(function* () {
    const { policy } = yield* loadSettings(args.config)
    const { serve } = yield* Effect.promise(() => import("./server.ts"))
    yield* Effect.gen(function* () {
      const follower = yield* Follower.make(
        args.follow.map((folder) => resolve(folder)),
        Positions.make(args.db)
      )
      yield* Effect.forkScoped(Follower.run(follower, args.follow))
      const findSession = Effect.zipRight(follower.readNewest, findSessionOf(args.session, follower.latest))
      yield* serve({
        version: manifest.version,
        tools: Tools.listTools(Option.isSome(args.session)),
        answer: (name, input) => Tools.answerCall(name, input, findSession)
      })
    }).pipe(Effect.scoped, Effect.provide(layerTools(args.db, policy)))
  })
).pipe(Command.withDescription("Serve recall, rules and pins to an agent, by the Model Context Protocol on stdio"))

/** The session of a call that names none: the given one, that which was followed last, or the only one. */
const findSessionOf = (given: Option.Option<SessionId>, latest: Effect.Effect<SessionId | null>): Tools.FindSession =>
  Option.isSome(given)
    ? Effect.succeed(given.value)
    : Effect.flatMap(latest, (followed) => (followed === null ? Tools.findOnlySession : Effect.succeed(followed)))

/** Without a route: what this server compresses, it compresses without a model. */
const layerTools = (db: string, policy: Gateway.GatewayOptions["policy"]) =>
  Gateway.layer({ policy, routes: [], shutdownGrace: SHUTDOWN_GRACE }).pipe(
    Layer.provideMerge(layerStore(db, true)),
    Layer.provide(OpenAi.layer)
  )
