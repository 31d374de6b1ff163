/**
 * Finds what earlier versions of Hermes broke in its database, and mends it where the user asks for it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { findDamage, DAMAGES, type Found } from "./doctor/damage.ts"
import { WORDS } from "./doctor/damageWords.ts"
import { type HermesFacts, readFacts } from "./doctor/facts.ts"
import { backUpFile, type HermesFile, openForWriting, openReadOnly, readWorld } from "./file.ts"
import { MERGED } from "./lineage.ts"
import { planRepairs, type Step } from "./doctor/repairPlan.ts"
import { writeChanges } from "./doctor/writeChanges.ts"
import { refuseFile, toStoreError } from "../sqlite/file.ts"
import type { StoreError } from "../session/SessionError.ts"

/**
 * One damage: the sessions it is about, the one to look at first before the others, and the ids of the rows of
 * `messages`, if it is about rows. `noticed` is what a user would have seen of it, `repair` what `repair` does.
 *
 * @since 0.1.0
 * @category models
 */
export class Finding extends Schema.Class<Finding>("Finding")({
  damage: Schema.Literal(...DAMAGES),
  sessionIds: Schema.Array(Schema.String),
  rows: Schema.Array(Schema.Int),
  detail: Schema.String,
  noticed: Schema.String,
  repair: Schema.String
}) {}

/**
 * What a database holds and what is wrong with it. `schemaVersion` is null where the database does not say.
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
 * What became of one lineage. `sessionId` is its stable id; `merged` are the sessions whose messages it took over,
 * `branches` those that go on beside it.
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
 * What a repair did, or would do if it is a dry run. `backup` is the file with the database as it was, null if nothing
 * was written. `remaining` is what is still wrong.
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
 * What is wrong with a Hermes database. Only reads: the file's bytes stay as they are.
 *
 * @since 0.1.0
 * @category getters
 */
export const diagnose = (filename: string): Effect.Effect<Report, StoreError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const file = yield* openReadOnly(filename)
      const facts = yield* factsOf(file)
      return new Report({
        filename,
        schemaVersion: file.shape.version,
        sessions: facts.sessions.length,
        messages: Array.from(facts.messages.values()).reduce((sum, rows) => sum + rows.length, 0),
        findings: findDamage(facts, yield* readWorld).flatMap(([, found]) => found.map(finding))
      })
    })
  )

/**
 * Mends what `diagnose` finds, after a backup, in one transaction per lineage. No message is deleted; run again it
 * changes nothing. Refused while a living process holds a session of the database or writes.
 *
 * @since 0.1.0
 * @category combinators
 */
export const repair = (
  filename: string,
  { dryRun = false }: { readonly dryRun?: boolean } = {}
): Effect.Effect<RepairReport, StoreError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const before = yield* Effect.scoped(Effect.flatMap(openReadOnly(filename), factsOf))
      const dry = planRepairs(before, yield* readWorld)
      if (dryRun || dry.steps.length === 0) return yield* reportOf(filename, dryRun, null, dry.steps, dry.after)
      const file = yield* openForWriting(filename)
      const read = yield* consistent(file)
      const { steps } = planRepairs(read.facts, yield* readWorld)
      const copy = yield* backUpFile(file)
      yield* Effect.forEach(steps, (step) => transaction(file, read.version, step), { discard: true })
      return yield* reportOf(filename, dryRun, copy, steps, yield* factsOf(file))
    })
  )

const reportOf = (
  filename: string,
  dryRun: boolean,
  backup: string | null,
  steps: ReadonlyArray<Step>,
  after: HermesFacts
): Effect.Effect<RepairReport> =>
  Effect.map(
    readWorld,
    (world) =>
      new RepairReport({
        filename,
        dryRun,
        backup,
        mended: steps.map(lineageOf),
        remaining: findDamage(after, world).flatMap(([, found]) => found.map(finding))
      })
  )

const lineageOf = ({ after, found, home, lineage }: Step): MendedLineage => {
  const own = new Set(lineage.sessions.map(({ id }) => id))
  const others = after.sessions.filter(({ id, parent }) => id !== home && (own.has(id) || parent === home))
  return new MendedLineage({
    sessionId: home,
    merged: others.flatMap(({ endReason, id }) => (endReason === MERGED && own.has(id) ? [id] : [])),
    branches: others.flatMap(({ endReason, id, parent }) => (endReason !== MERGED && parent === home ? [id] : [])),
    findings: found.map(finding)
  })
}

const finding = (found: Found): Finding => {
  const { damage, rows, sessionIds } = found
  const { detail, noticed, repair } = WORDS[damage]
  return new Finding({ damage, sessionIds, rows, detail: detail(found), noticed, repair })
}

const factsOf = (file: HermesFile): Effect.Effect<HermesFacts, StoreError> =>
  Effect.try({ try: () => readFacts(file), catch: (cause) => toStoreError("read the database", cause) })

interface Consistent {
  readonly facts: HermesFacts
  readonly version: unknown
}

/** The facts, and by which version of the database one can see later that nobody has written since. */
const consistent = (file: HermesFile): Effect.Effect<Consistent, StoreError, Scope.Scope> =>
  Effect.gen(function* () {
    const problem = file.db.pragma("quick_check(1)", { simple: true })
    if (problem !== "ok") return yield* refuseFile("corrupt", `${file.filename}: ${String(problem)}`)
    const version = versionOf(file)
    return { facts: yield* factsOf(file), version }
  })

const versionOf = ({ db }: HermesFile): unknown => db.pragma("data_version", { simple: true })

/** One lineage, all of it or nothing. */
const transaction = (file: HermesFile, version: unknown, { after, before }: Step): Effect.Effect<void, StoreError> =>
  Effect.flatMap(
    Effect.try({
      try: () => {
        const run = file.db.transaction(() => {
          if (versionOf(file) !== version) return "changed"
          // A session may come before the one it goes on with, by a clock that was set back.
          file.db.pragma("defer_foreign_keys = ON")
          writeChanges(file, before, after)
          return "written"
        })
        return run.immediate()
      },
      catch: (cause) => toStoreError("repair the database", cause)
    }),
    (outcome) =>
      outcome === "written"
        ? Effect.void
        : refuseFile("busy", `${file.filename} was changed by another process; what was repaired before that is kept`)
  )
