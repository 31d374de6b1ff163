/** Reads a config file: its shape, the errors of a file of another shape, and the words of a Hermes Agent's file. */
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { type Document, isScalar, LineCounter, parseDocument, visit } from "yaml"

/**
 * The settings cannot be used as they are. `path` is the key at fault (`auxiliary.compression.timeout`) or the name of
 * an environment variable.
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

/** A key that may be absent or empty. The issue says what was expected, never the value, which may be a secret. */
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
  threshold: optionalSetting(
    Schema.Union(Schema.Number, Schema.Literal("cost"), Schema.Struct({ tokens: Schema.Int })),
    "cost, a ratio, or tokens as { tokens: 64000 }"
  ),
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

/** The settings of one auxiliary task. */
export type TaskConfig = typeof Task.Type

/** A config file as read: values have the right type, defaults are not filled in. `ignored` are unknown key paths. */
export interface Config {
  readonly file: string
  readonly model: typeof Model.Type | null
  readonly compression: typeof Compression.Type
  readonly auxiliary: ReadonlyMap<string, TaskConfig>
  readonly ignored: ReadonlyArray<string>
}

/** Reads YAML or JSON, of throughline or of a Hermes Agent. An empty file is a config without settings. */
export const readConfig = (text: string, file: string): Either.Either<Config, ConfigError> =>
  Either.gen(function* () {
    const top = yield* expectMapping(yield* parseYaml(text, file), file, null)
    const model = isUnset(top.model) ? null : yield* decodeSection(Model, translateModel(top.model), file, "model")
    const compression = yield* decodeSection(Compression, top.compression, file, "compression")
    const tasks = yield* expectMapping(top.auxiliary, file, "auxiliary")
    const auxiliary = new Map<string, TaskConfig>()
    const ignored = [
      ...listUnknownKeys(top, { model, compression, auxiliary }, null),
      ...listUnknownKeys(model, Model.fields, "model"),
      ...listUnknownKeys(compression, Compression.fields, "compression")
    ]
    for (const [name, value] of Object.entries(tasks)) {
      const path = `auxiliary.${name}`
      const translated = translateTask(yield* expectMapping(value, file, path), path)
      const task = yield* decodeSection(Task, translated.fields, file, path)
      auxiliary.set(name, task)
      ignored.push(...translated.ignored, ...listUnknownKeys(task, Task.fields, path))
    }
    return { file, model, compression, auxiliary, ignored }
  })

/** Also parses JSON, a subset of YAML. `prettyErrors` would quote the faulty line, and with it perhaps a key. */
const parseYaml = (text: string, file: string): Either.Either<unknown, ConfigError> => {
  const makeError = (issue: string) => new ConfigError({ file, path: null, issue })
  if (text.length > LONGEST_FILE) return Either.left(makeError(`expected a config, got ${text.length} characters`))
  const lineCounter = new LineCounter()
  // The parser would compare each key of a mapping with all before it.
  const document = parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false })
  const refuse = (code: string, at: number) =>
    Either.left(makeError(`line ${lineCounter.linePos(at).line}: expected YAML or JSON: ${code}`))
  const [error] = document.errors
  if (error !== undefined) return refuse(error.code, error.pos[0])
  return Either.flatMap(
    Either.try({
      try: (): Either.Either<unknown, ConfigError> => {
        const duplicate = findDuplicateKey(document)
        return duplicate === undefined ? Either.right(document.toJS()) : refuse("DUPLICATE_KEY", duplicate)
      },
      catch: () => makeError("expected YAML whose aliases resolve")
    }),
    (read) => read
  )
}

/** In characters. */
const LONGEST_FILE = 1_000_000

const findDuplicateKey = (document: Document): number | undefined => {
  let at: number | undefined
  visit(document, {
    Map: (_, { items }) => {
      const known = new Set<unknown>()
      for (const { key } of items) {
        if (!isScalar(key)) continue
        if (known.has(key.value)) at ??= key.range?.[0] ?? 0
        known.add(key.value)
      }
      return at === undefined ? undefined : visit.BREAK
    }
  })
  return at
}

/** True for a setting that is absent or left empty. */
export const isUnset = (value: unknown): value is null | undefined | "" =>
  value === undefined || value === null || value === ""

type Mapping = { readonly [key: string]: unknown }

const isMapping = Schema.is(Schema.Record({ key: Schema.String, value: Schema.Unknown }))

const expectMapping = (value: unknown, file: string, path: string | null): Either.Either<Mapping, ConfigError> => {
  if (isUnset(value)) return Either.right({})
  return isMapping(value)
    ? Either.right(value)
    : Either.left(new ConfigError({ file, path, issue: "expected a mapping" }))
}

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

const listUnknownKeys = (value: object | null, known: object, path: string | null): ReadonlyArray<string> =>
  Object.keys(value ?? {}).flatMap((key) => (key in known ? [] : [path === null ? key : `${path}.${key}`]))

const PROVIDERS: ReadonlyArray<unknown> = ["main", "openai", "openai-codex", "embedded"]

/**
 * Translates Hermes' section `model`, which may be the model's name alone or have the name as `model`. Any provider with
 * a URL is called through the OpenAI API.
 */
const translateModel = (section: unknown): unknown => {
  if (typeof section === "string") return { default: section }
  if (!isMapping(section)) return section
  const { model, ...rest } = section
  const named = !isUnset(section.default) || isUnset(model) ? rest : { ...rest, default: model }
  const isForeign = !isUnset(section.provider) && !PROVIDERS.includes(section.provider)
  const isOpenAi = isForeign && (section.provider === "auto" || !isUnset(section.base_url))
  return isOpenAi ? { ...named, provider: "openai" } : named
}

/**
 * Translates a section of Hermes' `auxiliary`. Hermes' search for a provider (`auto`) ends at the main model, so `auto`
 * means `main`. A provider known by its name alone cannot be called: the main model takes its place, and the name of its
 * model is ignored.
 */
const translateTask = (
  section: Mapping,
  path: string
): { readonly fields: Mapping; readonly ignored: ReadonlyArray<string> } => {
  const { model, provider, ...rest } = section
  if (isUnset(provider) || PROVIDERS.includes(provider)) return { fields: section, ignored: [] }
  if (!isUnset(section.base_url)) return { fields: { ...section, provider: "openai" }, ignored: [] }
  if (provider === "auto") return { fields: { ...section, provider: "main" }, ignored: [] }
  const ignored = ["provider", ...(isUnset(model) ? [] : ["model"])].map((key) => `${path}.${key}`)
  return { fields: { ...rest, provider: "main" }, ignored }
}
