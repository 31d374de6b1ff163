/**
 * An extension for the coding agent pi: its sessions are compacted by throughline, and its model can search what left.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { mkdirSync } from "node:fs"
import { homedir } from "node:os"
import { dirname, join } from "node:path"
import process from "node:process"
import { Gateway, layer } from "../gateway/Gateway.ts"
import * as Message from "../message/Message.ts"
import * as Provider from "../model/Provider.ts"
import * as OpenAi from "../openai/OpenAi.ts"
import type { Recall } from "../recall/Recall.ts"
import * as RecallTools from "../recall/RecallTools.ts"
import { SessionId } from "../session/Session.ts"
import * as Sqlite from "../sqlite/Sqlite.ts"
import { SessionStore } from "../store/SessionStore.ts"
import * as Transcripts from "../transcripts/Transcripts.ts"
import { followBranch } from "./followBranch.ts"
import type { BeforeCompactEvent, PiApi, PiCompaction, PiContext, PiEntry } from "./interface.ts"

export type {
  BeforeCompactEvent,
  PiApi,
  PiAuth,
  PiCompaction,
  PiContext,
  PiEntry,
  PiModel,
  PiTool
} from "./interface.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface PiOptions {
  /** The SQLite file; default: `throughline.db` in the folder of pi's settings. */
  readonly filename?: string | undefined
  /**
   * The model that writes summaries. Default: the one of the pi session, if its server speaks OpenAI's API. Null, and any
   * other server: plain code extracts them.
   */
  readonly route?: Provider.Route | null | undefined
}

/**
 * Makes an extension with other settings than those of the default export. A compaction that fails is left to pi.
 *
 * @example
 * export default Pi.makeExtension({ filename: "/home/me/pi-sessions.db", route: null })
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeExtension =
  (options: PiOptions = {}) =>
  (pi: PiApi): void => {
    pi.on("session_before_compact", (event, context) => answerCompaction(options, event, context))
    for (const { function: definition } of RecallTools.definitions) {
      const { description, name, parameters } = definition
      const answer = (id: string, params: unknown, context: PiContext) =>
        answerCall(options, context, { id, type: "function", function: { name, arguments: JSON.stringify(params) } })
      pi.registerTool({
        name,
        label: name,
        description,
        promptSnippet: SNIPPETS[name],
        parameters,
        execute: async (id, params, _signal, _onUpdate, context) => ({
          content: [{ type: "text", text: await answer(id, params, context) }],
          details: {}
        })
      })
    }
  }

const SNIPPETS = {
  recall: "Search messages that a compaction removed from this conversation",
  expand: "Read the messages behind a summary of this conversation"
}

/**
 * The extension with its defaults. pi finds it by `pi install npm:throughline`.
 *
 * @since 0.1.0
 * @category constructors
 */
export default makeExtension()

// ── the compaction ──

const answerCompaction = async (
  options: PiOptions,
  event: BeforeCompactEvent,
  context: PiContext
): Promise<{ compaction: PiCompaction } | undefined> => {
  const exit = await runIn(options, context, compact(event, context), event.signal)
  if (Exit.isSuccess(exit) && exit.value !== null) return { compaction: exit.value }
  if (!event.signal.aborted) {
    const reason = Exit.isSuccess(exit) ? "nothing could leave" : explain(exit.cause)
    context.ui.notify(`throughline: ${reason}; pi compacts by itself`, "warning")
  }
  return undefined
}

/**
 * Compresses the session, and returns its handoff as a compaction. Keeps the entries from the tail of the new view on.
 * Returns null if the view has no handoff.
 */
const compact = ({ branchEntries, customInstructions, preparation }: BeforeCompactEvent, context: PiContext) =>
  Effect.gen(function* () {
    const gateway = yield* Gateway
    const sessionId = nameSession(context)
    const messages = readMessages(branchEntries)
    if (messages.length === 0) return null
    const log = yield* followBranch(
      sessionId,
      messages.map(({ message }) => message)
    )
    const { generation, model, outcome } = yield* gateway.compress(sessionId, { focus: customInstructions })
    const { manifest } = yield* Effect.flatMap(SessionStore, ({ state }) => state(sessionId))
    const view = yield* gateway.view(sessionId)
    const kept = messages[log.findIndex(({ seq }) => seq >= manifest.tailFrom)]
    const summary = writeSummary(view)
    if (summary === "" || kept === undefined) return null
    const { tokensBefore } = preparation
    const details = { by: "throughline", sessionId, generation, outcome, model }
    return { summary, firstKeptEntryId: kept.entryId, tokensBefore, details }
  })

