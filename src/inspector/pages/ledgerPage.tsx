/** The facts that the ledger carries word for word, each with the message that it came from. */
import type { ComponentChildren } from "preact"
import { useAnswer } from "../answers.ts"
import { type Facts, readLedger } from "../client.ts"
import { linkTo } from "../route.ts"
import { Failure, formatCount, Note, Words } from "../text.tsx"
import type { TabProps } from "../tabProps.ts"

export const LedgerPage = ({ revision, session }: TabProps) => {
  const { error, value: facts } = useAnswer(`ledger ${session}`, revision, (signal) => readLedger(session, signal))
  if (facts === null) return error === null ? <Note>Reading …</Note> : <Failure error={error} />
  const lists = listFacts(facts).filter(({ rows }) => rows.length > 0)
  return (
    <>
      <Failure error={error} />
      {lists.length === 0 && <Note>No fact yet.</Note>}
      {lists.map(({ rows, title }) => (
        <FactList key={title} title={title} rows={rows} session={session} />
      ))}
    </>
  )
}

export interface FactRow {
  readonly seq: number
  readonly words: ComponentChildren
  readonly note?: string | null
}

/** Newest first. */
export const FactList = ({
  rows,
  session,
  title
}: {
  readonly title: string
  readonly rows: ReadonlyArray<FactRow>
  readonly session: string
}) => (
  <section class="facts-list">
    <h2>
      {title} <span class="muted">{formatCount(rows.length)}</span>
    </h2>
    <ul class="plain ruled">
      {rows.toReversed().map(({ note = null, seq, words }, index) => (
        <li key={index} class="fact">
          <a href={linkTo(session, "log", seq)} class="seq">
            #{seq}
          </a>
          <span class="fact-words">{words}</span>
          {note !== null && (
            <span class="muted small">
              <Words text={note} />
            </span>
          )}
        </li>
      ))}
    </ul>
  </section>
)

const listFacts = (facts: Facts): ReadonlyArray<{ readonly title: string; readonly rows: ReadonlyArray<FactRow> }> => [
  {
    title: "Requests",
    rows: facts.requests.map(({ answered, seq, text }) => ({
      seq,
      words: <Words text={text} />,
      note: answered ? "answered" : "open"
    }))
  },
  {
    title: "Identifiers",
    rows: facts.identifiers.map(({ name, replaced, seq, source, value }) => ({
      seq,
      words: (
        <>
          <Words text={name} /> <code>{<Words text={value} />}</code>
        </>
      ),
      note: `${replaced === null ? "" : `was ${replaced}, `}${source === "said" ? "said" : "of a tool"}`
    }))
  },
  {
    title: "Decisions",
    rows: facts.decisions.map(({ seq, text }) => ({ seq, words: <Words text={text} /> }))
  },
  {
    title: "Files",
    rows: facts.files.map(({ access, path, seq }) => ({
      seq,
      words: <code>{<Words text={path} />}</code>,
      note: access
    }))
  },
  {
    title: "Commands",
    rows: facts.commands.map(({ command, error, exitCode, seq }) => ({
      seq,
      words: <code>{<Words text={command} />}</code>,
      note: [exitCode === null ? null : `exit ${exitCode}`, error].filter((note) => note !== null).join(", ")
    }))
  },
  {
    title: "Errors",
    rows: facts.errors.map(({ command, seq, text }) => ({ seq, words: <Words text={text} />, note: command }))
  },
  {
    title: "Calls without a result yet",
    rows: facts.calls.map(({ command, id, seq }) => ({ seq, words: <Words text={id} />, note: command }))
  }
]
