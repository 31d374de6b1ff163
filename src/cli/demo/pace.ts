/** The embedded summarizer at the pace of a model, so that there is something to see beside it. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ModelClients from "../../model/ModelClients.ts"
import * as Compressor from "../../compression/Compressor.ts"
import * as Gateway from "../../gateway/Gateway.ts"
import * as RoutePauses from "../../summary/RoutePauses.ts"
import * as OpenAi from "../../openai/OpenAi.ts"
import * as Sqlite from "../../sqlite/Sqlite.ts"
import * as Summarizer from "../../summary/Summarizer.ts"

/** How long one summary takes. Models take longer. */
export const PACE = "2 seconds"

const summarizer = Layer.effect(
  Summarizer.Summarizer,
  Effect.map(Summarizer.make({ routes: [] }), (embedded) =>
    Summarizer.Summarizer.of({
      ...embedded,
      summarize: (range) => Effect.delay(embedded.summarize(range), PACE)
    })
  )
)

/** Needs no network: there is no route to a model. */
export const live = (contextLength: number) => {
  const options = { policy: { contextLength }, routes: [] }
  return Layer.scoped(Gateway.Gateway, Gateway.make(options)).pipe(
    Layer.provideMerge(Compressor.layer(options)),
    Layer.provide(summarizer),
    Layer.provide([ModelClients.layer(), RoutePauses.layer()]),
    Layer.provideMerge(Sqlite.layerTemporary),
    Layer.provide(OpenAi.layer)
  )
}
