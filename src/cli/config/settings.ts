/** The settings of the command line, from a config file or from the environment alone. */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import * as CompressionPolicy from "../../compression/CompressionPolicy.ts"
import { hasUser, isSameRoute, NO_USER, type ResolvedRoute as Route } from "../../model/Provider.ts"
import { type Config, ConfigError, isUnset, readConfig, type TaskConfig } from "./file.ts"

/** The settings that commands work with. */
export interface Settings {
  readonly policy: CompressionPolicy.CompressionPolicy
  readonly enabled: boolean
  /** The route of the conversation itself; the embedded summarizer's if no model is configured. */
  readonly main: Route
  /** The task's own route, then the main one unless they are the same. The embedded summarizer has none behind it. */
  readonly routes: (task: string) => ReadonlyArray<Route>
  /** The time limit for all calls of a task together; null if the file sets none. */
  readonly totalTimeout: (task: string) => Duration.Duration | null
  /** The user's guidance for every summary, or null. */
  readonly instructions: string | null
  /** Key paths of the file that are no settings. */
  readonly ignored: ReadonlyArray<string>
  /** True if the environment has an API key but names no model, so that the key is not used. */
  readonly lacksModelName: boolean
}

/** Environment variables. Read are `OPENAI_API_KEY`, `OPENAI_BASE_URL` and `THROUGHLINE_MODEL`. */
export type Environment = { readonly [name: string]: string | undefined }

/** Parses the settings of a file. The environment supplies what the section `model` leaves out. */
export const parseSettings = (text: string, file: string, env: Environment): Either.Either<Settings, ConfigError> =>
  Either.flatMap(readConfig(text, file), (config) => resolveSettings(config, env))

/**
 * The settings without a file: the OpenAI API if there are an `OPENAI_API_KEY` and a `THROUGHLINE_MODEL`, another server
 * that speaks it if there is an `OPENAI_BASE_URL`, else the embedded summarizer.
 */
export const settingsFromEnvironment = (env: Environment): Either.Either<Settings, ConfigError> =>
  resolveSettings({ file: "environment", model: null, compression: {}, auxiliary: new Map(), ignored: [] }, env)

/** The window to assume where none is configured, in tokens: the smallest of current models. */
export const WINDOW = 128_000

const OPENAI = "https://api.openai.com/v1"

/** Fills in what a file leaves out. */
export const resolveSettings = (config: Config, env: Environment): Either.Either<Settings, ConfigError> =>
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
      ({ field, issue }) => new ConfigError({ file, path: keyOfPolicyField(field), issue })
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
      lacksModelName: config.model === null && main.provider === "embedded" && !isUnset(env.OPENAI_API_KEY)
    }
  })

const keyOfPolicyField = (field: string): string =>
  field === "contextLength"
    ? "model.context_length"
    : `compression.${field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`

/** The address of a model as far as a file or the environment gives it. */
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
  // Many shells have an OPENAI_API_KEY for other programs: a key without the name of a model asks for nothing.
  const isEnvironmentSilent =
    isUnset(env.OPENAI_BASE_URL) && (isUnset(env.OPENAI_API_KEY) || isUnset(env.THROUGHLINE_MODEL))
  const isOffline = model === null ? isEnvironmentSilent : model.provider === "embedded"
  if (isOffline) return Either.right({ ...EMBEDDED, ...limits })
  const provider = model?.provider === "openai-codex" ? model.provider : "openai"
  // A key of the environment means OpenAI's own API. A file with a model must also say where to send the key.
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
  task: TaskConfig,
  main: Route,
  file: string,
  env: Environment
): Either.Either<Route, ConfigError> => {
  const inherits = isUnset(task.provider) || task.provider === "main"
  const provider = isUnset(task.provider) || task.provider === "main" ? main.provider : task.provider
  const contextLength = task.context_length ?? (inherits ? main.contextLength : WINDOW)
  const limits = { contextLength, ...resolveTimeouts(name, task) }
  if (provider === "embedded") return Either.right({ ...EMBEDDED, ...limits })
  // The key of the environment is sent to the URL of the environment only.
  const rest = inherits
    ? addressOfRoute(main)
    : isUnset(task.base_url)
      ? { ...addressFromEnvironment(env), model: null }
      : {}
  return Either.mapLeft(
    makeNetworkRoute(provider, overlayAddress(task, rest), limits),
    ({ issue, key }) => new ConfigError({ file, path: `auxiliary.${name}.${key}`, issue })
  )
}

const addressOfRoute = (route: Route): Address => ({
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

interface AddressFault {
  readonly key: keyof Address
  readonly issue: string
}

const VARIABLES: { readonly [K in keyof Address]-?: string | null } = {
  model: "THROUGHLINE_MODEL",
  base_url: "OPENAI_BASE_URL",
  api_key: "OPENAI_API_KEY",
  api: null
}

const makeNetworkRoute = (
  provider: Exclude<Route["provider"], "embedded">,
  address: Address,
  limits: Limits
): Either.Either<Route, AddressFault> => {
  const failAt = (key: keyof Address, issue: string) => Either.left({ key, issue })
  const { api, api_key, base_url, model } = address
  if (isUnset(model)) return failAt("model", "expected the name of a model")
  if (isUnset(base_url)) return failAt("base_url", `expected a URL such as ${OPENAI}`)
  if (!isHttpUrl(base_url)) return failAt("base_url", "expected an http or https URL")
  if (hasUser(base_url)) return failAt("base_url", NO_USER)
  if (isUnset(api_key)) return failAt("api_key", "expected a key (any text for a server that asks for none)")
  if (!isHeaderText(api_key.trim())) return failAt("api_key", "expected a key of plain ASCII letters, digits and signs")
  if (provider === "openai-codex" && api === "chat") {
    return failAt("api", "expected responses, as openai-codex means it")
  }
  return Either.right({
    provider,
    model,
    baseUrl: base_url.replace(/(?<!\/)\/+$/, ""),
    apiKey: Redacted.make(api_key.trim()),
    api: provider === "openai-codex" ? "responses" : (api ?? "chat"),
    ...limits
  })
}

const isHttpUrl = (url: string): boolean => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)

const isHeaderText = (text: string): boolean => /^[\x20-\x7E]+$/.test(text)

/** A summary takes longer than other tasks. */
const resolveTimeouts = (
  task: string,
  { timeout }: Pick<TaskConfig, "timeout"> = {}
): Pick<Limits, "timeout" | "idleTimeout"> => {
  const seconds = timeout ?? (task === "compression" ? 300 : 120)
  return { timeout: Duration.seconds(seconds), idleTimeout: Duration.seconds(Math.min(60, seconds)) }
}
