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

export const countMessages = (messages: ReadonlyArray<Message.Message>): Counts => {
  const { results } = Message.pairToolCalls(messages)
  const answers = results.flat()
  return {
    messages: messages.length,
    roles: countAll(messages.map(({ role }) => role)),
    calls: answers.length,
    answered: answers.filter((answer) => answer !== undefined).length
  }
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

export const makeTable = ({ left, lines, skipped }: OpenTranscript, histories: ReadonlyArray<OpenHistory>): Table => {
  const counts = histories.map(({ outline }) => countMessages(outline))
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
export const countCommon = (live: ReadonlyArray<Message.Message>, branch: ReadonlyArray<Message.Message>): number => {
  const fork = branch.findIndex((message, index) => !isDeepStrictEqual(message, live[index]))
  return fork < 0 ? branch.length : fork
}
