/**
 * Writes the view of a session into Hermes' table as its live context: the rows of the view in the order of their ids,
 * with the handoff among them. Rows that leave the view are archived in place, and the tail is not stored again.
 */
import * as Handoff from "../../handoff/Handoff.ts"
import * as Message from "../../message/Message.ts"
import type { SessionId, State } from "../../session/Session.ts"
import { FLAGS, HANDOFF_PREFIX } from "../marks.ts"
import type { HermesStatements, RowPlace } from "./statements.ts"
import { isUndone } from "../../session/Session.ts"

/** The context of each step of `showView`. Only a schema with `active` and `compacted` has `archiving` statements. */
interface ViewWriter {
  readonly hermes: HermesStatements
  readonly archiving: NonNullable<HermesStatements["archiving"]>
  readonly sessionId: SessionId
  readonly state: State
}

export const showView = (hermes: HermesStatements, sessionId: SessionId, state: State): void => {
  const { archiving } = hermes
  if (archiving === undefined) return
  const writer: ViewWriter = { hermes, archiving, sessionId, state }
  const inView = seqsInView(state)
  const shown = hermes.shownPlaces.all(sessionId)
  const seqsShown = new Set(shown.map(({ seq }) => seq))

  archiveHandoffs(writer)
  for (const place of shown) if (!inView.has(place.seq)) hideRow(writer, place)
  for (const seq of inView) {
    if (!seqsShown.has(seq)) hermes.place.all(sessionId, seq).forEach((place) => showRow(writer, place))
  }
  const content = renderHandoffContent(state)
  if (content !== null) insertHandoff(writer, content)
  hermes.counters?.recount.run({ sessionId })
  hermes.keepShown.run(sessionId, content)
}

/** The messages that a view shows, the handoff apart. */
export const seqsInView = ({ head, live, system, tail }: State): ReadonlySet<number> =>
  new Set([system, head, live, tail].flat().map(({ seq }) => seq))

/** The handoff of a view as the content of a Hermes row; null if the view has none. */
export const renderHandoffContent = ({ manifest: { ledger, renderer }, segments }: State): string | null =>
  segments.length === 0 && ledger === ""
    ? null
    : HANDOFF_PREFIX + Message.text(Handoff.makeMessage({ segments, ledger, renderer }))

const archiveHandoffs = ({ archiving, sessionId }: ViewWriter): void => {
  const { active, compacted } = FLAGS.archived
  for (const { row_id } of archiving.shownHandoff.all(sessionId)) {
    archiving.flag.run(active, compacted, row_id)
    archiving.endHandoff.run(row_id)
  }
}

const hideRow = ({ archiving, hermes, sessionId, state }: ViewWriter, { row_id, seq }: RowPlace): void => {
  const { active, compacted } = isUndone(state.manifest.undone, seq) ? FLAGS.undone : FLAGS.archived
  archiving.flag.run(active, compacted, row_id)
  hermes.show.run(0, sessionId, seq)
}

const showRow = (writer: ViewWriter, place: RowPlace): void => {
  const { archiving, hermes, sessionId } = writer
  const rowId = place.home ?? place.row_id
  if (place.home !== null) {
    rememberRow(writer, place)
    moveToNewId(writer, rowId)
    hermes.copy.run(rowId, place.row_id)
    hermes.remove.run(place.row_id)
    hermes.move.run(rowId, null, sessionId, place.seq)
  }
  archiving.flag.run(FLAGS.live.active, FLAGS.live.compacted, rowId)
  hermes.show.run(1, sessionId, place.seq)
}

/** The handoff takes the id of the last message it stands for; that message is stored again, archived, under a new id. */
const insertHandoff = (writer: ViewWriter, content: string): void => {
  const { archiving, hermes, sessionId } = writer
  const carrier = findCarrier(writer)
  if (carrier === undefined) return
  const id = carrier.home ?? carrier.row_id
  if (carrier.home === null) rememberRow(writer, carrier)
  const moved = moveToNewId(writer, id)
  if (carrier.home === null) hermes.move.run(moved, id, sessionId, carrier.seq)
  archiving.putHandoff.run(id, sessionId, content, carrier.timestamp)
  archiving.track.run(id, sessionId)
}

/**
 * Finds the message whose id the handoff takes: the last hidden one before the first open request, so that the order
 * of row ids is the order of the view. If there is none, the last hidden one before the tail.
 */
const findCarrier = ({ hermes, sessionId, state: { manifest, system } }: ViewWriter) => {
  const after = Math.max(manifest.headTo, manifest.contextFrom - 1, system.at(-1)?.seq ?? 0)
  const lastHiddenBefore = (seq: number) => hermes.lastHidden.get(sessionId, after, seq)
  return lastHiddenBefore(manifest.live[0] ?? manifest.tailFrom) ?? lastHiddenBefore(manifest.tailFrom)
}

/** Frees an id: the row with all its columns gets a new one, which is returned. */
const moveToNewId = ({ archiving, hermes }: ViewWriter, id: number): number => {
  const moved = Number(hermes.copy.run(null, id).lastInsertRowid)
  hermes.remove.run(id)
  archiving.moveHandoff.run(moved, id)
  return moved
}

/** Keeps the message in the side file until Hermes' file is committed, too: `crashRecovery` needs it if that fails. */
const rememberRow = ({ hermes, sessionId }: ViewWriter, { home, row_id, seq }: RowPlace): void => {
  const body = hermes.body.get(sessionId, seq)
  if (body !== undefined) hermes.keep.run(sessionId, seq, body, row_id, home)
}
