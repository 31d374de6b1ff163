/**
 * The settings of the command line: from a YAML or JSON file, or from the environment alone.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import { isSameRoute } from "../../model/Provider.ts"
import * as CompressionPolicy from "../../compression/CompressionPolicy.ts"
import type { ResolvedRoute as Route } from "../../model/Provider.ts"
import { type Finding, findProblems } from "./findings.ts"
import { type Config, ConfigError, isUnset, readConfig, type Task } from "./file.ts"

export { ConfigError } from "./file.ts"

/**
 * What the command line works with. `main` is the route of the conversation itself, the embedded one if nothing says
 * where its model is; `ignored` are the key paths of the file that mean nothing here; `offline` says that no route needs a network.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  readonly policy: CompressionPolicy.CompressionPolicy
  readonly enabled: boolean
  readonly main: Route
  /** The task's own route, then the main one, each place once; the embedded summarizer always answers and ends the list. */
  readonly routes: (task: string) => ReadonlyArray<Route>
  /** What a task may take over all its calls; null if the file does not say. */
  readonly totalTimeout: (task: string) => Duration.Duration | null
  /** The user's own guidance for every summary; null if there is none. */
  readonly instructions: string | null
  readonly ignored: ReadonlyArray<string>
  readonly offline: boolean
}

/**
 * The environment, of which `OPENAI_API_KEY`, `OPENAI_BASE_URL` and `THROUGHLINE_MODEL` are looked at.
 *
 * @since 0.1.0
 * @category models
 */
export type Environment = { readonly [name: string]: string | undefined }

/**
 * The settings of a file. What its `model` leaves out is taken from the environment.
 *
 * @since 0.1.0
 * @category constructors
 */
export const parseSettings = (text: string, file: string, env: Environment): Either.Either<Settings, ConfigError> =>
  Either.flatMap(readConfig(text, file), (config) => resolveSettings(config, env))

/**
 * What is to be mended in a file, which may be more than what keeps it from being used; `settings` is null where
 * something does.
 *
 * @since 0.1.0
 * @category models
 */
export interface CheckedConfig {
  readonly settings: Settings | null
  readonly findings: ReadonlyArray<Finding>
  readonly ignored: ReadonlyArray<string>
}

/**
 * Looks for thresholds that are out of order or useless, timeouts in which no model can answer, and auxiliary models
 * with a smaller window than the main one.
 *
 * @since 0.1.0
 * @category getters
 */
export const checkConfig = (text: string, file: string, env: Environment): CheckedConfig =>
  Either.match(readConfig(text, file), {
    onLeft: ({ issue, path }) => ({ settings: null, findings: [{ path, issue }], ignored: [] }),
    onRight: (config) => {
      const found = resolveSettings(config, env)
      return { settings: Either.getOrNull(found), findings: findProblems(config, found), ignored: config.ignored }
    }
  })

/**
 * The settings without a file: the OpenAI API if there is an `OPENAI_API_KEY`, another that speaks it if there is an
 * `OPENAI_BASE_URL` as well, else the embedded summarizer.
 *
 * @since 0.1.0
 * @category constructors
 */
export const settingsFromEnvironment = (env: Environment): Either.Either<Settings, ConfigError> =>
  resolveSettings({ file: "environment", model: null, compression: {}, auxiliary: new Map(), ignored: [] }, env)

/**
 * The window to assume if nobody says, in tokens: the smallest that current models have.
 *
 * @since 0.1.0
 * @category getters
 */
export const WINDOW = 128_000

const OPENAI = "https://api.openai.com/v1"

const resolveSettings = (config: Config, env: Environment): Either.Either<Settings, ConfigError> =>
  Either.gen(function* () {
    const { auxiliary, compression, file, ignored } = config
    const main = yield* resolveMainRoute(config, env)
    const own = new Map<string, Route>()
    for (const [name, task] of auxiliary) own.set(name, yield* resolveTaskRoute(name, task, main, file, env))
    const policy = yield* Either.mapLeft(
      CompressionPolicy.make({
        contextLength: main.contextLength,
        threshold: compression.threshold ?? undefined,
        hardThreshold: compression.hard_threshold ?? undefined,
        targetRatio: compression.target_ratio ?? undefined,
        protectFirstN: compression.protect_first_n ?? undefined,
        protectLastN: compression.protect_last_n ?? undefined
      }),
      ({ field, issue }) => new ConfigError({ file, path: policyPath(field), issue })
    )
    return {
      policy,
      enabled: compression.enabled ?? true,
      main,
      routes: (task) => {
        const last = { ...main, ...resolveTimeouts(task, auxiliary.get(task)) }
        const first = own.get(task) ?? last
        return first.provider === "embedded" || isSameRoute(first, last) ? [first] : [first, last]
      },
      totalTimeout: (task) => {
        const limit = auxiliary.get(task)?.total_timeout ?? null
        return limit === null ? null : Duration.seconds(limit)
      },
      instructions: isUnset(compression.instructions) ? null : compression.instructions,
      ignored,
      offline: [main, ...own.values()].every(({ provider }) => provider === "embedded")
    }
  })

const policyPath = (field: string): string =>
  field === "contextLength"
    ? "model.context_length"
    : `compression.${field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`

/** Where a model is, as far as somebody has said it. */
interface Address {
  readonly model?: string | null | undefined
  readonly base_url?: string | null | undefined
  readonly api_key?: string | null | undefined
  readonly api?: Route["api"] | null | undefined
}