/** The messages of pi's entries, at most one each. Compactions and settings are no messages. */
const readMessages = (entries: ReadonlyArray<PiEntry>) =>
  entries.flatMap((entry) => {
    const line = JSON.stringify({ ...entry, parentId: null })
    return Either.match(Transcripts.parse(line, { file: "a session of pi", format: "pi", salvage: true }), {
      onLeft: () => [],
      onRight: ({ sessions }) =>
        sessions.flatMap(({ messages }) => messages.map((message) => ({ entryId: entry.id, message })))
    })
  })

/** The part of a view that stands before its tail. A request that is still open follows the handoff word for word. */
const writeSummary = ({ messages, parts }: Effect.Effect.Success<ReturnType<Gateway["Type"]["view"]>>): string => {
  if (parts.handoff.messages === 0) return ""
  const from = parts.system.messages + parts.head.messages
  const handoff = messages.slice(from, from + parts.handoff.messages).map(Message.text)
  const live = messages.slice(from + parts.handoff.messages, messages.length - parts.tail.messages).map(Message.text)
  return [...handoff, ...(live.length === 0 ? [] : [OPEN, ...live])].join("\n\n")
}

const OPEN = "The user asked this, and it is not answered yet:"

// ── recall ──

/** A session that was never compacted is not in the database: all of it is in the conversation. */
const answerCall = async (options: PiOptions, context: PiContext, call: Message.ToolCall): Promise<string> => {
  const answer = RecallTools.answer(nameSession(context), call).pipe(
    Effect.map(Message.text),
    Effect.catchTag("UnknownSession", () => Effect.succeed("Nothing has left this conversation yet."))
  )
  const exit = await runIn(options, context, answer, undefined)
  if (Exit.isSuccess(exit)) return exit.value
  throw new Error(`throughline: ${explain(exit.cause)}`)
}

const nameSession = ({ sessionManager }: PiContext): SessionId => SessionId.make(sessionManager.getSessionId(), true)

// ── the gateway ──

/** Runs an effect on the file of the sessions, which is opened for it, and the models that pi has now. */
const runIn = async <A, E>(
  options: PiOptions,
  context: PiContext,
  effect: Effect.Effect<A, E, Gateway | Recall | SessionStore>,
  signal: AbortSignal | undefined
): Promise<Exit.Exit<A, unknown>> => {
  const { filename = join(process.env.PI_CODING_AGENT_DIR ?? join(homedir(), ".pi", "agent"), "throughline.db") } =
    options
  const live = Effect.map(findRoutes(options, context), (routes) => {
    mkdirSync(dirname(filename), { recursive: true })
    const policy = { contextLength: context.model?.contextWindow ?? 128_000, mode: "manual", protectFirstN: 0 } as const
    return layer({ policy, routes, shutdownGrace: "1 second" }).pipe(
      Layer.provideMerge(Sqlite.layer({ filename })),
      Layer.provide(OpenAi.layer),
      Layer.provideMerge(Logger.remove(Logger.defaultLogger))
    )
  })
  return Effect.runPromiseExit(Effect.provide(effect, Layer.unwrapEffect(live)), signal === undefined ? {} : { signal })
}

const APIS: { readonly [api: string]: "chat" | "responses" | undefined } = {
  "openai-completions": "chat",
  "openai-responses": "responses"
}

/** The route of the options, or that of pi's own model. */
const findRoutes = ({ route }: PiOptions, { model, modelRegistry }: PiContext) =>
  Effect.gen(function* () {
    if (route !== undefined) return route === null ? [] : [route]
    const api = model === undefined ? undefined : APIS[model.api]
    if (model === undefined || api === undefined) return []
    const {
      apiKey,
      baseUrl = model.baseUrl,
      headers,
      ok
    } = yield* Effect.promise(() => modelRegistry.getApiKeyAndHeaders(model))
    // A server that wants headers beside the key is one that this library does not know.
    if (!ok || apiKey === undefined || Object.keys(headers ?? {}).length > 0) return []
    const { contextWindow: contextLength, id } = model
    return [Provider.route({ model: id, apiKey, baseUrl, api, contextLength })]
  })

const explain = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error ? error.message : String(error)
}
