/** What is wrong with a config that can be read, or will do less than it says, and what to do about it. */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as CompressionPolicy from "../../compression/CompressionPolicy.ts"
import type { Settings } from "./settings.ts"
import { formatCount } from "../terminal/terminal.ts"
import type { Config, ConfigError } from "./file.ts"

/** One thing to mend: the key at fault, and a sentence that says what to do. */
export interface Finding {
  readonly path: string | null
  readonly issue: string
}

/** Tasks that are given the conversation, which a summary is made of. */
const SUMMARIES: ReadonlyArray<string> = ["compression", "flush_memories"]

/**
 * Seconds below which a call that would have answered is cut off: the summary of 145,000 tokens takes a model 30 to 55,
 * and with less time each of them fails. An answer that is short takes some seconds, and a slow day's ten times as many.
 */
const shortestTimeout = (task: string) => (SUMMARIES.includes(task) ? 60 : 30)

/** What a threshold may be of the one above it: with less between them one is there in vain. */
const AT_MOST = 0.9

export const findProblems = (
  config: Config,
  settings: Either.Either<Settings, ConfigError>
): ReadonlyArray<Finding> => [
  ...Either.match(settings, {
    onLeft: ({ issue, path }) => [{ path, issue }],
    onRight: (settings) => [...checkThresholds(settings.policy), ...checkWindows(config, settings)]
  }),
  ...checkTimeouts(config, Either.getOrNull(settings))
]

const checkThresholds = (policy: CompressionPolicy.CompressionPolicy): ReadonlyArray<Finding> => {
  const { contextLength, hardThreshold, reservedOutput, targetRatio, threshold } = policy
  const usable = CompressionPolicy.usableWindow(policy) / contextLength
  const ceiling = Math.min(hardThreshold, usable)
  const found: Array<Finding> = []
  if (threshold >= usable) {
    const needed = `the answer needs ${formatCount(reservedOutput)} of the window's ${formatCount(contextLength)} tokens`
    found.push({
      path: "compression.threshold",
      issue: `${threshold} is never reached, as ${needed}; set it to ${adviseRatio(ceiling)} or less`
    })
  } else if (threshold > AT_MOST * ceiling) {
    const late = `a compression that begins at ${threshold} has no time before turns wait for it`
    found.push({ path: "compression.threshold", issue: `${late}; set it to ${adviseRatio(ceiling)} or less` })
  }
  if (targetRatio > AT_MOST * threshold) {
    const soon = `a session that is brought to ${targetRatio} is at the threshold ${threshold} again at once`
    found.push({ path: "compression.target_ratio", issue: `${soon}; set it to ${adviseRatio(threshold)} or less` })
  }
  return found
}

const adviseRatio = (ceiling: number) => Math.floor(1_000 * AT_MOST * ceiling) / 1_000

const checkWindows = ({ auxiliary }: Config, { main, routes }: Settings): ReadonlyArray<Finding> =>
  Array.from(auxiliary).flatMap(([name, task]) => {
    const [route] = routes(name)
    const isSaid = typeof task.context_length === "number"
    if (route === undefined || route.provider === "embedded" || !(isSaid || SUMMARIES.includes(name))) return []
    if (route.contextLength >= main.contextLength) return []
    const its = `${formatCount(route.contextLength)} tokens${isSaid ? "" : " are assumed and"}`
    const advice = isSaid ? "take a model whose window is as large" : "say its window if it is larger"
    const issue = `${its} are less than the main model's ${formatCount(main.contextLength)}: what is sent is cut; ${advice}`
    return [{ path: `auxiliary.${name}.context_length`, issue }]
  })

const checkTimeouts = ({ auxiliary }: Config, settings: Settings | null): ReadonlyArray<Finding> =>
  Array.from(auxiliary).flatMap(([name, task]) => {
    const [route] = settings?.routes(name) ?? []
    if (route?.provider === "embedded" || task.provider === "embedded") return []
    const floor = shortestTimeout(name)
    const given = task.timeout ?? null
    const seconds = given ?? (route === undefined ? floor : Duration.toSeconds(route.timeout))
    const found: Array<Finding> = []
    if (seconds < floor) {
      const issue = `${seconds} s cut off calls that would have answered; set at least ${floor}`
      found.push({ path: `auxiliary.${name}.timeout`, issue })
    }
    const limit = task.total_timeout ?? null
    if (limit !== null && limit < seconds) {
      const issue = `${limit} s for all calls are less than the ${seconds} of one; set at least ${1.5 * seconds}`
      found.push({ path: `auxiliary.${name}.total_timeout`, issue })
    }
    return found
  })
