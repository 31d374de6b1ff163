/** What is played: how many agents, for how long, and in which world. */
import type * as CompressionPolicy from "../../src/compression/CompressionPolicy.ts"
import type { Random } from "../../src/cli/random.ts"
import { SessionId } from "../../src/session/Session.ts"

/** The library as it is, with background compression off, and in two worlds that break it: the controls. */
export type Variant = "default" | "preflight" | "rotating ids" | "ambient session"

export interface Scenario {
  readonly agents: number
  /** Of virtual time, in which users ask; then everybody finishes. */
  readonly hours: number
  readonly seed: number
  readonly variant: Variant
}

export const isControl = (variant: Variant): boolean => variant === "rotating ids" || variant === "ambient session"

export const policyOf = (variant: Variant): CompressionPolicy.PolicyOptions => ({
  contextLength: 128_000,
  mode: variant === "preflight" ? "preflight" : "background"
})

export const sessionsOf = (agents: number): ReadonlyArray<SessionId> =>
  Array.from({ length: agents }, (_, i) => SessionId.make(`agent-${i + 1}`))

export const HOUR = 3_600_000

/** How long the user of an agent pauses before each task, in milliseconds: up to 15 seconds, then 2 to 15 minutes. */
export const pauses = (random: Random, hours: number): ReadonlyArray<number> => {
  const all = [random.between(0, 15_000)]
  for (let at = 0; at < hours * HOUR; at += all.at(-1) ?? 0) all.push(random.between(120_000, 900_000))
  return all.slice(0, -1)
}
