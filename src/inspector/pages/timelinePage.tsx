/** The window over time, and what happened, while it happens. */
import { drawWindowPicture, type Wait } from "../../picture/windowPicture.ts"
import { useAnswer } from "../answers.ts"
import { readPlan, readTimeline, type Timeline } from "../client.ts"
import { type Happening, useLive, type Waited } from "../live.ts"
import { Picture } from "../picture.tsx"
import { linkTo } from "../route.ts"
import {
  countThings,
  Failure,
  formatCount,
  formatSeconds,
  formatThousands,
  formatTime,
  Moment,
  Note,
  Words
} from "../text.tsx"
import { describeActivity } from "./sessionListPage.tsx"
import type { TabProps } from "../tabProps.ts"

export const TimelinePage = ({ revision, session }: TabProps) => {
  const { activities, happenings, waits } = useLive()
  const { error, value } = useAnswer(`timeline ${session}`, revision, (signal) => readTimeline(session, signal))
  const { value: plan } = useAnswer(`plan ${session}`, revision, (signal) => readPlan(session, 20, signal))
  if (value === null) return error === null ? <Note>Reading …</Note> : <Failure error={error} />
  const waited = waits.get(session) ?? []
  const activity = activities.get(session)
  return (
    <>
      <Failure error={error} />
      {value.points.length === 0 ? (
        <Note>No message yet.</Note>
      ) : (
        <Picture drawing={drawTimeline(value, waited, plan?.window.hard ?? undefined)} />
      )}
      <h2>What happened</h2>
      {activity !== undefined && (
        <p role="status">
          <span class="tag tag-busy">{describeActivity(activity)}</span> since <Moment at={activity.since} />
        </p>
      )}
      <ol class="plain ruled happenings">
        {listHappenings(value, happenings.get(session) ?? [], waited).map(({ at, kind, link, text }, index) => (
          <li key={index}>
            <Moment at={at} /> <span class={`dot happening-${kind}`} aria-hidden="true" /> <Words text={text} />
            {link !== undefined && (
              <>
                {" "}
                <a href={linkTo(session, "snapshots", link)}>compare</a>
              </>
            )}
          </li>
        ))}
      </ol>
      <p class="muted small">
        Turns, waits, failures and pauses are those since this page was opened; what was committed is all there ever
        was.
      </p>
    </>
  )
}

const drawTimeline = ({ commits, contextLength, points }: Timeline, waited: ReadonlyArray<Waited>, hard?: number) => {
  const peak = points.reduce((most, { view }) => Math.max(most, view), 0)
  const [first, last] = [points[0], points.at(-1)]
  const bySeq = new Map(commits.map((commit) => [commit.lastSeq, commit]))
  const placeTime = (at: number): number => {
    const next = points.findIndex((point) => point.at > at)
    return (next < 0 ? last : points[next])?.seq ?? 0
  }
  return drawWindowPicture({
    title: `The window over ${countThings(last?.seq ?? 0, "message")}: ${countThings(commits.length, "change")}, never above ${formatThousands(peak)} tokens`,
    points: points.flatMap(({ seq, view }) => {
      const commit = bySeq.get(seq)
      return commit === undefined
        ? [{ x: seq, view }]
        : [
            { x: seq, view: commit.before },
            { x: seq, view: commit.after }
          ]
    }),
    marks: commits.map(({ after, at, before, generation, lastSeq }) => ({
      x: lastSeq,
      before,
      after,
      title: `generation ${generation}, ${formatTime(at)}: ${formatCount(before)} → ${formatCount(after)} tokens`
    })),
    waits: waited.map(({ from, to }): Wait => ({
      from: placeTime(from),
      to: placeTime(to),
      title: `waited ${formatSeconds(to - from)}`
    })),
    window: contextLength,
    hard,
    words: {
      view: `what the model sees, never above ${formatThousands(peak)}`,
      window: `the model's window, ${formatThousands(contextLength)} tokens`,
      from: first === undefined ? "" : `#${first.seq}, ${formatTime(first.at)}`,
      to: last === undefined ? "" : `#${last.seq}, ${formatTime(last.at)}`
    }
  })
}

interface Told {
  readonly at: number
  readonly kind: "commit" | "busy" | "failure" | "turn" | "wait"
  readonly text: string
  readonly link?: string
}

const MOST = 300

/** Newest first. */
const listHappenings = (
  { commits }: Timeline,
  happenings: ReadonlyArray<Happening>,
  waited: ReadonlyArray<Waited>
): ReadonlyArray<Told> =>
  [
    ...commits.map(({ after, at, before, generation, hasReceipt, snapshotId }) => ({
      at,
      kind: "commit" as const,
      text: `${hasReceipt ? "Compression" : "Change"} to generation ${generation}: ${formatCount(before)} → ${formatCount(after)} tokens`,
      link: snapshotId
    })),
    ...happenings.flatMap(describeHappening),
    ...waited.map(({ from, to }) => ({
      at: to,
      kind: "wait" as const,
      text: `A step has waited ${formatSeconds(to - from)}`
    }))
  ]
    .sort((a, b) => b.at - a.at)
    .slice(0, MOST)

/** What was committed is told by the timeline itself. */
const describeHappening = ({ at, event }: Happening): ReadonlyArray<Told> => {
  switch (event._tag) {
    case "Started":
      return [
        {
          at,
          kind: "busy",
          text: `A compression of ${countThings(event.messages, "message")} began${event.isWaitedFor ? "; a step waits" : " in the background"}`
        }
      ]
    case "Joined":
      return [{ at, kind: "busy", text: "An equal compression was joined" }]
    case "Healed":
      return [{ at, kind: "commit", text: "A segment has its proper summary now" }]
    case "NoHeadroom":
    case "Unchanged":
      return [{ at, kind: "failure", text: `Nothing changed: ${event.result.reason ?? event.result.outcome}` }]
    case "Failed":
      return [{ at, kind: "failure", text: `A compression failed: ${event.reason}` }]
    case "HeldBack":
      return [
        {
          at,
          kind: "failure",
          text: `Background compressions pause: the session refills by ${formatCount(event.tokensPerMinute)} tokens a minute`
        }
      ]
    case "WindowLearned":
      return [
        {
          at,
          kind: "failure",
          text: `The server takes ${formatCount(event.learned)} tokens, not ${formatCount(event.configured)}`
        }
      ]
    case "TurnBegan":
      return [{ at, kind: "turn", text: "A turn began" }]
    case "TurnEnded":
      return [
        {
          at,
          kind: "turn",
          text: event.outcome === "ended" ? "A turn ended" : "A turn was lost: its client was silent"
        }
      ]
    case "Degraded":
      return [
        { at, kind: "failure", text: `No model wrote the summary: ${event.result.reason ?? "every route failed"}` }
      ]
    default:
      return []
  }
}
