/**
 * The config file: its shape, and what is wrong with one that has another.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { LineCounter, parseDocument } from "yaml"
import * as Hermes from "./hermes.ts"

/**
 * The settings cannot be used as they are. `path` is the key at fault (`auxiliary.compression.timeout`) or the name of
 * an environment variable.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConfigError extends Schema.TaggedError<ConfigError>()("ConfigError", {
  file: Schema.String,
  path: Schema.NullOr(Schema.String),
  issue: Schema.String
}) {
  override get message() {
    return [this.file, ...(this.path === null ? [] : [this.path]), this.issue].join(": ")
  }
}

/** A key may be left out, or left empty. The issue says what was expected and never shows the value: it may be a key. */
const optionalSetting = <A, I>(schema: Schema.Schema<A, I>, expected: string) =>
  Schema.optionalWith(
    Schema.NullOr(schema).annotations({ message: () => ({ message: `expected ${expected}`, override: true }) }),
    { exact: true }
  )

const text = optionalSetting(Schema.String, "text")
const ratio = optionalSetting(Schema.Number, "a ratio")
const wholeNumber = optionalSetting(Schema.Int, "a whole number")
const seconds = optionalSetting(Schema.Number.pipe(Schema.finite(), Schema.positive()), "seconds, more than 0")
const tokens = optionalSetting(Schema.Int.pipe(Schema.positive()), "a whole number of tokens, more than 0")

const addressFields = {
  base_url: text,
  api_key: text,
  context_length: tokens,
  api: optionalSetting(Schema.Literal("responses", "chat"), "responses or chat")
}
const Model = Schema.Struct({
  ...addressFields,
  default: text,
  provider: optionalSetting(
    Schema.Literal("openai", "openai-codex", "embedded"),
    "openai, openai-codex or embedded, or another with its base_url"
  )
})
const Compression = Schema.Struct({
  enabled: optionalSetting(Schema.Boolean, "true or false"),
  threshold: ratio,
  hard_threshold: ratio,
  target_ratio: ratio,
  protect_first_n: wholeNumber,
  protect_last_n: wholeNumber,
  instructions: text
})
const Task = Schema.Struct({
  ...addressFields,
  model: text,
  provider: optionalSetting(
    Schema.Literal("main", "openai", "openai-codex", "embedded"),
    "main, openai, openai-codex or embedded"
  ),
  timeout: seconds,
  total_timeout: seconds
})
/**
 * The settings of one auxiliary task.
 *
 * @since 0.1.0
 * @category models
 */
export type Task = typeof Task.Type

/**
 * A config file as it was read: each value of the right type, nothing filled in. `model` is null if the file has none;
 * `ignored` are the key paths nobody looks at.
 *
 * @since 0.1.0
 * @category models
 */
export interface Config {
  readonly file: string
  readonly model: typeof Model.Type | null
  readonly compression: typeof Compression.Type
  readonly auxiliary: ReadonlyMap<string, Task>
  readonly ignored: ReadonlyArray<string>
}

/**
 * Reads YAML or JSON, ours or a Hermes Agent's `config.yaml`; an empty file is a config without settings.
 *
 * @since 0.1.0
 * @category constructors
 */
export const readConfig = (text: string, file: string): Either.Either<Config, ConfigError> =>
  Either.gen(function* () {
    const top = yield* expectMapping(yield* parseYaml(text, file), file, null)
    const model = isUnset(top.model)
      ? null
      : yield* decodeSection(Model, Hermes.translateModel(top.model), file, "model")
    const compression = yield* decodeSection(Compression, top.compression, file, "compression")
    const tasks = yield* expectMapping(top.auxiliary, file, "auxiliary")
    const auxiliary = new Map<string, Task>()
    const ignored = [
      ...unknownKeys(top, { model, compression, auxiliary }, null),
      ...unknownKeys(model, Model.fields, "model"),
      ...unknownKeys(compression, Compression.fields, "compression")
    ]
    for (const [name, value] of Object.entries(tasks)) {
      const path = `auxiliary.${name}`
      const translated = Hermes.translateTask(yield* expectMapping(value, file, path), path)
      const task = yield* decodeSection(Task, translated.fields, file, path)
      auxiliary.set(name, task)
      ignored.push(...translated.ignored, ...unknownKeys(task, Task.fields, path))
    }
    return { file, model, compression, auxiliary, ignored }
  })

/** JSON is YAML. Without `prettyErrors`, which would quote the line at fault and a key with it. */
const parseYaml = (text: string, file: string): Either.Either<unknown, ConfigError> => {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter, prettyErrors: false })
  const [error] = document.errors
  const fail = (issue: string) => new ConfigError({ file, path: null, issue })
  if (error !== undefined) {
    return Either.left(fail(`line ${lineCounter.linePos(error.pos[0]).line}: expected YAML or JSON: ${error.code}`))
  }
  return Either.try({ try: (): unknown => document.toJS(), catch: () => fail("expected YAML whose aliases resolve") })
}

/**
 * Whether a setting was left out or left empty.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isUnset = (value: unknown): value is null | undefined | "" =>
  value === undefined || value === null || value === ""

const expectMapping = (value: unknown, file: string, path: string | null): Either.Either<Mapping, ConfigError> => {
  if (isUnset(value)) return Either.right({})
  return Either.mapLeft(asMapping(value), () => new ConfigError({ file, path, issue: "expected a mapping" }))
}
type Mapping = { readonly [key: string]: unknown }

const asMapping = Schema.decodeUnknownEither(Schema.Record({ key: Schema.String, value: Schema.Unknown }))

const decodeSection = <A, I>(schema: Schema.Schema<A, I>, value: unknown, file: string, path: string) =>
  Either.flatMap(expectMapping(value, file, path), (fields) =>
    Either.mapLeft(Schema.decodeUnknownEither(schema, { onExcessProperty: "preserve" })(fields), (error) => {
      const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
      return new ConfigError({
        file,
        path: [path, ...(issue?.path ?? [])].map(String).join("."),
        issue: issue?.message ?? error.message
      })
    })
  )

const unknownKeys = (value: object | null, known: object, path: string | null): ReadonlyArray<string> =>
  Object.keys(value ?? {}).flatMap((key) => (key in known ? [] : [path === null ? key : `${path}.${key}`]))
