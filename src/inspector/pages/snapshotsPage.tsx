/** Two views of a session side by side: what left, and what came. */
import { useAnswer } from "../answers.ts"
import {
  type Comparison,
  compareSnapshots,
  type Mention,
  readSnapshots,
  restoreSnapshot,
  type SnapshotEntry
} from "../client.ts"
import { linkTo } from "../route.ts"
import { countThings, Failure, formatThousands, formatTime, Moment, Note, Prose, Words } from "../text.tsx"
import { Legend, WindowBar } from "../windowBar.tsx"
import { Action } from "./actions.tsx"
import type { TabProps } from "../tabProps.ts"

/** `at` holds the snapshot, and after a line break the one that it is compared with. */
export const SnapshotsPage = ({ at, detail, isWritable, revision, session }: TabProps) => {
  const { error, value: snapshots } = useAnswer(`snapshots ${session}`, revision, (signal) =>
    readSnapshots(session, signal)
  )
  if (snapshots === null) return error === null ? <Note>Reading …</Note> : <Failure error={error} />
  const newest = snapshots.at(-1)
  if (newest === undefined) return <Note>This is the first generation: no view was left behind yet.</Note>
  const [first = newest.snapshotId, other] = (at ?? "").split("\n").filter((id) => id !== "")
  const chosen = snapshots.find(({ snapshotId }) => snapshotId === first) ?? newest
  return (
    <>
      <div class="choices">
        <SnapshotChoice
          label="Before"
          snapshots={snapshots}
          value={chosen.snapshotId}
          onChange={(id) =>
            (location.hash = linkTo(session, "snapshots", other === undefined ? id : `${id}\n${other}`))
          }
        />
        <SnapshotChoice
          label="After"
          snapshots={snapshots}
          value={other ?? ""}
          now={`now, generation ${detail.generation}`}
          onChange={(id) =>
            (location.hash = linkTo(
              session,
              "snapshots",
              id === "" ? chosen.snapshotId : `${chosen.snapshotId}\n${id}`
            ))
          }
        />
        {chosen.hasReceipt && <a href={linkTo(session, "receipts", chosen.snapshotId)}>Receipt of the compression</a>}
        {isWritable && (
          <Action
            label="Restore"
            question={`Show again what generation ${chosen.generation} showed?`}
            run={async () => `generation ${(await restoreSnapshot(session, chosen.snapshotId)).generation} begins`}
          />
        )}
      </div>
      <Compared session={session} snapshot={chosen.snapshotId} other={other} revision={revision} />
    </>
  )
}

const SnapshotChoice = ({
  label,
  now,
  onChange,
  snapshots,
  value
}: {
  readonly label: string
  readonly snapshots: ReadonlyArray<SnapshotEntry>
  readonly value: string
  readonly now?: string
  readonly onChange: (id: string) => void
}) => (
  <label class="inline">
    {label}{" "}
    <select value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
      {now !== undefined && <option value="">{now}</option>}
      {snapshots.toReversed().map(({ at, generation, lastSeq, snapshotId }) => (
        <option key={snapshotId} value={snapshotId}>
          generation {generation}, up to #{lastSeq}, {formatTime(at)}
        </option>
      ))}
    </select>
  </label>
)

const Compared = ({
  other,
  revision,
  session,
  snapshot
}: {
  readonly session: string
  readonly snapshot: string
  readonly other: string | undefined
  readonly revision: number
}) => {
  const { error, value } = useAnswer(`comparison ${snapshot} ${other}`, other === undefined ? revision : 0, (signal) =>
    compareSnapshots(snapshot, other, signal)
  )
  if (value === null) return error === null ? <Note>Reading …</Note> : <Failure error={error} />
  const room = Math.max(value.before.view.tokens, value.after.view.tokens)
  return (
    <>
      <Failure error={error} />
      <div class="columns">
        <Side title="Before" side={value.before} room={room} />
        <Side title="After" side={value.after} room={room} />
      </div>
      <div class="columns">
        <Mentions
          title="Left"
          about="shown before, and not any more"
          kind="left"
          mentions={value.left}
          count={value.leftCount}
          session={session}
        />
        <Mentions
          title="Came"
          about="shown after, and not before"
          kind="came"
          mentions={value.came}
          count={value.cameCount}
          segments={value.after.segments.filter((id) => !value.before.segments.includes(id))}
          session={session}
        />
      </div>
      {value.shortened.length > 0 && (
        <p class="muted">
          Shortened:{" "}
          {value.shortened.map(({ seq, tokens }) => `#${seq} to ~${formatThousands(tokens)} tokens`).join(", ")}
        </p>
      )}
    </>
  )
}

const Side = ({
  room,
  side,
  title
}: {
  readonly title: string
  readonly side: Comparison["before"]
  readonly room: number
}) => {
  const parts = Object.entries(side.parts).map(([kind, size]) => ({ kind, ...size }))
  return (
    <section class="card">
      <h2>
        {title}: generation {side.generation}
      </h2>
      <p>
        <b class="large">{formatThousands(side.view.tokens)}</b> tokens in {countThings(side.view.messages, "message")},
        up to #{side.lastSeq}
      </p>
      <WindowBar contextLength={room} parts={parts} />
      <Legend parts={parts} />
      {side.handoff === null ? (
        <p class="muted">No handoff: every message is shown itself.</p>
      ) : (
        <details>
          <summary>Handoff of {countThings(side.segments.length, "segment")}</summary>
          <Prose text={side.handoff} />
        </details>
      )}
    </section>
  )
}

const Mentions = ({
  about,
  count,
  kind,
  mentions,
  segments = [],
  session,
  title
}: {
  readonly title: string
  readonly about: string
  readonly kind: string
  readonly mentions: ReadonlyArray<Mention>
  /** All of them, of which `mentions` are the oldest. */
  readonly count: number
  readonly segments?: ReadonlyArray<string>
  readonly session: string
}) => (
  <section class={`mentions mentions-${kind}`} aria-label={title}>
    <h2>
      {title} <span class="muted">{countThings(count, "message")}</span>
    </h2>
    <p class="muted small">{about}</p>
    <ol class="plain">
      {segments.map((id) => (
        <li key={id}>
          <a href={linkTo(session, "segments", id)}>
            segment <Words text={id} />
          </a>{" "}
          <span class="muted">in the handoff</span>
        </li>
      ))}
      {mentions.map(({ at, excerpt, role, seq, tokens }) => (
        <li key={seq}>
          <a href={linkTo(session, "log", seq)}>#{seq}</a> <span class={`role role-${role}`}>{role}</span>{" "}
          <Words text={excerpt} />
          <span class="muted small">
            {" "}
            ~{formatThousands(tokens)} · <Moment at={at} />
          </span>
        </li>
      ))}
    </ol>
    {count > mentions.length && <Note>and {countThings(count - mentions.length, "message")} more, in the log</Note>}
  </section>
)
