/** What a session costs over time, with compression and without, and what the next one would do. */
import { useState } from "preact/hooks"
import { drawWindowPicture } from "../../picture/windowPicture.ts"
import { useAnswer } from "../answers.ts"
import { type Forecast, readPlan, readTimeline, type Timeline } from "../client.ts"
import { Picture } from "../picture.tsx"
import { linkTo } from "../route.ts"
import { countThings, Failure, formatCount, formatThousands, Note } from "../text.tsx"
import type { TabProps } from "../tabProps.ts"

export const CostPage = ({ revision, session }: TabProps) => {
  const [price, setPrice] = useState("")
  const [steps, setSteps] = useState(20)
  const timeline = useAnswer(`timeline ${session}`, revision, (signal) => readTimeline(session, signal))
  const plan = useAnswer(`plan ${session} ${steps}`, revision, (signal) => readPlan(session, steps, signal))
  const dollars = Number.parseFloat(price)
  const tell = (tokens: number): string =>
    dollars > 0 ? `$${((tokens * dollars) / 1_000_000).toFixed(2)}` : `${formatCount(tokens)} tokens`
  return (
    <>
      <div class="inline-form">
        <label class="inline">
          Dollars for a million input tokens{" "}
          <input
            class="short"
            inputMode="decimal"
            placeholder="1.25"
            value={price}
            onInput={({ currentTarget }) => setPrice(currentTarget.value)}
          />
        </label>
      </div>
      <Failure error={timeline.error ?? plan.error} />
      <h2>So far</h2>
      {timeline.value === null ? <Note>Reading …</Note> : <SoFar timeline={timeline.value} tell={tell} />}
      <h2>The next compression</h2>
      <label class="inline">
        Over{" "}
        <select value={String(steps)} onChange={({ currentTarget }) => setSteps(Number(currentTarget.value))}>
          {[5, 20, 100].map((n) => (
            <option key={n} value={String(n)}>
              {n} steps
            </option>
          ))}
        </select>
      </label>
      {plan.value !== null && <Planned forecast={plan.value} session={session} tell={tell} />}
    </>
  )
}

interface Sums {
  readonly seq: number
  readonly seen: number
  readonly whole: number
}

/** Adds up what a model call after each message would have read. Between two points the sizes lie between theirs. */
const sumPoints = (points: Timeline["points"]): ReadonlyArray<Sums> => {
  let seen = 0
  let whole = 0
  return points.map(({ seq, view, whole: log }, index) => {
    const before = points[index - 1] ?? { seq: seq - 1, view, whole: log }
    const messages = seq - before.seq
    seen += (messages * (view + before.view)) / 2
    whole += (messages * (log + before.whole)) / 2
    return { seq, seen, whole }
  })
}

const SoFar = ({ tell, timeline }: { readonly timeline: Timeline; readonly tell: (tokens: number) => string }) => {
  const sums = sumPoints(timeline.points)
  const last = sums.at(-1)
  if (last === undefined) return <Note>No message yet.</Note>
  const share = Math.round(100 * (1 - last.seen / Math.max(1, last.whole)))
  const title = `Input with compression: ${tell(last.seen)}; without: ${tell(last.whole)}`
  return (
    <>
      <p>
        <b class="large">{tell(last.seen)}</b> read with compression, <b class="large">{tell(last.whole)}</b> without:{" "}
        {share} % less.
      </p>
      <Picture
        drawing={drawWindowPicture({
          title,
          points: sums.map(({ seen, seq, whole }) => ({ x: seq, view: seen, log: whole })),
          marks: [],
          waits: [],
          words: {
            view: `with compression, ${formatThousands(last.seen)}`,
            log: `without, ${formatThousands(last.whole)}`,
            from: `#${sums[0]?.seq ?? 1}`,
            to: `#${last.seq}`
          }
        })}
      />
      <p class="muted small">
        Input tokens in all, if there was one model call after each message and no cache read any of it. The calls that
        wrote summaries are not in it.
      </p>
    </>
  )
}

const WRITERS = {
  "in-place": "the agent's own model, in place",
  model: "a model that reads what leaves",
  embedded: "the embedded summarizer, without a model"
} as const

const Planned = ({
  forecast: { after, cost, leaving, savedLater, savedPerStep, steps, stepsToPayBack, threshold, view, window, writer },
  session,
  tell
}: {
  readonly forecast: Forecast
  readonly session: string
  readonly tell: (tokens: number) => string
}) => (
  <dl class="facts">
    <dt>View now</dt>
    <dd>
      {countThings(view.messages, "message")}, ~{formatCount(view.tokens)} tokens of {formatCount(window.usable)} usable
    </dd>
    <dt>Would leave</dt>
    <dd>
      {leaving === null ? (
        "nothing"
      ) : (
        <a href={linkTo(session, "log", leaving.fromSeq)}>
          #{leaving.fromSeq} to #{leaving.toSeq}, ~{formatCount(leaving.tokens)} tokens
        </a>
      )}
    </dd>
    {leaving !== null && (
      <>
        <dt>View after</dt>
        <dd>at most ~{formatCount(after.tokens)} tokens</dd>
        <dt>Costs</dt>
        <dd>
          at most {tell(cost)}, written by {WRITERS[writer]}
        </dd>
        <dt>Saves</dt>
        <dd>
          {tell(savedPerStep)} a step; {tell(savedLater)} over {countThings(steps, "step")}, its cost taken off
        </dd>
        <dt>Paid back</dt>
        <dd>
          {stepsToPayBack === null ? "never, as reading is free" : `after ${countThings(stepsToPayBack, "step")}`}
        </dd>
      </>
    )}
    <dt>Begins</dt>
    <dd>{describeBegin(threshold, tell)}</dd>
  </dl>
)

const describeBegin = (
  { carried, expected, isDue, latest }: Forecast["threshold"],
  tell: (tokens: number) => string
): string => {
  const read = `reading what could have left has cost ${tell(carried)} so far`
  if (isDue) return `at the next step: ${read}`
  const at = expected ?? latest
  return at === null
    ? "only when asked, or before a step that does not fit"
    : `at about ${formatCount(at)} tokens: ${read}`
}
