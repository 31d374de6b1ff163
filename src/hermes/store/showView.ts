/**
 * The live context of a session as Hermes reads it: the rows of the view, in the order of their ids, with the handoff
 * among them. What leaves the view is archived where it stands; the tail is not stored again.
 */
import * as Handoff from "../../handoff/Handoff.ts"
import * as Message from "../../message/Message.ts"
import type { SessionId, State } from "../../session/Session.ts"
import type { HermesStatements, Place } from "./statements.ts"
import * as UndoneRanges from "../../session/undoneRanges.ts"

/** By which Hermes knows a handoff. */
const MARK = "[CONTEXT COMPACTION — REFERENCE ONLY] Earlier turns were compacted into the summary below.\n"

export const showView = (hermes: HermesStatements, sessionId: SessionId, state: State): void => {
  const { archiving } = hermes
  if (archiving === undefined) return
  const { manifest } = state
  const shown = [state.system, state.head, state.live, state.tail].flat().map(({ seq }) => seq)

  const hide = (place: Place) => {
    const isUndone = UndoneRanges.isUndone(manifest.undone, place.seq)
    archiving.flag.run(0, isUndone ? 0 : 1, place.row_id)
    hermes.show.run(0, sessionId, place.seq)
  }

  const bringBack = (place: Place) => {
    const rowId = place.home ?? place.row_id
    if (place.home !== null) {
      remember(place)
      giveWay(rowId)
      hermes.copy.run(rowId, place.row_id)
      hermes.remove.run(place.row_id)
      hermes.move.run(rowId, null, sessionId, place.seq)
    }
    archiving.flag.run(1, 0, rowId)
    hermes.show.run(1, sessionId, place.seq)
  }

  /** Whoever stands there gets a new id, with all columns. */
  const giveWay = (id: number): number => {
    const moved = Number(hermes.copy.run(null, id).lastInsertRowid)
    hermes.remove.run(id)
    archiving.moveHandoff.run(moved, id)
    return moved
  }

  /** Where it is until the other file is committed, too. */
  const remember = ({ home, row_id, seq }: Place) => {
    const body = hermes.body.get(sessionId, seq)
    if (body !== undefined) hermes.keep.run(sessionId, seq, body, row_id, home)
  }

  /** The handoff takes the id of the last message it stands for, which is stored once more as archived. */
  const putHandoff = (content: string) => {
    const place = carrier()
    if (place === undefined) return
    const id = place.home ?? place.row_id
    if (place.home === null) remember(place)
    const moved = giveWay(id)
    if (place.home === null) hermes.move.run(moved, id, sessionId, place.seq)
    archiving.putHandoff.run(id, sessionId, content, place.timestamp)
    archiving.track.run(id, sessionId)
  }

  /** The last hidden message before the first open request, so that rows are in the order of the view. */
  const carrier = () => {
    const after = Math.max(manifest.headTo, manifest.contextFrom - 1, state.system.at(-1)?.seq ?? 0)
    const before = (seq: number) => hermes.lastHidden.get(sessionId, after, seq)
    return before(manifest.live[0] ?? manifest.tailFrom) ?? before(manifest.tailFrom)
  }

  for (const { row_id } of archiving.shownHandoff.all(sessionId)) {
    archiving.flag.run(0, 1, row_id)
    archiving.endHandoff.run(row_id)
  }
  const wanted = new Set(shown)
  const places = hermes.shownPlaces.all(sessionId)
  places.filter(({ seq }) => !wanted.has(seq)).forEach(hide)
  for (const { seq } of places) wanted.delete(seq)
  for (const seq of wanted) hermes.place.all(sessionId, seq).forEach(bringBack)
  const content = handoffInContext(state)
  if (content !== null) putHandoff(content)
  hermes.counters?.recount.run({ sessionId })
  hermes.keepShown.run(sessionId, content)
}

/** What a view's handoff is in Hermes' words; null if there is none. */
export const handoffInContext = ({ manifest: { ledger, renderer }, segments }: State): string | null =>
  segments.length === 0 && ledger === "" ? null : MARK + Message.text(Handoff.message({ segments, ledger, renderer }))
