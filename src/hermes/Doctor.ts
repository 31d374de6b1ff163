/**
 * Finds what earlier versions of Hermes broke in its database, and repairs it on request.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { DAMAGES, describeDamage, findDamage, type FoundDamage } from "./doctor/damage.ts"
import { type HermesFacts, readFacts } from "./doctor/facts.ts"
import { backUpFile, type HermesFile, openForWriting, openReadOnly, readWorld } from "./file.ts"
import { MERGED } from "./lineage.ts"
import { findWriteObstacle } from "./writeObstacle.ts"
import { planRepairs, type RepairStep } from "./doctor/repairPlan.ts"
import { writeChanges } from "./doctor/writeChanges.ts"
import { refuseFile, toStoreError } from "../sqlite/file.ts"
import { makeMisuse, type StoreError } from "../session/SessionError.ts"

/**
 * One piece of damage.
 *
 * - `sessionIds`: the sessions it is about, the damaged one first
 * - `rows`: ids of the damaged rows of `messages`, empty if it is not about rows
 * - `detail`: what is broken, and where
 * - `noticed`: what a user may have noticed
 * - `repair`: what `repair` does about it
 *
 * @since 0.1.0
 * @category models
 */
export class Finding extends Schema.Class<Finding>("Finding")({
  damage: Schema.Literal(...DAMAGES, "unwritable-messages", "damaged-index"),
  sessionIds: Schema.Array(Schema.String),
  rows: Schema.Array(Schema.Int),
  detail: Schema.String,
  noticed: Schema.String,
  repair: Schema.String
}) {}

/**
 * The size of a database and its damage. `schemaVersion` is null if the database does not name one.
 *
 * @since 0.1.0
 * @category models
 */
export class Report extends Schema.Class<Report>("Report")({
  filename: Schema.String,
  schemaVersion: Schema.NullOr(Schema.Int),
  sessions: Schema.Int,
  messages: Schema.Int,
  findings: Schema.Array(Finding)
}) {}

/**
 * One lineage (the sessions of one conversation) after a repair.
 *
 * - `sessionId`: the stable id that the conversation now has
 * - `merged`: sessions whose messages went to it
 * - `branches`: sessions that stay beside it
 * - `findings`: the damage that was repaired
 *
 * @since 0.1.0
 * @category models
 */
export class MendedLineage extends Schema.Class<MendedLineage>("MendedLineage")({
  sessionId: Schema.String,
  merged: Schema.Array(Schema.String),
  branches: Schema.Array(Schema.String),
  findings: Schema.Array(Finding)
}) {}

/**
 * The result of a repair, or of a dry run. `backup` names the copy of the database from before, and is null if nothing
 * was written. `remaining` is the damage that is left.
 *
 * @since 0.1.0
 * @category models
 */
export class RepairReport extends Schema.Class<RepairReport>("RepairReport")({
  filename: Schema.String,
  dryRun: Schema.Boolean,
  backup: Schema.NullOr(Schema.String),
  mended: Schema.Array(MendedLineage),
  remaining: Schema.Array(Finding)
}) {}

/**
 * Finds the damage of a Hermes database. Only reads: the bytes of the file do not change.
 *
 * @since 0.1.0
 * @category getters
 */
export const diagnose = (filename: string): Effect.Effect<Report, StoreError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const file = yield* openReadOnly(filename)
      const facts = yield* loadFacts(file)
      return new Report({
        filename,
        schemaVersion: file.shape.version,
        sessions: facts.sessions.length,
        messages: Array.from(facts.messages.values()).reduce((sum, rows) => sum + rows.length, 0),
        findings: [
          ...findDamage(facts, yield* readWorld).flatMap(([, found]) => found.map(toFinding)),
          ...(yield* findUnwritable(file))
        ]
      })
    })
  )

/**
 * Repairs what `diagnose` finds, after a backup, with one transaction for each lineage. Deletes no message. A second run
 * changes nothing. Fails with a `StoreError` of the reason `busy` while a running process holds a session of the database
 * or writes.
 *
 * @since 0.1.0
 * @category combinators
 */
export const repair = (
  filename: string,
  options?: { readonly dryRun?: boolean }
): Effect.Effect<RepairReport, StoreError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { dryRun = false } = yield* Effect.try({
        try: () => ({ ...options }),
        catch: (cause) => makeMisuse("repair", cause)
      })
      const { before, unwritable } = yield* Effect.scoped(
        Effect.flatMap(openReadOnly(filename), (file) =>
          Effect.all({ before: loadFacts(file), unwritable: findUnwritable(file) })
        )
      )
      const report = { filename, dryRun, unwritable }
      const dry = planRepairs(before, yield* readWorld)
      if (dryRun || dry.steps.length === 0) return yield* makeRepairReport(report, null, dry.steps, dry.after)
      const file = yield* openForWriting(filename)
      const checked = yield* loadCheckedFacts(file)
      const { steps } = planRepairs(checked.facts, yield* readWorld)
      const backup = yield* backUpFile(file)
      yield* Effect.forEach(steps, (step) => writeStep(file, checked.version, step), { discard: true })
      return yield* makeRepairReport(report, backup, steps, yield* loadFacts(file))
    })
  )

