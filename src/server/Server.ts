/** The whole service as one HTTP app, on a gateway and its store. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as Layer from "effect/Layer"
import { Api } from "./Api.ts"
import * as Events from "./events.ts"
import * as Guard from "./guard.ts"
import * as Observation from "./handlers/observation.ts"
import * as Operations from "./handlers/operations.ts"
import * as Sessions from "./handlers/sessions.ts"
import * as TurnHandlers from "./handlers/turns.ts"
import * as OpenTurns from "./openTurns.ts"
import * as Pages from "./pages.ts"
import * as SessionList from "./sessionList.ts"
import * as Snapshots from "./snapshots.ts"
import * as Token from "./token.ts"

const handlers = Layer.mergeAll(
  Observation.layerService,
  Observation.layerObservation,
  Sessions.layer,
  Operations.layer,
  TurnHandlers.layer
)

/** Ids are percent-encoded in paths, so that one of 512 characters takes up to 4,608. */
const LONGEST_ID = 5_000

/** Serves on the `HttpServer` of its context. */
export const layer = HttpApiBuilder.serve().pipe(
  Layer.provide([Guard.layer, Pages.layer]),
  Layer.provide(Layer.provide(HttpApiBuilder.api(Api), handlers)),
  Layer.provide(Token.layer),
  Layer.provideMerge(OpenTurns.layer),
  Layer.provideMerge(Events.layer),
  Layer.provide([SessionList.layer, Snapshots.layer]),
  Layer.provide(HttpRouter.setRouterConfig({ maxParamLength: LONGEST_ID }))
)
