/** All sessions, and how full their windows are, while it changes. */
import { useState } from "preact/hooks"
import { useAnswer } from "../answers.ts"
import { type Forecast, readPlan, type SessionEntry } from "../client.ts"
import { type Activity, useLive } from "../live.ts"
import { linkTo } from "../route.ts"
import { countThings, Failure, formatCount, formatThousands, Note, Words } from "../text.tsx"
import { type Threshold, WindowBar } from "../windowBar.tsx"
import { WindowedList } from "../windowedList.tsx"

const ROW = 76

export const SessionListPage = () => {
  const { activities, failure, isLoaded, sessions, turns } = useLive()
  const [filter, setFilter] = useState("")
  const first = sessions[0]?.sessionId
  // The service has one policy, so that one session tells the thresholds of all.
  const { value: plan } = useAnswer(`plan of ${first}`, 0, (signal) =>
    first === undefined ? Promise.resolve(null) : readPlan(first, 20, signal)
  )
  const thresholds = listThresholds(plan)
  const shown = filter === "" ? sessions : sessions.filter(({ sessionId }) => sessionId.includes(filter))
  const open = (index: number) => {
    const entry = shown[index]
    if (entry !== undefined) location.hash = linkTo(entry.sessionId, "view")
  }
  return (
    <>
      <div class="title-row">
        <h1 tabIndex={-1}>Sessions</h1>
        <p class="muted">{isLoaded ? summarize(sessions, activities.size) : "reading …"}</p>
        <label class="inline">
          <span class="visually-hidden">Only ids that contain</span>
          <input
            type="search"
            placeholder="Filter by id"
            value={filter}
            onInput={({ currentTarget }) => setFilter(currentTarget.value)}
          />
        </label>
      </div>
      <Failure error={failure} />
      {isLoaded && sessions.length === 0 && failure === null && (
        <Note>No session yet: one begins with the first message that is delivered to it.</Note>
      )}
      {shown.length > 0 && (
        <WindowedList
          id="sessions"
          label="Sessions"
          count={shown.length}
          rowHeight={ROW}
          selected={null}
          onOpen={open}
          renderRow={(index) => {
            const entry = shown[index]
            return entry === undefined ? null : (
              <SessionRow
                entry={entry}
                activity={activities.get(entry.sessionId)}
                hasTurn={turns.has(entry.sessionId)}
                thresholds={thresholds}
              />
            )
          }}
        />
      )}
      {sessions.length > 0 && shown.length === 0 && <Note>No id contains that.</Note>}
    </>
  )
}

const summarize = (sessions: ReadonlyArray<SessionEntry>, compressing: number): string => {
  const messages = sessions.reduce((sum, entry) => sum + entry.messages, 0)
  const busy = compressing === 0 ? "" : `, ${formatCount(compressing)} compressing now`
  return `${countThings(sessions.length, "session")}, ${countThings(messages, "message")}${busy}`
}

const SessionRow = ({
  activity,
  entry,
  hasTurn,
  thresholds
}: {
  readonly entry: SessionEntry
  readonly activity: Activity | undefined
  readonly hasTurn: boolean
  readonly thresholds: ReadonlyArray<Threshold>
}) => {
  const hard = thresholds.find(({ kind }) => kind === "hard")?.tokens ?? Infinity
  const { contextLength, generation, messages, sessionId, view, waiting } = entry
  return (
    <div class="session-row">
      <span class="session-name">
        <span class="session-id">
          <Words text={sessionId} />
        </span>
        {activity !== undefined && <span class="tag tag-busy">{describeActivity(activity)}</span>}
        {hasTurn && <span class="tag">turn</span>}
        {waiting > 0 && <span class="tag">{formatCount(waiting)} waiting</span>}
      </span>
      <WindowBar
        contextLength={contextLength}
        parts={[{ kind: view > contextLength ? "over" : view > hard ? "full" : "fill", tokens: view }]}
        thresholds={thresholds}
      />
      <span class="session-fill">
        <b>{formatThousands(view)}</b> of {formatThousands(contextLength)}
      </span>
      <span class="session-size">
        {countThings(messages, "message")} · generation {generation}
      </span>
    </div>
  )
}

const listThresholds = (plan: Forecast | null): ReadonlyArray<Threshold> => [
  ...(plan?.threshold.latest == null ? [] : [{ kind: "soft" as const, tokens: plan.threshold.latest }]),
  ...(plan?.window.hard == null ? [] : [{ kind: "hard" as const, tokens: plan.window.hard }])
]

export const describeActivity = ({ isWaitedFor, share }: Activity): string => {
  const done = share === null ? "" : ` ${Math.floor(100 * share)} %`
  return isWaitedFor ? `compressing${done}, a step waits` : `compressing${done}`
}
