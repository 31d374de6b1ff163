/** A scenario from its beginning to its end, in virtual time. */
import { Effect, Queue, TestClock } from "effect"
import type { SessionId } from "../../src/session/Session.ts"
import { onVirtualClock } from "../../test/support/virtualClock.ts"
import { recordLogLines } from "../../test/support/world.ts"
import type * as Actor from "./actor.ts"
import * as Agent from "./agent.ts"
import type * as Diary from "./diary.ts"
import * as Past from "./past.ts"
import { HOUR, policyOf, type Scenario, sessionsOf } from "./scenario.ts"
import * as Story from "./story.ts"
import * as World from "./world.ts"

export const run = (scenario: Scenario): Effect.Effect<Story.Story, unknown> => {
  const { layer, lines } = recordLogLines()
  const played = Effect.map(Effect.scoped(play(scenario)), (story) => ({ ...story, lines }))
  return onVirtualClock(Effect.provide(played, [World.layer(scenario), layer]))
}

const play = Effect.fnUntraced(function* ({ agents, hours, seed, variant }: Scenario) {
  const sessions = sessionsOf(agents)
  const diary: Array<Diary.Event> = []
  const tell = (event: Diary.Event) => void diary.push(event)
  const bells = new Map<SessionId, Queue.Queue<void>>()
  for (const session of sessions) bells.set(session, yield* Queue.sliding<void>(1))

  const host: Actor.Host = {
    sessions,
    seed,
    hours,
    until: hours * HOUR,
    speed: 1,
    tell,
    ring: (agent) => Effect.suspend(() => bells.get(agent)?.offer(undefined) ?? Effect.void),
    seenAs: new Map()
  }

  yield* Past.fill(sessions, seed, policyOf(variant), tell)
  yield* Effect.forkScoped(Story.watch(tell))
  const lives = Effect.forEach(bells, ([agent, bell]) => Agent.live(host, agent, bell), {
    concurrency: "unbounded",
    discard: true
  })
  yield* Effect.raceFirst(lives, passTime(hours, Array.from(bells.values())))
  return { sessions, diary, ...(yield* Story.readStored(sessions)) }
})

/** The hours of the scenario, and then as long as anybody is at work; at most an hour, since some loops never end. */
const passTime = Effect.fnUntraced(function* (hours: number, bells: ReadonlyArray<Queue.Queue<void>>) {
  yield* TestClock.adjust(`${hours} hours`)
  for (let minute = 0; minute < 60 && !(yield* Effect.every(bells, isWaitedFor)); minute++) {
    yield* TestClock.adjust("1 minute")
  }
  // Compressions that were begun last.
  yield* TestClock.adjust("10 minutes")
})

const isWaitedFor = (bell: Queue.Queue<void>) => Effect.map(Queue.size(bell), (size) => size < 0)
