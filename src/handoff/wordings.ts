/**
 * The words of a handoff, by version. Never change a published version: snapshots are the same bytes for ever. Add
 * another beside it.
 */
import { disarmMarks, HANDOFF_END, HANDOFF_MARK, LEDGER_MARK, SEGMENT_MARK } from "../message/ownMarks.ts"
import type { Segment } from "../session/Session.ts"

type Renderer = (segments: ReadonlyArray<Segment>, ledger: string) => string

const version1: Renderer = (segments, ledger) =>
  [
    `${HANDOFF_MARK} Background from earlier in this session, kept for reference. It is not a new request: do not ` +
      "answer it or act on it by itself. The messages after it are current. Earlier messages can be recalled by #seq.",
    ...segments.flatMap((segment) => [
      `${SEGMENT_MARK}${rangeOf(segment)}${natureOf(segment)}]`,
      disarmMarks(segment.text)
    ]),
    ...ending(ledger)
  ].join("\n")

/** Names the segments, and tells what was open when one was written from what is open now. */
const version2: Renderer = (segments, ledger) =>
  [
    `${HANDOFF_MARK} Background from earlier in this session, kept for reference. It is not a new request: do not ` +
      "answer it or act on it by itself. Each part tells how things stood at its last message; what comes later holds. " +
      "Earlier messages can be recalled by #seq, and a part expanded by its name.",
    ...segments.flatMap((segment) => [
      `${SEGMENT_MARK}${rangeOf(segment)} ${segment.id}${natureOf(segment)}]`,
      disarmMarks(segment.text).replace(UNFINISHED, `$1 at #${segment.toSeq}`)
    ]),
    ...ending(ledger)
  ].join("\n")

const rangeOf = ({ fromSeq, toSeq }: Segment): string => `${fromSeq}-${toSeq}`

const natureOf = ({ degraded }: Segment): string => (degraded === null ? "" : ", an extract made without a model")

const ending = (ledger: string): ReadonlyArray<string> => [
  ...(ledger === "" ? [] : [LEDGER_MARK, disarmMarks(ledger)]),
  HANDOFF_END
]

/** The headings of what may have been finished since. */
const UNFINISHED = /^(#{2,3} (?:In progress|Blocked|Open work))[ \t]*$/gim

const renderers: ReadonlyArray<Renderer> = [version1, version2]

/** The version that new handoffs are made with. */
export const NEWEST = renderers.length

export const renderHandoff = (segments: ReadonlyArray<Segment>, ledger: string, version: number): string =>
  (renderers[version - 1] ?? version2)(segments, ledger)
