/** The search that the agent has, too: what was ever said in the session. */
import { useState } from "preact/hooks"
import { useAnswer } from "../answers.ts"
import { searchLog } from "../client.ts"
import { linkTo } from "../route.ts"
import { countThings, Failure, Moment, Note, Words } from "../text.tsx"
import type { TabProps } from "../tabProps.ts"

export const RecallPage = ({ at, session }: TabProps) => {
  const [text, setText] = useState(at ?? "")
  const [where, setWhere] = useState("everywhere")
  return (
    <>
      <form
        class="inline-form"
        role="search"
        onSubmit={(event) => {
          event.preventDefault()
          if (text.trim() !== "") location.hash = linkTo(session, "recall", text)
        }}
      >
        <label class="grow">
          <span class="visually-hidden">Words to find</span>
          <input
            type="search"
            placeholder={`words, "a phrase", a path, or #12`}
            value={text}
            onInput={({ currentTarget }) => setText(currentTarget.value)}
          />
        </label>
        <label class="inline">
          <span class="visually-hidden">Where</span>
          <select value={where} onChange={({ currentTarget }) => setWhere(currentTarget.value)}>
            <option value="everywhere">everywhere</option>
            <option value="out-of-view">out of view</option>
          </select>
        </label>
        <button type="submit">Recall</button>
      </form>
      {at === null ? (
        <Note>The words may stand in any form. What left the view is found as well as what is shown.</Note>
      ) : (
        <Finds session={session} query={at} where={where} />
      )}
    </>
  )
}

const Finds = ({
  query,
  session,
  where
}: {
  readonly session: string
  readonly query: string
  readonly where: string
}) => {
  const { error, value } = useAnswer(`recall ${session} ${where} ${query}`, 0, (signal) =>
    searchLog(session, query, where, signal)
  )
  if (value === null) return error === null ? <Note>Searching …</Note> : <Failure error={error} />
  return (
    <>
      <p class="muted" role="status">
        {value.length === 0 ? "Nothing was found." : `${countThings(value.length, "message")}, best first`}
      </p>
      <ol class="plain ruled">
        {value.map(({ at, excerpt, role, segment, seq }) => (
          <li key={seq} class="find">
            <p>
              <a href={linkTo(session, "log", seq)}>#{seq}</a> <span class={`role role-${role}`}>{role}</span>{" "}
              <span class="muted small">
                <Moment at={at} />
                {segment !== null && (
                  <>
                    {" · "}
                    <a href={linkTo(session, "segments", segment)}>segment</a>
                  </>
                )}
              </span>
            </p>
            <p>
              <Words text={excerpt} />
            </p>
          </li>
        ))}
      </ol>
    </>
  )
}
