/** Checks promises 1, 2 and 5 from the log lines alone. */
import * as Audit from "../../src/audit/Audit.ts"

/** Lines of the audit trail, others aside. */
export const trailOf = (lines: ReadonlyArray<string>): ReadonlyArray<Audit.Line> =>
  lines.flatMap((text, index) => Audit.parse(text, { file: "log", line: index + 1 }) ?? [])

export const auditTrail = (trail: ReadonlyArray<Audit.Line>): Audit.Report =>
  Audit.report(Audit.conclude(trail.reduce(Audit.check, Audit.empty)), trail.length)

/**
 * Everything the lines contradict the promises in. None means they prove them, for what has ended by now; of a test that
 * delivers nothing they need to prove nothing about messages.
 */
export const findContradictions = (lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  auditTrail(trailOf(lines)).findings.flatMap(({ fault, text }) => (fault === "no-message-lines" ? [] : [text]))

/** Counts the operations of the lines, by session. */
export const operationsBySession = (trail: ReadonlyArray<Audit.Line>): ReadonlyMap<string, number> =>
  trail.reduce((counts, { event }) => {
    return event._tag === "Started" ? counts.set(event.session, (counts.get(event.session) ?? 0) + 1) : counts
  }, new Map<string, number>())
