/** Checks a config file: errors, and settings that do less than they say, each with what to do about it. */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as CompressionPolicy from "../../compression/CompressionPolicy.ts"
import { formatCount } from "../terminal/terminal.ts"
import { type Config, readConfig } from "./file.ts"
import { type Environment, resolveSettings, type Settings } from "./settings.ts"

/** A problem: the key at fault, and a sentence that says what to do. */
export interface ConfigFinding {
  readonly path: string | null
  readonly issue: string
}

/** `settings` is null if an error keeps the file from being used. `ignored` are key paths that are no settings. */
export interface CheckedConfig {
  readonly settings: Settings | null
  readonly findings: ReadonlyArray<ConfigFinding>
  readonly ignored: ReadonlyArray<string>
}

/**
 * Finds errors, thresholds that are out of order or without effect, timeouts too short for any model, and auxiliary
 * models with a smaller window than the main model.
 */
export const checkConfig = (text: string, file: string, env: Environment): CheckedConfig =>
  Either.match(readConfig(text, file), {
    onLeft: ({ issue, path }) => ({ settings: null, findings: [{ path, issue }], ignored: [] }),
    onRight: (config) =>
      Either.match(resolveSettings(config, env), {
        onLeft: ({ issue, path }) => ({
          settings: null,
          findings: [{ path, issue }, ...checkTimeouts(config, null)],
          ignored: config.ignored
        }),
        onRight: (settings) => ({
          settings,
          findings: [
            ...checkThresholds(settings.policy),
            ...checkWindows(config, settings),
            ...checkTimeouts(config, settings)
          ],
          ignored: config.ignored
        })
      })
  })

/** Tasks that send the whole conversation to the model. */
const WHOLE_CONVERSATION: ReadonlyArray<string> = ["compression", "flush_memories"]

/**
 * The shortest useful timeout in seconds. A model takes 30 to 55 s to summarize 145,000 tokens. A short answer takes a
 * few seconds, on a slow day ten times as many.
 */
const shortestTimeout = (task: string) => (WHOLE_CONVERSATION.includes(task) ? 60 : 30)

/** A threshold above 90 % of the next one has no effect. */
const AT_MOST = 0.9

const checkThresholds = (policy: CompressionPolicy.CompressionPolicy): ReadonlyArray<ConfigFinding> => {
  const { contextLength, hardThreshold, reservedOutput, targetRatio, threshold } = policy
  if (threshold === "cost") return []
  if (typeof threshold !== "number") return checkTokens(threshold.tokens, policy)
  const usable = CompressionPolicy.usableWindow(policy) / contextLength
  const ceiling = Math.min(hardThreshold, usable)
  const findings: Array<ConfigFinding> = []
  if (threshold >= usable) {
    const needed = `the answer needs ${formatCount(reservedOutput)} of the window's ${formatCount(contextLength)} tokens`
    findings.push({
      path: "compression.threshold",
      issue: `${threshold} is never reached, as ${needed}; set it to ${adviseRatio(ceiling)} or less`
    })
  } else if (threshold > AT_MOST * ceiling) {
    const late = `a compression that begins at ${threshold} has no time before turns wait for it`
    findings.push({ path: "compression.threshold", issue: `${late}; set it to ${adviseRatio(ceiling)} or less` })
  }
  if (targetRatio > AT_MOST * threshold) {
    const soon = `a session that is brought to ${targetRatio} is at the threshold ${threshold} again at once`
    findings.push({ path: "compression.target_ratio", issue: `${soon}; set it to ${adviseRatio(threshold)} or less` })
  }
  return findings
}

const checkTokens = (tokens: number, policy: CompressionPolicy.CompressionPolicy): ReadonlyArray<ConfigFinding> => {
  const ceiling = CompressionPolicy.hardLimit(policy)
  if (tokens <= AT_MOST * ceiling) return []
  const late = `a compression that begins at ${formatCount(tokens)} tokens has no time before turns wait for it`
  const advice = `set it to ${formatCount(Math.floor(AT_MOST * ceiling))} tokens or less`
  return [{ path: "compression.threshold", issue: `${late}; ${advice}` }]
}

const adviseRatio = (ceiling: number) => Math.floor(1_000 * AT_MOST * ceiling) / 1_000

const checkWindows = ({ auxiliary }: Config, { main, routes }: Settings): ReadonlyArray<ConfigFinding> =>
  Array.from(auxiliary).flatMap(([name, task]) => {
    const [route] = routes(name)
    const isGiven = typeof task.context_length === "number"
    if (route === undefined || route.provider === "embedded") return []
    if (!isGiven && !WHOLE_CONVERSATION.includes(name)) return []
    if (route.contextLength >= main.contextLength) return []
    const small = `${formatCount(route.contextLength)} tokens${isGiven ? "" : " are assumed and"}`
    const large = `the main model's ${formatCount(main.contextLength)}`
    const advice = isGiven ? "take a model whose window is as large" : "set its window if it is larger"
    const issue = `${small} are less than ${large}: the conversation is cut to fit; ${advice}`
    return [{ path: `auxiliary.${name}.context_length`, issue }]
  })

const checkTimeouts = ({ auxiliary }: Config, settings: Settings | null): ReadonlyArray<ConfigFinding> =>
  Array.from(auxiliary).flatMap(([name, task]) => {
    const [route] = settings?.routes(name) ?? []
    if (route?.provider === "embedded" || task.provider === "embedded") return []
    const shortest = shortestTimeout(name)
    const seconds = task.timeout ?? (route === undefined ? shortest : Duration.toSeconds(route.timeout))
    const findings: Array<ConfigFinding> = []
    if (seconds < shortest) {
      const issue = `${seconds} s cut off calls that would have answered; set at least ${shortest}`
      findings.push({ path: `auxiliary.${name}.timeout`, issue })
    }
    const limit = task.total_timeout ?? null
    if (limit !== null && limit < seconds) {
      const issue = `${limit} s for all calls are less than the ${seconds} of one; set at least ${1.5 * seconds}`
      findings.push({ path: `auxiliary.${name}.total_timeout`, issue })
    }
    return findings
  })
