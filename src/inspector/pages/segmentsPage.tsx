/** The tree of segments, and the messages that each stands for. */
import type { TargetedKeyboardEvent } from "preact"
import { useState } from "preact/hooks"
import { useActiveRow } from "../activeRow.ts"
import { useAnswer } from "../answers.ts"
import { readSegment, readSegments, type SegmentNode } from "../client.ts"
import { MessageCard } from "../message.tsx"
import { linkTo } from "../route.ts"
import { countThings, Failure, formatThousands, Note, Prose, Words } from "../text.tsx"
import type { TabProps } from "../tabProps.ts"

export const SegmentsPage = ({ at, revision, session }: TabProps) => {
  const { error, value: tree } = useAnswer(`segments ${session}`, revision, (signal) => readSegments(session, signal))
  if (tree === null) return error === null ? <Note>Reading …</Note> : <Failure error={error} />
  if (tree.segments.length === 0) return <Note>No segment yet: nothing was summarized.</Note>
  const byId = new Map(tree.segments.map((node) => [node.id, node] as const))
  const roots = tree.roots.flatMap((id) => byId.get(id) ?? [])
  const chosen = at === null ? undefined : byId.get(at)
  return (
    <div class={chosen === undefined ? "split" : "split is-open"}>
      <Tree roots={roots} byId={byId} chosen={at} session={session} />
      {at !== null && (
        <aside class="detail" aria-label="Segment">
          <OpenedSegment session={session} id={at} />
        </aside>
      )}
    </div>
  )
}

interface TreeProps {
  readonly byId: ReadonlyMap<string, SegmentNode>
  readonly chosen: string | null
  readonly session: string
}

/** One stop of the Tab key: the arrow keys go from row to row, as people know it from trees of files. */
const Tree = ({ byId, chosen, roots, session }: TreeProps & { readonly roots: ReadonlyArray<SegmentNode> }) => {
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set())
  const [readActive, setActive] = useActiveRow(chosen ?? roots.at(-1)?.id)
  const rows = listRows(roots, byId, closed, 1)
  const findActive = () =>
    Math.max(
      0,
      rows.findIndex(({ node }) => node.id === readActive())
    )
  const index = findActive()
  const toggle = (id: string, isClosed: boolean) => {
    const next = new Set(closed)
    if (isClosed) next.add(id)
    else next.delete(id)
    setClosed(next)
  }
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLUListElement>) => {
    const move = { ArrowDown: 1, ArrowUp: -1, Home: -rows.length, End: rows.length }[event.key]
    const at = findActive()
    const current = rows[at]
    if (current === undefined) return
    if (move !== undefined) {
      const target = rows[Math.max(0, Math.min(rows.length - 1, at + move))]
      setActive(target?.node.id)
      document.getElementById(`segment-${target?.node.id}`)?.scrollIntoView({ block: "nearest" })
    } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      toggle(current.node.id, event.key === "ArrowLeft")
    } else if (event.key === "Enter" || event.key === " ") {
      location.hash = linkTo(session, "segments", current.node.id)
    } else return
    event.preventDefault()
  }
  return (
    <ul
      class="tree"
      id="segments"
      role="tree"
      aria-label="Segments"
      tabIndex={0}
      aria-activedescendant={`segment-${rows[index]?.node.id}`}
      onKeyDown={onKeyDown}
    >
      {rows.map(({ depth, node }, at) => (
        <li
          key={node.id}
          id={`segment-${node.id}`}
          class={`tree-row depth-${Math.min(4, depth)}${at === index ? " active" : ""}`}
          role="treeitem"
          aria-level={depth}
          aria-selected={node.id === chosen}
          aria-expanded={node.children.length === 0 ? undefined : !closed.has(node.id)}
          onClick={() => {
            setActive(node.id)
            location.hash = linkTo(session, "segments", node.id)
          }}
        >
          <SegmentRow node={node} isClosed={closed.has(node.id)} onToggle={(isClosed) => toggle(node.id, isClosed)} />
        </li>
      ))}
    </ul>
  )
}

interface TreeRow {
  readonly node: SegmentNode
  readonly depth: number
}

const listRows = (
  nodes: ReadonlyArray<SegmentNode>,
  byId: ReadonlyMap<string, SegmentNode>,
  closed: ReadonlySet<string>,
  depth: number
): ReadonlyArray<TreeRow> =>
  nodes.flatMap((node) => [
    { node, depth },
    ...(closed.has(node.id)
      ? []
      : listRows(
          node.children.flatMap((id) => byId.get(id) ?? []),
          byId,
          closed,
          depth + 1
        ))
  ])

const SegmentRow = ({
  isClosed,
  node,
  onToggle
}: {
  readonly node: SegmentNode
  readonly isClosed: boolean
  readonly onToggle: (isClosed: boolean) => void
}) => (
  <>
    <span
      class="tree-toggle"
      aria-hidden="true"
      onClick={(event) => {
        event.stopPropagation()
        onToggle(!isClosed)
      }}
    >
      {node.children.length === 0 ? "·" : isClosed ? "▸" : "▾"}
    </span>
    <span class="tree-name">
      #{node.fromSeq} to #{node.toSeq}
    </span>
    <span class="muted small">
      level {node.level} · ~{formatThousands(node.tokens)} tokens · <Words text={node.model} />
    </span>
    {node.isShown && <span class="tag tag-good">in the view</span>}
    {node.degraded !== null && <span class="tag tag-busy">without a model</span>}
    {node.focus !== null && (
      <span class="tag">
        focus: <Words text={node.focus} />
      </span>
    )}
  </>
)

const OpenedSegment = ({ id, session }: { readonly session: string; readonly id: string }) => {
  const [from, setFrom] = useState<number | undefined>(undefined)
  const { error, value } = useAnswer(`segment ${id} ${from}`, 0, (signal) => readSegment(id, from, signal))
  if (value === null) return error === null ? <Note>Reading …</Note> : <Failure error={error} />
  const { entries, next, segment } = value
  return (
    <>
      <p class="detail-head">
        <b>
          <Words text={id} />
        </b>
        <a href={linkTo(session, "segments")}>Close</a>
      </p>
      <Prose text={segment.text} />
      <h2>
        {countThings(segment.toSeq - segment.fromSeq + 1, "message")} behind it{" "}
        <a href={linkTo(session, "log", segment.fromSeq)}>in the log</a>
      </h2>
      {entries.map(({ message, seq }) => (
        <MessageCard key={seq} seq={seq} message={message} />
      ))}
      {next !== null && (
        <button type="button" onClick={() => setFrom(next)}>
          From #{next} on
        </button>
      )}
      {from !== undefined && (
        <button type="button" class="quiet" onClick={() => setFrom(undefined)}>
          From the first
        </button>
      )}
    </>
  )
}
