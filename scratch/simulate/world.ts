/** The gateway of a scenario, on one database file and a fake model that takes 30 to 55 seconds for a summary. */
import { Duration, Layer } from "effect"
import * as Random from "../../src/cli/random.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { route, summary } from "../../test/support/world.ts"
import * as AmbientSession from "./ambientSession.ts"
import * as RotatingIds from "./rotatingIds.ts"
import { policyOf, type Scenario } from "./scenario.ts"

export const FASTEST_SUMMARY = 30_000
export const SLOWEST_SUMMARY = 55_000

export const layer = ({ seed, variant }: Scenario) => {
  const random = Random.make(seed)
  const model = Scripted.make([
    () => ({ text: summary("the batches"), delay: random.between(FASTEST_SUMMARY, SLOWEST_SUMMARY) })
  ])
  const store =
    variant === "rotating ids" ? Layer.provideMerge(RotatingIds.layer, Sqlite.layerTemporary) : Sqlite.layerTemporary
  const gateway = Gateway.layer({
    policy: policyOf(variant),
    routes: [{ ...route, timeout: PATIENCE, idleTimeout: PATIENCE }]
  }).pipe(Layer.provideMerge(store), Layer.provide(model.layer))
  return variant === "ambient session" ? Layer.provideMerge(AmbientSession.layer, gateway) : gateway
}

const PATIENCE = Duration.minutes(5)
