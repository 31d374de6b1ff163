/** What each compression can show for itself. */
import { useAnswer } from "../answers.ts"
import { readReceipt, readSnapshots, type Receipt } from "../client.ts"
import { linkTo } from "../route.ts"
import { countThings, Failure, formatCount, formatTime, Note, Words } from "../text.tsx"
import type { TabProps } from "../tabProps.ts"

export const ReceiptsPage = ({ at, revision, session }: TabProps) => {
  const { error, value } = useAnswer(`snapshots ${session}`, revision, (signal) => readSnapshots(session, signal))
  if (value === null) return error === null ? <Note>Reading …</Note> : <Failure error={error} />
  const snapshots = value.filter(({ hasReceipt }) => hasReceipt)
  const chosen = snapshots.find(({ snapshotId }) => snapshotId === at) ?? snapshots.at(-1)
  if (chosen === undefined) return <Note>No compression has left a receipt yet.</Note>
  return (
    <>
      <label class="inline">
        Compression{" "}
        <select
          value={chosen.snapshotId}
          onChange={({ currentTarget }) => (location.hash = linkTo(session, "receipts", currentTarget.value))}
        >
          {snapshots.toReversed().map(({ at, generation, lastSeq, snapshotId }) => (
            <option key={snapshotId} value={snapshotId}>
              to generation {generation + 1}, after #{lastSeq}, {formatTime(at)}
            </option>
          ))}
        </select>
      </label>{" "}
      <a href={linkTo(session, "snapshots", chosen.snapshotId)}>What left and what came</a>
      <ReceiptView session={session} snapshot={chosen.snapshotId} />
    </>
  )
}

const ReceiptView = ({ session, snapshot }: { readonly session: string; readonly snapshot: string }) => {
  const { error, value } = useAnswer(`receipt ${snapshot}`, 0, (signal) => readReceipt(snapshot, signal))
  if (value === null) return error === null ? <Note>Reading …</Note> : <Failure error={error} />
  const { carried, left, operationId, seal, stays, unlisted, used } = value
  return (
    <>
      <section>
        <h2>Left</h2>
        <ul class="plain ruled">
          {left.map(({ digest, fromSeq, messages, toSeq }) => (
            <li key={fromSeq}>
              <a href={linkTo(session, "log", fromSeq)}>
                #{fromSeq} to #{toSeq}
              </a>{" "}
              {countThings(messages, "message")} <code class="digest">{digest}</code>
            </li>
          ))}
        </ul>
      </section>
      <section>
        <h2>Stays</h2>
        <p>
          The head up to #{stays.headTo}, a handoff of {countThings(stays.segments.length, "segment")},{" "}
          {countThings(stays.live.length, "open request")}, and all from #{stays.tailFrom} on.
        </p>
      </section>
      <section>
        <h2>
          Still used <span class="muted">{formatCount(used.length)}</span>
        </h2>
        {used.length === 0 ? (
          <Note>Nothing of what left is used by what stayed.</Note>
        ) : (
          <UsedTable session={session} used={used} />
        )}
        {unlisted > 0 && <p class="muted">{countThings(unlisted, "more reference")} were checked, too.</p>}
      </section>
      {carried.length > 0 && (
        <section>
          <h2>Carried by the handoff</h2>
          <ul class="plain">
            {carried.map((text, index) => (
              <li key={index}>
                <Words text={text} />
              </li>
            ))}
          </ul>
        </section>
      )}
      <p class="muted small">
        Operation <Words text={operationId} />, seal <code class="digest">{seal}</code>
      </p>
    </>
  )
}

const UsedTable = ({ session, used }: { readonly session: string; readonly used: Receipt["used"] }) => (
  <div class="scrolled" tabIndex={0} role="group" aria-label="References to what left">
    <table>
      <thead>
        <tr>
          <th scope="col">What</th>
          <th scope="col">Left with</th>
          <th scope="col">Used by</th>
          <th scope="col">Found by</th>
        </tr>
      </thead>
      <tbody>
        {used.map(({ kind, query, seq, text, usedAt }, index) => (
          <tr key={index}>
            <td>
              <span class="tag">{kind}</span> <Words text={text} />
            </td>
            <td>
              <a href={linkTo(session, "log", seq)}>#{seq}</a>
            </td>
            <td>{usedAt === null ? "always holds" : <a href={linkTo(session, "log", usedAt)}>#{usedAt}</a>}</td>
            <td>
              {query === null ? (
                "shown in the view"
              ) : (
                <a href={linkTo(session, "recall", query)}>
                  recall <Words text={query} />
                </a>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
)
