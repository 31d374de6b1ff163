/** All messages of a session, where the view shows them, and which segment stands for those that left. */
import { useEffect, useRef, useState } from "preact/hooks"
import { rewindSession } from "../client.ts"
import { LogPages, type LogRow } from "../logPages.ts"
import { excerptOf, MessageCard, roleOf } from "../message.tsx"
import { linkTo } from "../route.ts"
import { countThings, Failure, formatCount, formatThousands, Moment, Note, Words } from "../text.tsx"
import { WindowedList } from "../windowedList.tsx"
import { Action } from "./actions.tsx"
import type { TabProps } from "../tabProps.ts"

const ROW = 56

const PLACES: Readonly<Record<string, string>> = {
  system: "system",
  head: "head",
  handoff: "in the handoff",
  requests: "open request",
  tail: "tail",
  excerpt: "shortened",
  before: "before the reset"
}

export const LogPage = ({ at, detail, isWritable, session }: TabProps) => {
  const { generation, lastSeq } = detail
  const [, setCount] = useState(0)
  const [error, setError] = useState<Error | null>(null)
  const pages = useRef<LogPages>()
  pages.current ??= new LogPages(session, (failure) => {
    setError(failure)
    setCount((count) => count + 1)
  })
  const known = pages.current
  const range = useRef<readonly [number, number]>([0, 0])
  const shownGeneration = useRef(generation)
  useEffect(() => () => known.stop(), [])
  useEffect(() => {
    if (shownGeneration.current !== generation) known.forget()
    shownGeneration.current = generation
    known.want(range.current[0] + 1, range.current[1] + 1, lastSeq)
  }, [generation, lastSeq])

  const seq = at === null ? null : Math.min(lastSeq, Math.max(1, Number.parseInt(at, 10) || 1))
  // The end of the log at first, then whatever is opened: the list stays where it is while the log grows.
  const [start] = useState(lastSeq)
  const hasOpened = useRef(seq !== null)
  hasOpened.current ||= seq !== null
  const shown = seq ?? (hasOpened.current ? null : start)
  const opened = seq === null ? undefined : known.staleRow(seq)
  useEffect(() => {
    if (seq !== null && opened === undefined) known.want(seq, seq, lastSeq)
  }, [seq])
  return (
    <>
      <JumpForm session={session} lastSeq={lastSeq} />
      <Failure error={error} />
      {lastSeq === 0 && <Note>No message yet: what was delivered waits for a turn.</Note>}
      <div class={opened === undefined ? "split" : "split is-open"}>
        <WindowedList
          id="log"
          label={`Log of ${countThings(lastSeq, "message")}`}
          count={lastSeq}
          rowHeight={ROW}
          selected={seq === null ? null : seq - 1}
          shown={shown === null ? null : Math.max(0, shown - 1)}
          onOpen={(index) => (location.hash = linkTo(session, "log", index + 1))}
          onRange={(from, to) => {
            range.current = [from, to]
            known.want(from + 1, to + 1, lastSeq)
          }}
          renderRow={(index) => <LogRowView seq={index + 1} row={known.staleRow(index + 1)} />}
        />
        {seq !== null && opened !== undefined && (
          <aside class="detail" aria-label={`Message ${seq}`}>
            <OpenedMessage row={opened} seq={seq} session={session} />
            {isWritable && seq < lastSeq && (
              <Action
                label="Rewind to here"
                question={`Take back all after #${seq}?`}
                run={async () => `${countThings((await rewindSession(session, seq)).undone, "message")} taken back`}
              />
            )}
          </aside>
        )}
      </div>
    </>
  )
}

const JumpForm = ({ lastSeq, session }: { readonly session: string; readonly lastSeq: number }) => {
  const [text, setText] = useState("")
  return (
    <form
      class="inline-form"
      onSubmit={(event) => {
        event.preventDefault()
        const seq = Number.parseInt(text.replace(/^#/, ""), 10)
        if (seq >= 1 && seq <= lastSeq) location.hash = linkTo(session, "log", seq)
      }}
    >
      <label class="inline">
        Message{" "}
        <input
          class="short"
          inputMode="numeric"
          placeholder={`1–${lastSeq}`}
          value={text}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
      </label>
      <button type="submit">Go</button>
      <span class="muted">{countThings(lastSeq, "message")}, the newest below</span>
    </form>
  )
}

/** Neighbouring segments get rails of two colors, so that one sees where one ends. */
const railOf = (segment: string | null): string => {
  if (segment === null) return "rail"
  let sum = 0
  for (const character of segment) sum = (sum * 31 + character.charCodeAt(0)) % 9_973
  return `rail rail-${sum % 4}`
}

const LogRowView = ({ row, seq }: { readonly seq: number; readonly row: LogRow | undefined }) => {
  if (row === undefined || row === "undone") {
    return (
      <div class="log-row">
        <span class="rail" />
        <span class="seq">#{formatCount(seq)}</span>
        <span class="muted">{row === undefined ? "…" : "taken back by a rewind"}</span>
      </div>
    )
  }
  return (
    <div class="log-row">
      <span class={railOf(row.segment)} title={row.segment === null ? undefined : `segment ${row.segment}`} />
      <span class="seq">#{formatCount(seq)}</span>
      <span class={`role role-${roleOf(row.message)}`}>{roleOf(row.message)}</span>
      <span class="log-words">
        <Words text={excerptOf(row.message)} />
      </span>
      <span class="log-place">
        <span class={`dot dot-${row.place}`} aria-hidden="true" />
        {PLACES[row.place] ?? row.place}
      </span>
      <span class="log-tokens">{formatThousands(row.tokens)}</span>
    </div>
  )
}

const OpenedMessage = ({
  row,
  seq,
  session
}: {
  readonly row: LogRow
  readonly seq: number
  readonly session: string
}) => (
  <>
    <p class="detail-head">
      <b>#{formatCount(seq)}</b>
      <a href={linkTo(session, "log")}>Close</a>
    </p>
    {row === "undone" ? (
      <Note>A rewind took this message back. The log keeps it, and no view shows it.</Note>
    ) : (
      <>
        <dl class="facts">
          <dt>Time</dt>
          <dd>
            <Moment at={row.at} />
          </dd>
          <dt>Tokens</dt>
          <dd>~{formatCount(row.tokens)}</dd>
          <dt>In the view</dt>
          <dd>{PLACES[row.place] ?? row.place}</dd>
          {row.kind !== null && (
            <>
              <dt>Delivered</dt>
              <dd>
                as a {row.kind}, arrival {row.arrival}
              </dd>
            </>
          )}
          <dt>Segment</dt>
          <dd>
            {row.segment === null ? (
              "none covers it"
            ) : (
              <a href={linkTo(session, "segments", row.segment)}>
                <Words text={row.segment} />
              </a>
            )}
          </dd>
        </dl>
        {row.unreadable !== undefined && (
          <p class="failure">
            What is stored of it is damaged: <Words text={row.unreadable} />
          </p>
        )}
        <MessageCard message={row.message} />
      </>
    )}
  </>
)