const addressFromEnvironment = (env: Environment): Address => ({
  model: env.THROUGHLINE_MODEL,
  base_url: env.OPENAI_BASE_URL,
  api_key: env.OPENAI_API_KEY
})

const resolveMainRoute = ({ file, model }: Config, env: Environment): Either.Either<Route, ConfigError> => {
  const limits = { contextLength: model?.context_length ?? WINDOW, ...resolveTimeouts("", undefined) }
  const isSilent = isUnset(env.OPENAI_API_KEY) && isUnset(env.OPENAI_BASE_URL)
  const isOffline = model === null ? isSilent : model.provider === "embedded"
  if (isOffline) return Either.right({ ...EMBEDDED, ...limits })
  const provider = model?.provider === "openai-codex" ? model.provider : "openai"
  // A key alone means OpenAI, as everywhere; a file that names a model must also say where the key may be sent.
  const address =
    model === null
      ? { ...addressFromEnvironment(env), base_url: firstSet(env.OPENAI_BASE_URL, OPENAI) }
      : overlayAddress({ ...model, model: model.default }, addressFromEnvironment(env))
  return Either.mapLeft(makeNetworkRoute(provider, address, limits), ({ issue, key }) => {
    const variable = VARIABLES[key]
    if (model === null) return new ConfigError({ file, path: variable, issue })
    const hint = variable === null ? "" : `, here or as ${variable}`
    return new ConfigError({ file, path: `model.${key === "model" ? "default" : key}`, issue: issue + hint })
  })
}

const resolveTaskRoute = (
  name: string,
  task: Task,
  main: Route,
  file: string,
  env: Environment
): Either.Either<Route, ConfigError> => {
  const inherits = isUnset(task.provider) || task.provider === "main"
  const provider = isUnset(task.provider) || task.provider === "main" ? main.provider : task.provider
  const contextLength = task.context_length ?? (inherits ? main.contextLength : WINDOW)
  const limits = { contextLength, ...resolveTimeouts(name, task) }
  if (provider === "embedded") return Either.right({ ...EMBEDDED, ...limits })
  // The environment's key belongs to the environment's URL and is sent nowhere else.
  const rest = inherits
    ? addressOf(main)
    : isUnset(task.base_url)
      ? { ...addressFromEnvironment(env), model: null }
      : {}
  return Either.mapLeft(
    makeNetworkRoute(provider, overlayAddress(task, rest), limits),
    ({ issue, key }) => new ConfigError({ file, path: `auxiliary.${name}.${key}`, issue })
  )
}

const addressOf = (route: Route): Address => ({
  model: route.model,
  base_url: route.baseUrl,
  api_key: Redacted.value(route.apiKey),
  api: route.api
})

const firstSet = <A>(first: A | null | undefined, second: A | null | undefined) => (isUnset(first) ? second : first)

const overlayAddress = (own: Address, rest: Address): Address => ({
  model: firstSet(own.model, rest.model),
  base_url: firstSet(own.base_url, rest.base_url),
  api_key: firstSet(own.api_key, rest.api_key),
  api: firstSet(own.api, rest.api)
})

type Limits = Pick<Route, "contextLength" | "timeout" | "idleTimeout">

const EMBEDDED = {
  provider: "embedded",
  model: "extractive",
  baseUrl: "",
  apiKey: Redacted.make(""),
  api: "chat"
} satisfies Omit<Route, keyof Limits>

interface Fault {
  readonly key: "model" | "base_url" | "api_key" | "api"
  readonly issue: string
}

const VARIABLES: { readonly [K in Fault["key"]]: string | null } = {
  model: "THROUGHLINE_MODEL",
  base_url: "OPENAI_BASE_URL",
  api_key: "OPENAI_API_KEY",
  api: null
}

const makeNetworkRoute = (
  provider: "openai" | "openai-codex",
  address: Address,
  limits: Limits
): Either.Either<Route, Fault> => {
  const fault = (key: Fault["key"], issue: string) => Either.left({ key, issue })
  const { api, api_key, base_url, model } = address
  if (isUnset(model)) return fault("model", "expected the name of a model")
  if (isUnset(base_url)) return fault("base_url", `expected a URL such as ${OPENAI}`)
  if (!isHttpUrl(base_url)) return fault("base_url", "expected an http or https URL")
  if (isUnset(api_key)) return fault("api_key", "expected a key (any text for a server that asks for none)")
  if (!isHeaderText(api_key.trim())) return fault("api_key", "expected a key of plain ASCII letters, digits and signs")
  if (provider === "openai-codex" && api === "chat") return fault("api", "expected responses, as openai-codex means it")
  return Either.right({
    provider,
    model,
    baseUrl: base_url.replace(/\/+$/, ""),
    apiKey: Redacted.make(api_key.trim()),
    api: provider === "openai-codex" ? "responses" : (api ?? "chat"),
    ...limits
  })
}

const isHttpUrl = (url: string): boolean => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)

const isHeaderText = (text: string): boolean => /^[\x20-\x7E]+$/.test(text)

/** A summary takes longer than a glance at an image. */
const resolveTimeouts = (
  task: string,
  { timeout }: Pick<Task, "timeout"> = {}
): Pick<Limits, "timeout" | "idleTimeout"> => {
  const seconds = timeout ?? (task === "compression" ? 300 : 120)
  return { timeout: Duration.seconds(seconds), idleTimeout: Duration.seconds(Math.min(60, seconds)) }
}
