/**
 * What the log lines alone say about promises 1, 2 and 5, read as somebody would who has nothing else. Written from the
 * lines' wording and from nothing in `src`.
 */

interface Line {
  readonly what: string
  readonly session: string
  /** The arrival of a message, the id of an operation. */
  readonly of: string
}

/** Everything the lines contradict the promises in. None means they prove them, for what has ended by now. */
export const contradictions = (lines: ReadonlyArray<string>): ReadonlyArray<string> => {
  const trail = lines.flatMap(parse)
  return [...messages(trail), ...operations(trail)]
}

/** Lines of the audit trail, others aside. */
export const trailOf = (lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.filter((line) => parse(line).length > 0)

/** How many operations the lines tell of, by session. */
export const operationsBySession = (lines: ReadonlyArray<string>): ReadonlyMap<string, number> =>
  lines.flatMap(parse).reduce((counts, { session, what }) => {
    return what === "compression started" ? counts.set(session, (counts.get(session) ?? 0) + 1) : counts
  }, new Map<string, number>())

const parse = (line: string): ReadonlyArray<Line> => {
  const [, what, fields = ""] =
    /^(message (?:buffered|promoted)|compression (?:started|joined|done|failed|deferred)): (.*)$/.exec(line) ?? []
  if (what === undefined) return []
  const field = (name: string) => new RegExp(`(?:^| )${name}=(\\S+)`).exec(fields)?.[1] ?? ""
  return [{ what, session: field("session"), of: field(what.startsWith("message") ? "arrival" : "operation") }]
}

/** Each message of a session is buffered once, then promoted once, in the order of arrival. */
const messages = (trail: ReadonlyArray<Line>): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const waiting = new Map<string, string>()
  const last = new Map<string, number>()
  const seen = new Set<string>()
  for (const { of, session, what } of trail) {
    if (what === "message buffered") {
      if (seen.has(of)) problems.push(`arrival ${of} buffered twice`)
      seen.add(of)
      waiting.set(of, session)
    }
    if (what === "message promoted") {
      if (waiting.get(of) !== session) problems.push(`arrival ${of} promoted in ${session}, where it does not wait`)
      if (Number(of) <= (last.get(session) ?? 0)) problems.push(`arrival ${of} promoted out of order in ${session}`)
      waiting.delete(of)
      last.set(session, Number(of))
    }
  }
  return [...problems, ...Array.from(waiting.keys(), (of) => `arrival ${of} never promoted`)]
}

/** Each operation starts and ends once, in one session, none other of which runs meanwhile; a deferred one never starts. */
const operations = (trail: ReadonlyArray<Line>): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const running = new Map<string, string>()
  const seen = new Set<string>()
  for (const { of, session, what } of trail) {
    if (what === "compression deferred") {
      if (seen.has(of)) problems.push(`operation ${of} deferred after it had started`)
      seen.add(of)
    }
    if (what === "compression started") {
      if (seen.has(of)) problems.push(`operation ${of} started twice`)
      if (running.has(session)) problems.push(`operation ${of} started during ${running.get(session)} in ${session}`)
      seen.add(of)
      running.set(session, of)
    }
    if (what === "compression done" || what === "compression failed") {
      if (running.get(session) !== of) problems.push(`operation ${of} ended in ${session}, where it does not run`)
      running.delete(session)
    }
  }
  return [...problems, ...Array.from(running.values(), (of) => `operation ${of} never ended`)]
}
