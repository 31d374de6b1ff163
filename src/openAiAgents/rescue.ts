/** Models of the SDK whose calls are made again on a smaller view if their server refuses the one that it got. */
import type { Model, ModelProvider, ModelRequest } from "@openai/agents-core"

/** Makes a call, and makes it again with less input as long as it is refused as too long. */
export type CallOnView = <A>(request: ModelRequest, call: (request: ModelRequest) => Promise<A>) => Promise<A>

export const wrapProvider = (provider: ModelProvider, callOnView: CallOnView): ModelProvider => ({
  getModel: async (name) => wrapModel(await provider.getModel(name), callOnView)
})

const wrapModel = (model: Model, callOnView: CallOnView): Model => ({
  getResponse: (request) => callOnView(request, (request) => model.getResponse(request)),
  async *getStreamedResponse(request) {
    // A refusal comes in place of the first event.
    const { events, first } = await callOnView(request, async (request) => {
      const events = model.getStreamedResponse(request)[Symbol.asyncIterator]()
      return { events, first: await events.next() }
    })
    try {
      for (let next = first; next.done !== true; next = await events.next()) yield next.value
    } finally {
      await events.return?.()
    }
  },
  getRetryAdvice: (about) => model.getRetryAdvice?.(about)
})
