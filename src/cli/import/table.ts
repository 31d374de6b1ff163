/** Counts what was read of a file, as a table. */
import { isDeepStrictEqual } from "node:util"
import * as Message from "../../message/Message.ts"
import type { Origin } from "../../store/SessionStore.ts"
import type { OpenTranscript } from "../../transcripts/Transcripts.ts"
import type { OpenHistory } from "./assignIds.ts"
import { formatCount } from "../terminal/terminal.ts"

/** Counts of a session, or of all sessions together. */
export interface Counts {
  readonly messages: number
  readonly roles: { readonly [role: string]: number }
  readonly calls: number
  readonly answered: number
}

/** A result answers a call before it that has its id and no result yet, as in `Message.pairToolCalls`. */
export const countMessages = (messages: Iterable<Message.Message>): Counts => {
  const roles = new Map<string, number>()
  const waiting = new Map<string, number>()
  let [count, calls, answered] = [0, 0, 0]
  for (const message of messages) {
    count += 1
    roles.set(message.role, (roles.get(message.role) ?? 0) + 1)
    const open = message.role === "tool" ? waiting.get(message.tool_call_id) : undefined
    if (message.role === "tool" && open !== undefined) {
      answered += 1
      if (open > 1) waiting.set(message.tool_call_id, open - 1)
      else waiting.delete(message.tool_call_id)
    }
    for (const { id } of Message.toolCalls(message)) {
      calls += 1
      waiting.set(id, (waiting.get(id) ?? 0) + 1)
    }
  }
  return { messages: count, roles: Object.fromEntries(roles), calls, answered }
}

/** Counts of the whole file. `leftOut` counts the entries that could not be read, by the reason. */
export interface Table extends Counts {
  readonly lines: number | null
  readonly subagents: number
  readonly branches: number
  readonly ofOtherBranches: number
  readonly compactions: number
  readonly leftOut: { readonly [reason: string]: number }
}

export const makeTable = (
  { left, lines, skipped }: OpenTranscript,
  histories: ReadonlyArray<Pick<OpenHistory, "origin"> & { readonly counts: Counts }>
): Table => {
  const counts = histories.map(({ counts }) => counts)
  const sum = (count: (counts: Counts) => number) => counts.reduce((total, one) => total + count(one), 0)
  const roles = Array.from(new Set(counts.flatMap(({ roles }) => Object.keys(roles))))
  return {
    lines,
    messages: sum(({ messages }) => messages),
    roles: Object.fromEntries(roles.map((role) => [role, sum((one) => one.roles[role] ?? 0)])),
    calls: sum(({ calls }) => calls),
    answered: sum(({ answered }) => answered),
    subagents: histories.filter(({ origin }) => origin?.as === "subagent").length,
    branches: histories.filter(({ origin }) => origin?.as === "branch").length,
    ofOtherBranches: skipped["other branch"] ?? 0,
    compactions: COMPACTIONS.reduce((total, kind) => total + (skipped[kind] ?? 0), 0),
    leftOut: countAll(left.map(({ error: { expected, found } }) => `expected ${expected}, found ${found}`))
  }
}

/** Kinds of summaries that stand in the place of messages that are in the file, too. */
const COMPACTIONS = ["compaction", "compacted", "condensation", "chat_compression"]

const countAll = (names: ReadonlyArray<string>): { readonly [name: string]: number } => {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return Object.fromEntries(counts)
}

export const formatTable = (table: Table): ReadonlyArray<string> => {
  const { answered, branches, calls, compactions, lines, messages, ofOtherBranches, roles, subagents } = table
  const odd = Object.values(table.leftOut).reduce((sum, count) => sum + count, 0)
  return [
    ...(lines === null ? [] : [`lines          ${formatCount(lines)}`]),
    `messages       ${formatCount(messages)}: ${formatRoles(roles)}`,
    ...(calls === 0 ? [] : [`calls          ${formatCount(calls)}, ${formatCount(answered)} with a result`]),
    ...(subagents === 0 ? [] : [`sub-agents     ${formatCount(subagents)}`]),
    ...(branches === 0 ? [] : [`branches       ${formatCount(branches)} beside the live one`]),
    ...(ofOtherBranches === 0
      ? []
      : [`other branches ${formatCount(ofOtherBranches)} entries; --branch list shows them`]),
    ...(compactions === 0 ? [] : [`compactions    ${formatCount(compactions)}`]),
    ...(odd === 0 ? [] : [`left out       ${formatCount(odd)}`]),
    ...Object.entries(table.leftOut).map(([reason, count]) => `  ${formatCount(count)}: ${reason}`)
  ]
}

const formatRoles = (roles: Counts["roles"]): string =>
  Object.entries(roles)
    .map(([role, count]) => `${formatCount(count)} ${role}`)
    .join(", ")

/** Describes a session in one line. */
export const formatSession = (sessionId: string, origin: Origin | undefined, counts: Counts): string => {
  const { answered, calls, messages, roles } = counts
  const open = calls === answered ? "" : `; ${formatCount(calls - answered)} of ${formatCount(calls)} calls unanswered`
  const relation = origin === undefined ? "" : `, ${describeOrigin(origin)}`
  return `${sessionId}${relation}: ${formatCount(messages)} messages (${formatRoles(roles)}${open})`
}

export const describeOrigin = ({ as, call, of }: Origin): string =>
  as === "branch" ? `a branch of ${of}` : `a sub-agent of ${of}${call === null ? "" : ` for the call ${call}`}`

/** Counts the messages that a branch and the live one have in common, from the beginning. */
export const countCommon = (live: Iterable<Message.Message>, branch: Iterable<Message.Message>): number => {
  const others = live[Symbol.iterator]()
  let common = 0
  for (const message of branch) {
    if (!isDeepStrictEqual(message, others.next().value)) break
    common += 1
  }
  return common
}
