/** One message of any format: who speaks, the words, calls and their results. */
import { countThings, Prose, Words } from "./text.tsx"

/** A part of a message. `title` names what it is, where that is not plain. */
interface Block {
  readonly title: string | null
  readonly text: string
  readonly isCode: boolean
}

interface ReadMessage {
  readonly role: string
  readonly blocks: ReadonlyArray<Block>
}

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null

const toJson = (value: unknown): string => JSON.stringify(value, null, 2) ?? ""

/** Reads what every format has in common, and shows all else as it is. */
export const readMessage = (message: unknown): ReadMessage => {
  if (!isFields(message)) return { role: "unknown", blocks: [codeBlock(null, toJson(message))] }
  const { content, role, tool_call_id: answered, tool_calls: calls, type } = message
  const whose = typeof role === "string" ? role : typeof type === "string" ? type : "unknown"
  if (content === undefined && calls === undefined) return { role: whose, blocks: [codeBlock(null, toJson(message))] }
  const result = typeof answered === "string" ? `Result of ${answered}` : null
  const blocks = [...readContent(content, result), ...(Array.isArray(calls) ? calls.map(readCall) : [])]
  return { role: whose, blocks }
}

const codeBlock = (title: string | null, text: string): Block => ({ title, text, isCode: true })

const readContent = (content: unknown, title: string | null): ReadonlyArray<Block> => {
  if (typeof content === "string") return content === "" ? [] : [{ title, text: content, isCode: title !== null }]
  if (!Array.isArray(content))
    return content === null || content === undefined ? [] : [codeBlock(title, toJson(content))]
  return content.map((part: unknown) =>
    isFields(part) && typeof part.text === "string"
      ? { title, text: part.text, isCode: title !== null }
      : codeBlock(isFields(part) ? String(part.type) : title, toJson(part))
  )
}

const readCall = (call: unknown): Block => {
  const asked = isFields(call) && isFields(call.function) ? call.function : undefined
  return asked === undefined
    ? codeBlock("Call", toJson(call))
    : codeBlock(
        `Call of ${String(asked.name)}`,
        typeof asked.arguments === "string" ? asked.arguments : toJson(asked.arguments)
      )
}

const EXCERPT = 280

/** The beginning of a message, in one line. */
export const excerptOf = (message: unknown): string => {
  const { blocks } = readMessage(message)
  const [first] = blocks
  if (first === undefined) return "(empty)"
  const words = blocks
    .map(({ text, title }) => `${title === null ? "" : `${title}: `}${text.slice(0, EXCERPT)}`)
    .join(" · ")
  return words.replace(/\s+/g, " ").slice(0, EXCERPT)
}

export const roleOf = (message: unknown): string => readMessage(message).role

export const MessageCard = ({
  message,
  note,
  seq
}: {
  readonly message: unknown
  readonly seq?: number
  readonly note?: string
}) => {
  const { blocks, role } = readMessage(message)
  return (
    <article class="message">
      <header>
        <span class={`role role-${role.replace(/[^a-z]/g, "")}`}>
          <Words text={role} />
        </span>
        {seq !== undefined && <span class="muted">#{seq}</span>}
        {note !== undefined && <span class="muted">{note}</span>}
      </header>
      {blocks.length === 0 && <p class="muted">(no words)</p>}
      {blocks.map(({ isCode, text, title }, index) => (
        <div key={index}>
          {title !== null && (
            <p class="block-title">
              <Words text={title} />
            </p>
          )}
          <Prose text={text} isCode={isCode} />
        </div>
      ))}
    </article>
  )
}

/** Many messages, of which the first are shown until somebody asks for more. */
export const describeMessages = (messages: number, tokens: number, format: (n: number) => string): string =>
  `${countThings(messages, "message")}, ~${format(tokens)} tokens`
