/**
 * The summary in place: the request continues the agent's last one, so that its server reads that from the prompt cache.
 * The server has seen these words, secrets included, and nothing else is sent but an instruction.
 */
import * as Either from "effect/Either"
import { limitAnswer, type PromptInput, renderInstruction } from "../handoff/prompt.ts"
import { type Counter, total } from "../message/Tokens.ts"
import type { ModelRequest, Route } from "../model/Provider.ts"
import type { Logged } from "../session/Session.ts"
import type { SentView } from "../view/incrementalView.ts"

/** A request that continues the agent's last one, for a window, and the tokens of its text. */
export interface InPlaceRequest {
  readonly tokens: number
  readonly request: (hint: string | null, window: number) => ModelRequest
}

/**
 * Continues the last request of the agent with the instruction to summarize these entries, or says why it cannot: its
 * model has not seen them all. Those that it was shown as excerpts follow in full, unless they are most of the range.
 */
export const continueSent = (
  sent: SentView | undefined,
  { model }: Route,
  { entries, ...input }: Omit<PromptInput, "material"> & { readonly entries: ReadonlyArray<Logged> },
  counter: Counter
): Either.Either<InPlaceRequest, string> => {
  if (sent === undefined) return Either.left("the view has changed since the agent's last request in this process")
  if (sent.model !== undefined && sent.model !== model)
    return Either.left(`the agent's last request was to ${sent.model}`)
  if (entries.some(({ seq }) => seq > sent.lastSeq))
    return Either.left("the agent's last request is older than the range")
  const cut = listCut(sent, entries)
  if (2 * total(cut) > total(entries))
    return Either.left("the agent's last request shows most of the range in excerpts")
  const instruction = renderInstruction(input, entries, cut)
  return Either.right({
    tokens: sent.tokens + counter.text(instruction),
    request: (_hint, window) => ({
      task: "compression",
      messages: [...sent.view.messages, { role: "user", content: instruction }],
      maxOutputTokens: limitAnswer(input.maxTokens, window),
      continues: { tools: sent.tools }
    })
  })
}

/** Lists the entries of which the view shows less than the log has. */
const listCut = ({ view }: SentView, entries: ReadonlyArray<Logged>): ReadonlyArray<Logged> => {
  const cut = new Set(view.repairs.flatMap(({ kind, seq }) => (kind === "excerpt" ? [seq] : [])))
  return entries.filter(({ seq }) => cut.has(seq))
}