const makeRepairReport = (
  { dryRun, filename, unwritable }: RepairedFile,
  backup: string | null,
  steps: ReadonlyArray<RepairStep>,
  after: HermesFacts
): Effect.Effect<RepairReport> =>
  Effect.map(
    readWorld,
    (world) =>
      new RepairReport({
        filename,
        dryRun,
        backup,
        mended: steps.map(toMendedLineage),
        remaining: [...findDamage(after, world).flatMap(([, found]) => found.map(toFinding)), ...unwritable]
      })
  )

interface RepairedFile {
  readonly filename: string
  readonly dryRun: boolean
  readonly unwritable: ReadonlyArray<Finding>
}

/** Finds what also keeps a store from being opened. */
const findUnwritable = (file: HermesFile): Effect.Effect<ReadonlyArray<Finding>, StoreError> =>
  Effect.try({
    try: () => {
      const obstacle = findWriteObstacle(file.db)
      const problem = String(file.db.pragma("integrity_check(messages)", { simple: true }))
      return [
        ...(obstacle === undefined ? [] : [makeFileFinding("unwritable-messages", obstacle)]),
        ...(/\bindex\b/.test(problem) ? [makeFileFinding("damaged-index", problem)] : [])
      ]
    },
    catch: (cause) => toStoreError("read the database", cause)
  })

const makeFileFinding = (damage: "unwritable-messages" | "damaged-index", detail: string): Finding => {
  const [noticed, repair] =
    damage === "unwritable-messages"
      ? ["messages were not stored", "nothing: a person has to mend the trigger or the table"]
      : ["the agent did not see messages that are stored", "nothing: `REINDEX messages` in the sqlite3 shell mends it"]
  return new Finding({ damage, sessionIds: [], rows: [], detail, noticed, repair })
}

const toMendedLineage = ({ after, found, home, lineage }: RepairStep): MendedLineage => {
  const own = new Set(lineage.sessions.map(({ id }) => id))
  const others = after.sessions.filter(({ id, parent }) => id !== home && (own.has(id) || parent === home))
  return new MendedLineage({
    sessionId: home,
    merged: others.flatMap(({ endReason, id }) => (endReason === MERGED && own.has(id) ? [id] : [])),
    branches: others.flatMap(({ endReason, id, parent }) => (endReason !== MERGED && parent === home ? [id] : [])),
    findings: found.map(toFinding)
  })
}

const toFinding = (found: FoundDamage): Finding => {
  const { damage, rows, sessionIds } = found
  return new Finding({ damage, sessionIds, rows, ...describeDamage(found) })
}

const loadFacts = (file: HermesFile): Effect.Effect<HermesFacts, StoreError> =>
  Effect.try({ try: () => readFacts(file), catch: (cause) => toStoreError("read the database", cause) })

interface CheckedFacts {
  readonly facts: HermesFacts
  /** Changes when another process writes to the database. */
  readonly version: unknown
}

/** Reads the facts of a database that SQLite finds intact. */
const loadCheckedFacts = (file: HermesFile): Effect.Effect<CheckedFacts, StoreError> =>
  Effect.gen(function* () {
    const problem = file.db.pragma("quick_check(1)", { simple: true })
    if (problem !== "ok") return yield* refuseFile("corrupt", `${file.filename}: ${String(problem)}`)
    const version = readDataVersion(file)
    return { facts: yield* loadFacts(file), version }
  })

const readDataVersion = ({ db }: HermesFile): unknown => db.pragma("data_version", { simple: true })

/** Writes the repair of one lineage, all of it or nothing. */
const writeStep = (
  file: HermesFile,
  version: unknown,
  { after, before }: RepairStep
): Effect.Effect<void, StoreError> =>
  Effect.flatMap(
    Effect.try({
      try: () => {
        const write = file.db.transaction((): boolean => {
          if (readDataVersion(file) !== version) return false
          // After a clock was set back, a session can be written before its parent.
          file.db.pragma("defer_foreign_keys = ON")
          writeChanges(file, before, after)
          return true
        })
        return write.immediate()
      },
      catch: (cause) => toStoreError("repair the database", cause)
    }),
    (isWritten) =>
      isWritten
        ? Effect.void
        : refuseFile("busy", `${file.filename} was changed by another process; what was repaired before that is kept`)
  )
