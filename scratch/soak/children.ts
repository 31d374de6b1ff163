/** The processes of a run. The parent starts, stops and kills them, and reads their journals. */
import { Deferred, Effect, FiberId, Schema } from "effect"
import { type ChildProcess, fork } from "node:child_process"
import * as Disk from "./disk.ts"
import { Place, Said, type Told, type Usage } from "./telling.ts"

export interface Child {
  readonly place: Place
  /** The file that says how the disk of the process fails. */
  readonly control: string
  readonly ready: Effect.Effect<void>
  readonly exited: Effect.Effect<void>
  readonly isAlive: () => boolean
  /** True if the process ended by itself, with an error. */
  readonly hasFailed: () => boolean
  readonly signal: (signal: NodeJS.Signals) => void
  readonly tell: (told: Told) => void
  /** Waits until the process rests after its next work, or has ended: then null. */
  readonly rested: Effect.Effect<Usage | null>
}

const encode = Schema.encodeSync(Schema.parseJson(Place))
const decode = Schema.decodeUnknownSync(Said)

/** Starts a gateway, and ends it with the scope: it has some seconds before it is killed. */
export const start = (script: string, library: string | null, place: Place) =>
  Effect.acquireRelease(
    Effect.sync(() => spawn(script, library, place)),
    ({ child, exited }) =>
      Effect.gen(function* () {
        child.kill("SIGCONT")
        if (child.connected) child.disconnect()
        yield* Effect.timeoutOption(Deferred.await(exited), PATIENCE)
        child.kill("SIGKILL")
        yield* Deferred.await(exited)
      })
  ).pipe(Effect.map(({ handle }) => handle))

const PATIENCE = "20 seconds"

const spawn = (script: string, library: string | null, place: Place) => {
  const control = `${place.journal}.disk`
  const child: ChildProcess = fork(script, [encode(place)], {
    execArgv: ["--expose-gc", "--enable-source-maps"],
    env: Disk.environment(library, control)
  })
  const ready = Deferred.unsafeMake<void>(FiberId.none)
  const exited = Deferred.unsafeMake<void>(FiberId.none)
  let rest = Deferred.unsafeMake<Usage | null>(FiberId.none)
  child.on("message", (message) => {
    const said = decode(message)
    if (said._tag === "Ready") return Deferred.unsafeDone(ready, Effect.void)
    Deferred.unsafeDone(rest, Effect.succeed(said.usage))
  })
  child.on("exit", () => {
    for (const event of [ready, exited]) Deferred.unsafeDone(event, Effect.void)
    Deferred.unsafeDone(rest, Effect.succeed(null))
  })
  const handle: Child = {
    place,
    control,
    ready: Deferred.await(ready),
    exited: Deferred.await(exited),
    isAlive: () => child.exitCode === null && child.signalCode === null,
    hasFailed: () => child.exitCode !== null && child.exitCode !== 0,
    signal: (signal) => void child.kill(signal),
    tell: (told) => {
      if (told._tag === "Work" && handle.isAlive()) rest = Deferred.unsafeMake<Usage | null>(FiberId.none)
      if (child.connected) child.send(told, () => {})
    },
    rested: Effect.suspend(() => Deferred.await(rest))
  }
  return { child, exited, handle }
}
