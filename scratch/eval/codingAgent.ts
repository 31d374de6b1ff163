/**
 * What of a real coding session is still in the view once it is compressed without any model: the files that were
 * written, the commands that failed, the rules that the ledger finds. The other two sets are read from the transcript by
 * plain code of this file's own. Run: `npx tsx scratch/eval/codingAgent.ts`
 */
import { Effect, Layer, Logger, LogLevel } from "effect"
import { pathToFileURL } from "node:url"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Message from "../../src/message/Message.ts"
import * as OpenAi from "../../src/openai/OpenAi.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { rulesAfter } from "../../test/support/rules.ts"
import { absence, codingAgent, areHere, type Transcript } from "../../test/support/transcripts.ts"
import type { Measure } from "./measure.ts"
import type { Group } from "./report.ts"

/** How many of a set the view has, and which it lacks. */
export interface Found {
  readonly found: number
  readonly of: number
  readonly missing: ReadonlyArray<string>
}

export interface Measured {
  readonly filesWritten: Found
  readonly failedCommands: Found
  readonly constraints: Found
  readonly compressions: number
  readonly viewTokens: number
}

/** The transcript in a window of `contextLength` tokens: compressed once at its end, or as it grows by `portion`. */
export const measure = (
  transcript: Transcript,
  contextLength: number,
  portion = transcript.messages.length
): Effect.Effect<Measured> =>
  Effect.gen(function* () {
    const { messages, sessionId } = transcript
    const gateway = yield* Gateway.Gateway
    let compressions = 0
    for (let from = 0; from < messages.length; from += portion) {
      yield* arrive(transcript, from, messages.slice(from, from + portion))
      const { tokens } = yield* gateway.view(sessionId)
      if (tokens < 0.5 * contextLength && portion < messages.length) continue
      const { outcome } = yield* gateway.compress(sessionId)
      if (outcome === "committed") compressions++
    }
    const state = yield* Effect.flatMap(SessionStore, (store) => store.state(sessionId))
    const view = yield* gateway.view(sessionId)
    const shown = view.messages.map(wholeText).join("\n")
    const covered = messages.slice(state.head.length, (state.tail[0]?.seq ?? messages.length + 1) - 1)
    return {
      filesWritten: countFound(filesWritten(covered), (path) => hasPath(shown, path)),
      failedCommands: countFound(failedCommands(covered), (failed) => hasFailure(shown, failed)),
      constraints: countFound(constraints(covered), (rule) => shown.includes(rule)),
      compressions,
      viewTokens: view.tokens
    } satisfies Measured
  }).pipe(Effect.provide(world(contextLength)), Effect.orDie)

const world = (contextLength: number) =>
  Gateway.layer({ policy: { contextLength, mode: "manual" }, routes: [] }).pipe(
    Layer.provideMerge(Sqlite.layerTemporary),
    Layer.provide(OpenAi.layer),
    Layer.provide(Logger.minimumLogLevel(LogLevel.None))
  )

const arrive = (
  transcript: Transcript,
  from: number,
  messages: ReadonlyArray<Message.Message>
): Effect.Effect<void, unknown, Gateway.Gateway | SessionStore> =>
  from === 0
    ? Effect.flatMap(SessionStore, (store) => store.importAll([{ ...transcript, messages }]))
    : Effect.flatMap(Gateway.Gateway, ({ deliver, turn }) =>
        turn(transcript.sessionId, ({ append, view }) =>
          Effect.forEach(
            messages,
            (message) =>
              message.role === "user"
                ? Effect.zipRight(deliver(transcript.sessionId, message), view())
                : append(message),
            { discard: true }
          )
        )
      )

const countFound = (all: ReadonlyArray<string>, isFound: (item: string) => boolean): Found => {
  const missing = all.filter((item) => !isFound(item))
  return { found: all.length - missing.length, of: all.length, missing }
}

// -- the three sets ---------------------------------------------------------------------------------------------------

interface Call {
  readonly name: string
  readonly path: string
  readonly command: string
  readonly result: string
}

const callsOf = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<Call> => {
  const results = new Map(
    messages.flatMap((message) => (message.role === "tool" ? [[message.tool_call_id, Message.text(message)]] : []))
  )
  return messages.flatMap((message) =>
    Message.toolCalls(message).map((call) => {
      const { command = "", path = "" } = JSON.parse(Message.callInput(call))
      return { name: Message.callName(call), path, command, result: results.get(call.id) ?? "" }
    })
  )
}

/** What `write` and `edit` wrote, and what this session's shell commands copied, edited in place or redirected to. */
const filesWritten = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<string> => {
  const paths = callsOf(messages).flatMap(({ command, name, path }) => {
    if (name !== "bash") return name === "read" ? [] : [path]
    const [first = ""] = command.split("\n")
    const [, copied] = /\bcp \S+ (\S+)$/.exec(first) ?? []
    const [, edited] = /^sed -i '' .* (\S+)$/.exec(first) ?? []
    const [, redirected] = /^cat > (\S+)/.exec(first.replace(/^cd \S+ && /, "")) ?? []
    return [copied, edited, redirected].filter((written) => written !== undefined)
  })
  return [...new Set(paths)]
}

/**
 * `command ⇒ how it failed`, where the newest run of the command failed. What is behind the first pipe of a command only
 * shows less of its output. A search that finds nothing has not failed.
 */
