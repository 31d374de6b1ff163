/** What always holds: rules of the user and of files, notes of the application, and what is pinned. */
import { useState } from "preact/hooks"
import { useAnswer } from "../answers.ts"
import { type Pin, pinText, readPins, readRules, unpinText } from "../client.ts"
import { linkTo } from "../route.ts"
import { Failure, formatCount, Note, Prose, Words } from "../text.tsx"
import { Action } from "./actions.tsx"
import { FactList } from "./ledgerPage.tsx"
import type { TabProps } from "../tabProps.ts"

export const RulesPage = ({ isWritable, revision, session }: TabProps) => {
  const { error, value: rules } = useAnswer(`rules ${session}`, revision, (signal) => readRules(session, signal))
  const [changes, setChanges] = useState(0)
  const pins = useAnswer(`pins ${session} ${changes}`, revision, (signal) => readPins(session, signal))
  if (rules === null) return error === null ? <Note>Reading …</Note> : <Failure error={error} />
  const lists = [
    {
      title: "Rules of the user",
      rows: rules.constraints.map(({ seq, strict, text }) => ({
        seq,
        words: <Words text={text} />,
        note: strict ? null : "a wish"
      }))
    },
    {
      title: "Rules of files",
      rows: rules.fileRules.map(({ file, seq, text }) => ({ seq, words: <Words text={text} />, note: file }))
    },
    {
      title: "Notes of the application",
      rows: rules.notes.map(({ seq, text }) => ({ seq, words: <Words text={text} /> }))
    }
  ].filter(({ rows }) => rows.length > 0)
  return (
    <>
      {lists.length === 0 && <Note>No rule was found.</Note>}
      {lists.map(({ rows, title }) => (
        <FactList key={title} title={title} rows={rows} session={session} />
      ))}
      <section class="facts-list">
        <h2>
          Pins <span class="muted">{formatCount(pins.value?.length ?? 0)}</span>
        </h2>
        <Failure error={pins.error} />
        {pins.value?.length === 0 && <Note>Nothing is pinned.</Note>}
        {pins.value?.map((pin) => (
          <PinCard
            key={pin.name}
            pin={pin}
            session={session}
            isWritable={isWritable}
            onChange={() => setChanges(changes + 1)}
          />
        ))}
        {isWritable && <PinForm session={session} onChange={() => setChanges(changes + 1)} />}
      </section>
    </>
  )
}

const PinCard = ({
  isWritable,
  onChange,
  pin: { fromSeq, name, text, toSeq },
  session
}: {
  readonly pin: Pin
  readonly session: string
  readonly isWritable: boolean
  readonly onChange: () => void
}) => (
  <article class="message">
    <header>
      <b>
        <Words text={name} />
      </b>
      {fromSeq !== null && (
        <a href={linkTo(session, "log", fromSeq)}>
          #{fromSeq}
          {toSeq !== null && toSeq !== fromSeq ? ` to #${toSeq}` : ""}
        </a>
      )}
      {isWritable && (
        <Action
          label="Unpin"
          question={`Let it leave the view?`}
          run={async () => {
            const { wasPinned } = await unpinText(session, name)
            onChange()
            return wasPinned ? "unpinned" : "was not pinned any more"
          }}
        />
      )}
    </header>
    <Prose text={text} />
  </article>
)

const PinForm = ({ onChange, session }: { readonly session: string; readonly onChange: () => void }) => {
  const [text, setText] = useState("")
  const [name, setName] = useState("")
  const [error, setError] = useState<Error | null>(null)
  const pin = async () => {
    try {
      await pinText(session, text, name)
      setText("")
      setError(null)
      onChange()
    } catch (cause) {
      setError(cause instanceof Error ? cause : new Error(String(cause)))
    }
  }
  return (
    <form
      class="stacked"
      onSubmit={(event) => {
        event.preventDefault()
        void pin()
      }}
    >
      <label>
        Pin a text
        <textarea rows={3} value={text} onInput={({ currentTarget }) => setText(currentTarget.value)} />
      </label>
      <label>
        As
        <input placeholder="plan" value={name} onInput={({ currentTarget }) => setName(currentTarget.value)} />
      </label>
      <button type="submit" disabled={text.trim() === ""}>
        Pin
      </button>
      <Failure error={error} />
    </form>
  )
}
