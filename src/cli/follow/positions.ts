/**
 * Remembers how far each session file was read, in a folder beside the database. Nothing depends on it but time: what is read
 * again is known to the store by its keys.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { LinesRead, nothingRead } from "../../transcripts/followLine.ts"

/**
 * How far a file was read: `offset` is the place behind the last line, `digest` that of what stands before it, `database` the
 * one that has the messages.
 */
const Position = Schema.Struct({
  file: Schema.String,
  database: Schema.String,
  offset: Schema.NonNegativeInt,
  digest: Schema.String,
  isWithinLine: Schema.Boolean,
  read: LinesRead
})
export type Position = Pick<typeof Position.Type, "offset" | "digest" | "isWithinLine" | "read">

export const beginning: Position = { offset: 0, digest: "", isWithinLine: false, read: nothingRead }

export interface Positions {
  readonly load: (file: string) => Effect.Effect<Position>
  readonly save: (file: string, position: Position) => Effect.Effect<void>
}

const decode = Schema.decodeUnknownOption(Schema.parseJson(Position))

/** The positions of the files that a database follows. A database that was made anew knows of none. */
export const make = (db: string): Positions => {
  const folder = `${db}.follow`
  const placeOf = (file: string) => join(folder, `${createHash("sha256").update(file).digest("hex").slice(0, 32)}.json`)
  return {
    load: (file) =>
      Effect.sync(() => {
        const position = Option.flatMap(Option.liftThrowable(() => readFileSync(placeOf(file), "utf8"))(), decode)
        return Option.getOrElse(
          Option.filter(position, (known) => known.file === file && known.database === identify(db)),
          () => beginning
        )
      }),
    save: (file, { digest, isWithinLine, offset, read }) =>
      Effect.ignoreLogged(
        Effect.try(() => {
          mkdirSync(folder, { recursive: true })
          const draft = `${placeOf(file)}.${process.pid}`
          const position = { file, database: identify(db), offset, digest, isWithinLine, read }
          writeFileSync(draft, JSON.stringify(position))
          renameSync(draft, placeOf(file))
        })
      )
  }
}

/** Tells a file from another one of the same name. */
const identify = (file: string): string => {
  const { birthtimeMs, ino } = statSync(file)
  return `${ino}@${birthtimeMs}`
}
