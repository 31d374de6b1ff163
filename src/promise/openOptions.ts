/** What `open` takes, and the layer that is made of it. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import process from "node:process"
import * as Audit from "../audit/Audit.ts"
import type { PolicyOptions } from "../compression/CompressionPolicy.ts"
import * as Gateway from "../gateway/Gateway.ts"
import { InvalidPolicy } from "../model/InvalidSetting.ts"
import * as Provider from "../model/Provider.ts"
import * as OpenAi from "../openai/OpenAi.ts"
import * as Sqlite from "../sqlite/Sqlite.ts"
import { layerMemory } from "../store/SessionStore.ts"

/**
 * A model that writes summaries. `baseUrl` leads to another server than OpenAI's, `api` says what it speaks (default: OpenAI
 * itself `responses`, others `chat`). Without both, they are those of
 * `OPENAI_BASE_URL` and `OPENAI_API_KEY`, as in the `openai` package. `contextLength` is this
 * model's window in tokens (default 128,000), `timeout` the milliseconds that one call may take (default 300,000).
 *
 * @since 0.1.0
 * @category models
 */
export interface SummaryModel {
  readonly model: string
  readonly apiKey?: string | undefined
  readonly baseUrl?: string | undefined
  readonly api?: "responses" | "chat" | undefined
  readonly contextLength?: number | undefined
  readonly timeout?: number | undefined
}

/**
 * `contextLength` is the window of the agent's model, in tokens; all settings of a `CompressionPolicy` stand beside it.
 *
 * @since 0.1.0
 * @category models
 */
export type OpenOptions = PolicyOptions & {
  /** The SQLite file, made if there is none. Without it, sessions live in memory and end with `close`. */
  readonly filename?: string | undefined
  /** The model that writes summaries. Without it plain code extracts them, and nothing leaves the machine. */
  readonly model?: string | undefined
  /** The key for `model`; default: `OPENAI_API_KEY`, unless there is a `baseUrl`. */
  readonly apiKey?: string | undefined
  /** The server of `model`, e.g. `http://localhost:11434/v1`; default: `OPENAI_BASE_URL`, or OpenAI. */
  readonly baseUrl?: string | undefined
  /** Models that are asked in this order if `model` fails. */
  readonly fallbacks?: ReadonlyArray<SummaryModel> | undefined
  /** Gets each log line, as `throughline audit` reads it. Default: no logs. */
  readonly log?: ((line: string) => void) | undefined
}

/** Makes the gateway of one file, or of memory, which logs nothing but to `log`. */
export const makeLayer = (options: OpenOptions) => {
  const { filename, log, ...policy } = options
  const store = filename === undefined ? layerMemory : Sqlite.layer({ filename })
  return Layer.unwrapEffect(Effect.map(readRoutes(options), (routes) => Gateway.layer({ policy, routes }))).pipe(
    Layer.provideMerge(store),
    Layer.provide(OpenAi.layer),
    Layer.provideMerge(layerLog(log))
  )
}

/** A `log` that throws loses its line. */
const layerLog = (log: OpenOptions["log"]) =>
  log === undefined
    ? Logger.remove(Logger.defaultLogger)
    : Layer.merge(
        Logger.replace(
          Logger.defaultLogger,
          Logger.map(Logger.logfmtLogger, (line) => void Either.try(() => log(line)))
        ),
        Audit.messageLevel(LogLevel.Info)
      )

const readRoutes = ({ apiKey, baseUrl, fallbacks = [], model }: OpenOptions) =>
  Effect.forEach([...(model === undefined ? [] : [{ apiKey, baseUrl, model }]), ...fallbacks], readRoute)

/** The key of the environment belongs to the server of the environment, and no other gets it. */
const readRoute = (summaryModel: SummaryModel): Effect.Effect<Provider.Route, InvalidPolicy> => {
  const { OPENAI_API_KEY, OPENAI_BASE_URL } = process.env
  const baseUrl = summaryModel.baseUrl ?? OPENAI_BASE_URL
  const apiKey = summaryModel.apiKey ?? (summaryModel.baseUrl === undefined ? OPENAI_API_KEY : "none")
  return apiKey === undefined
    ? Effect.fail(new InvalidPolicy({ field: "apiKey", issue: "expected a key, here or in OPENAI_API_KEY" }))
    : Effect.succeed(Provider.route({ ...summaryModel, apiKey, baseUrl }))
}
