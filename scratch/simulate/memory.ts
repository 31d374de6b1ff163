/** Reads what an agent knows: its view, and what it can recall. It remembers nothing else from step to step. */
import { Effect, Option } from "effect"
import * as Handoff from "../../src/handoff/Handoff.ts"
import * as Message from "../../src/message/Message.ts"
import { Recall } from "../../src/recall/Recall.ts"
import type { View } from "../../src/view/View.ts"
import * as Words from "./words.ts"
import * as Work from "./work.ts"

/** What the agent was told since its last report, as far as the view shows. */
export const open = ({ messages }: View): ReadonlyArray<Words.Word> => {
  const end = messages.findLastIndex((message) => Work.isReport(message) || Handoff.isHandoff(message))
  return messages.slice(end + 1).flatMap((message) => Option.toArray(Words.read(message)))
}

export interface Recollection {
  readonly source: "view" | "recall" | "nowhere"
  readonly told: string
}

/** What the word with this id said, sent or received. */
export const recollect = Effect.fnUntraced(function* (view: View, id: string) {
  const seen = first(view.messages.flatMap(textsOf), id)
  if (seen !== undefined) return { source: "view", told: seen } satisfies Recollection
  const { recall } = yield* Recall
  const found = yield* recall(view.sessionId, id)
  const recalled = first(
    found.map(({ excerpt }) => excerpt),
    id
  )
  const nowhere: Recollection = { source: "nowhere", told: "" }
  return recalled === undefined ? nowhere : ({ source: "recall", told: recalled } satisfies Recollection)
})

const textsOf = (message: Message.Message): ReadonlyArray<string> => [
  Message.text(message),
  ...Message.toolCalls(message).map(Message.callInput)
]

const first = (texts: ReadonlyArray<string>, id: string): string | undefined => {
  for (const text of texts) {
    const told = text.includes(id) ? Words.findQuote(text, id) : undefined
    if (told !== undefined) return told
  }
  return undefined
}
