/**
 * The summary in place: the request continues the agent's last one, so that its server reads that from the prompt cache.
 * The server has seen these words, secrets included, and nothing else is sent but an instruction.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { limitAnswer, type PromptInput, renderInstruction } from "../handoff/prompt.ts"
import { digestMessage, renderBody } from "../ledger/messageDigest.ts"
import * as Message from "../message/Message.ts"
import { type Counter, total } from "../message/Tokens.ts"
import type { ModelRequest, Route } from "../model/Provider.ts"
import type { Logged } from "../session/Session.ts"
import type { SentView } from "../view/incrementalView.ts"

/** A request that continues the agent's last one, for a window, and the tokens of its text. */
export interface InPlaceRequest {
  readonly tokens: number
  readonly request: (hint: string | null, window: number) => ModelRequest
  /** Takes the secrets of the request out of its answer, where nothing beside them may tell that they are secrets. */
  readonly conceal: (answer: string) => string
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
  const { messages } = sent.view
  if (messages.some((message) => digestMessage(message).isConcealed))
    return Either.left("the agent's last request has a message that cannot be read for secrets")
  const instruction = renderInstruction(input, entries, cut)
  return Either.right({
    tokens: sent.tokens + counter.text(instruction),
    request: (_hint, window) => ({
      task: "compression",
      messages: [...messages, { role: "user", content: instruction }],
      maxOutputTokens: limitAnswer(input.maxTokens, window),
      continues: { tools: sent.tools }
    }),
    conceal: (answer) =>
      concealSecrets(answer, [...messages, ...entries.map(({ message }) => message)].flatMap(listSecrets))
  })
}

/** Lists the entries of which the view shows less than the log has. */
const listCut = ({ view }: SentView, entries: ReadonlyArray<Logged>): ReadonlyArray<Logged> => {
  const cut = new Set(view.repairs.flatMap(({ kind, seq }) => (kind === "excerpt" ? [seq] : [])))
  return entries.filter(({ seq }) => cut.has(seq))
}

// ── secrets that the model was shown ──

const concealSecrets = (answer: string, secrets: ReadonlyArray<string>): string =>
  Array.from(new Set(secrets.flatMap(listForms)))
    .filter(isTelling)
    .toSorted((a, b) => b.length - a.length)
    .reduce((text, secret) => text.replaceAll(secret, "[redacted secret]"), answer)

/** A secret may stand behind a name or a scheme, or be written for a URL. */
const listForms = (secret: string): ReadonlyArray<string> => [
  secret,
  Option.getOrElse(decodeUrl(secret), () => secret),
  ...secret.split(/[\s=:]+/).filter(({ length }) => length >= LONG_PIECE)
]

const decodeUrl = Option.liftThrowable(decodeURIComponent)

/** Shorter pieces are words such as `base64`. */
const LONG_PIECE = 10

/** A short word that somebody has as a password may mean itself elsewhere. */
const isTelling = (secret: string): boolean =>
  !secret.startsWith("[redacted ") && secret.length >= 6 && (secret.length >= 16 || /[^\p{L}\s]/u.test(secret))

/** The secrets of a message: what its redacted words lack. */
const listSecrets = (message: Message.Message): ReadonlyArray<string> => {
  const { arguments: inputs, body } = digestMessage(message)
  const calls = Message.toolCalls(message).map(Message.callInput)
  return [renderBody(message), ...calls].flatMap((text, i) =>
    findReplaced(text, i === 0 ? body : (inputs[i - 1] ?? ""))
  )
}

/** Finds what stands in the text where `redacted` has a mark. Marks that touch stand for one secret. */
const findReplaced = (text: string, redacted: string): ReadonlyArray<string> => {
  if (text === redacted) return []
  const [before = "", ...kept] = redacted.split(/(?:\[redacted [^\]\n]{1,40}\])+/)
  let from = before.length
  return kept.map((words, i) => {
    const end = i === kept.length - 1 ? text.length - words.length : text.indexOf(words, from)
    const secret = text.slice(from, Math.max(from, end)).trim()
    from = Math.max(from, end) + words.length
    return secret
  })
}