const failedCommands = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<string> => {
  const newest = new Map<string, readonly [command: string, how: string | undefined]>()
  for (const { command, result } of callsOf(messages)) {
    const [run = ""] = command.split(/ 2>&1| \|(?!\|)/)
    const isVainSearch =
      /^(?:cd \S+ && )?grep /.test(command) && /^(?:\(no output\))?\s*Command exited with code 1$/.test(result)
    newest.delete(run.trim())
    if (run.trim() !== "") newest.set(run.trim(), [command, isVainSearch ? undefined : failure(result)])
  }
  return [...newest.values()].flatMap(([command, how]) => (how === undefined ? [] : [`${command} ⇒ ${how}`]))
}

const failure = (result: string): string | undefined => {
  const lines = result.trim().split("\n")
  const [, code] = /^Command exited with code (\d+)$/.exec(lines.at(-1) ?? "") ?? []
  if (code !== undefined) return `exit ${code}`
  if (lines.at(-1) === "Command aborted") return "aborted"
  return /^\S+\(\d+,\d+\): (error TS\d+)|^(npm error)|^(\w*Error: .{20})/m.exec(result)?.slice(1).find(Boolean)
}

/** Those that the ledger finds and no later message takes back. Which of them the user meant, no code can tell. */
const constraints = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<string> =>
  rulesAfter(...messages.filter(({ role }) => role === "user").map(Message.text))

// -- whether the view has them ----------------------------------------------------------------------------------------

/** The words and the calls of a message as one text. */
const wholeText = (message: Message.Message): string =>
  [Message.text(message), ...Message.toolCalls(message).map(Message.callInput)].join("\n")

/** In full; or a line names a folder above it, and after it the rest. */
const hasPath = (shown: string, path: string): boolean => {
  if (shown.includes(path)) return true
  const parts = path.split("/")
  const cuts = parts
    .slice(1)
    .map((_, i) => [`${parts.slice(0, i + 1).join("/")}/:`, parts.slice(i + 1).join("/")] as const)
  return shown
    .split("\n")
    .some((line) =>
      cuts.some(([folder, rest]) => line.includes(folder) && line.split(folder).at(-1)?.split(/[ ,]+/).includes(rest))
    )
}

/** The beginning of the command, and after it on its line how it failed; where it was run may be said above. */
const hasFailure = (shown: string, failed: string): boolean => {
  const [command = "", how = ""] = failed.replace(/\s+/g, " ").split(" ⇒ ")
  const [, folder, rest] = /^cd (\S+) && (.*)$/.exec(command) ?? []
  const has = (start: string) =>
    shown.split("\n").some((line) => line.includes(start) && line.slice(line.indexOf(start)).includes(how))
  if (has(command.slice(0, 28))) return true
  const isNamed = [":", ", with tool output, not instructions:"].some((end) => shown.includes(`in ${folder}${end}`))
  return rest !== undefined && isNamed && has(rest.slice(0, 28))
}

/** As a group of the evaluation, which says so where the transcript is not there. */
export const group: Effect.Effect<Group> = Effect.gen(function* () {
  const title = "A real coding session, no model"
  if (!areHere) return { title: `${title}${absence}`, measures: [] }
  const measures = yield* Effect.forEach(codingAgent(), (transcript) =>
    Effect.gen(function* () {
      const once = yield* measure(transcript, 128_000)
      const growing = yield* measure(transcript, 128_000, 150)
      const small = yield* measure(transcript, 32_000, 150)
      return [
        ...measuresOf("128k, once", once, 100),
        ...measuresOf("128k, as it grows", growing, 100),
        ...measuresOf("32k, as it grows", small, null)
      ]
    })
  )
  return { title, measures: measures.flat() }
})

const measuresOf = (when: string, measured: Measured, least: number | null): ReadonlyArray<Measure> =>
  (
    [
      ["files written", measured.filesWritten],
      ["commands that failed", measured.failedCommands],
      ["rules of the user", measured.constraints]
    ] as const
  ).map(([what, { found, missing, of }]) => ({
    name: `${what} in the view, ${when}`,
    value: (100 * found) / of,
    unit: "%",
    gate: least === null ? null : { least },
    detail: `${found} of ${of}, ${measured.compressions} compressions${missing.length === 0 ? "" : `, not: ${missing[0]?.replaceAll("\n", " ").slice(0, 60)}`}`
  }))

// -- the table --------------------------------------------------------------------------------------------------------

const row = (what: string, { compressions, constraints, failedCommands, filesWritten, viewTokens }: Measured) => {
  const cell = ({ found, of }: Found) => `${found}/${of}`.padEnd(9)
  const sets = [filesWritten, failedCommands, constraints]
  const lines = [`${what.padEnd(24)}${sets.map(cell).join("")}${compressions} compressions, ${viewTokens} tokens`]
  const missing = process.argv.includes("--missing") ? sets.flatMap(({ missing }) => missing) : []
  return [...lines, ...missing.map((item) => `    ${item.replaceAll("\n", " ").slice(0, 140)}`)].join("\n")
}

const main = Effect.gen(function* () {
  if (!areHere) return console.log(`nothing measured${absence}`)
  console.log(`${"".padEnd(24)}files    failures rules`)
  for (const transcript of codingAgent()) {
    for (const contextLength of [128_000, 32_000]) {
      console.log(row(`${contextLength}, once`, yield* measure(transcript, contextLength)))
      console.log(row(`${contextLength}, as it grows`, yield* measure(transcript, contextLength, 150)))
    }
  }
})

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await Effect.runPromise(main)
