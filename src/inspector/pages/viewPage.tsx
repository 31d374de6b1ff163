/** The view as it is sent: system, head, handoff, open requests, tail. */
import { useState } from "preact/hooks"
import { useAnswer } from "../answers.ts"
import { readInbox, readView, type ViewAnswer } from "../client.ts"
import { MessageCard } from "../message.tsx"
import { countThings, Failure, formatThousands, Note, Prose, Words } from "../text.tsx"
import { namePart } from "../windowBar.tsx"
import type { TabProps } from "../tabProps.ts"

const FORMATS = [
  ["chat", "Chat Completions"],
  ["responses", "Responses"],
  ["anthropic", "Anthropic Messages"]
] as const

export const ViewPage = ({ revision, session }: TabProps) => {
  const [format, setFormat] = useState("chat")
  const { error, value } = useAnswer(`view ${session} ${format}`, revision, (signal) =>
    readView(session, format, signal)
  )
  return (
    <>
      <label class="inline">
        As it is sent to{" "}
        <select value={format} onChange={({ currentTarget }) => setFormat(currentTarget.value)}>
          {FORMATS.map(([name, label]) => (
            <option key={name} value={name}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <Failure error={error} />
      {value === null ? error === null && <Note>Reading …</Note> : <ViewParts view={value} />}
      <Waiting session={session} revision={revision} />
    </>
  )
}

/** What the next turn will take up. */
const Waiting = ({ revision, session }: Pick<TabProps, "revision" | "session">) => {
  const { error, value } = useAnswer(`inbox ${session}`, revision, (signal) => readInbox(session, signal))
  if (value === null || value.length === 0) return <Failure error={error} />
  return (
    <section class="part" aria-label="Waiting">
      <h2>
        Waiting for a turn <span class="muted">{countThings(value.length, "message")}</span>
      </h2>
      {value.map(({ arrival, kind, message }) => (
        <MessageCard key={arrival} message={message} note={`a ${kind ?? "message"}, arrival ${arrival}`} />
      ))}
    </section>
  )
}

export const ViewParts = ({ view }: { readonly view: ViewAnswer }) => {
  let from = 0
  const parts = view.parts.map((part) => {
    const messages = view.messages.slice(from, from + part.items)
    from += part.items
    return { ...part, messages, count: part.messages }
  })
  return (
    <>
      {view.system !== undefined && (
        <section class="part">
          <h2>System, beside the messages</h2>
          <Prose text={typeof view.system === "string" ? view.system : JSON.stringify(view.system, null, 2)} isCode />
        </section>
      )}
      {parts
        .filter(({ messages }) => messages.length > 0)
        .map(({ count, messages, part, tokens }) => (
          <section key={part} class={`part edge-${part}`}>
            <h2>
              {namePart(part)}{" "}
              <span class="muted">
                {countThings(count, "message")}, ~{formatThousands(tokens)} tokens
              </span>
            </h2>
            <MessageList messages={messages} />
          </section>
        ))}
      {view.messages.length === 0 && <Note>The view is empty.</Note>}
      {view.repairs.length > 0 && (
        <details>
          <summary>{countThings(view.repairs.length, "difference")} between this view and the log</summary>
          <ul class="plain">
            {view.repairs.map(({ kind, seq, ...details }, index) => (
              <li key={index}>
                <b>{kind}</b> at #{seq} <Words text={Object.values(details).map(String).join(", ")} />
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  )
}

const FIRST = 40

/** The newest messages stand last, so that more of the oldest are opened above them. */
const MessageList = ({ messages }: { readonly messages: ReadonlyArray<unknown> }) => {
  const [shown, setShown] = useState(FIRST)
  const hidden = Math.max(0, messages.length - shown)
  return (
    <>
      {hidden > 0 && (
        <button type="button" class="quiet" onClick={() => setShown(shown + 5 * FIRST)}>
          Show {countThings(Math.min(hidden, 5 * FIRST), "message")} more of {countThings(hidden, "message")} before
        </button>
      )}
      {messages.slice(hidden).map((message, index) => (
        <MessageCard key={hidden + index} message={message} />
      ))}
    </>
  )
}
