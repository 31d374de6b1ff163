/** Changes sessions. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as Effect from "effect/Effect"
import { Gateway } from "../../gateway/Gateway.ts"
import { InvalidMessage } from "../../message/Message.ts"
import { Api } from "../Api.ts"
import { readMessages } from "../views.ts"

export const layer = HttpApiBuilder.group(Api, "operations", (handlers) =>
  Effect.gen(function* () {
    const gateway = yield* Gateway
    return handlers
      .handle("deliver", ({ path: { session }, payload: { format = "chat", key, kind, message } }) =>
        Effect.flatMap(readMessages(format, [message]), ([only, ...others]) =>
          only === undefined || others.length > 0
            ? new InvalidMessage({ issue: `${format}: expected one message` })
            : gateway.deliver(session, only, { key, kind: kind ?? "request" })
        )
      )
      .handle("compress", ({ path: { session }, payload }) => gateway.compress(session, payload))
      .handle("heal", ({ path: { session } }) => Effect.map(gateway.heal(session), (segments) => ({ segments })))
      .handle("editHandoff", ({ path: { session }, payload: { generation, text } }) =>
        gateway.editHandoff(session, text, { generation })
      )
      .handle("restore", ({ path: { session }, payload: { snapshotId } }) => gateway.restore(session, snapshotId))
      .handle("pin", ({ path: { session }, payload }) => gateway.pin(session, payload))
      .handle("unpin", ({ path: { pin, session } }) =>
        Effect.map(gateway.unpin(session, pin), (wasPinned) => ({ wasPinned }))
      )
      .handle("rewind", ({ path: { session }, payload: { seq } }) => gateway.rewind(session, seq))
      .handle("reset", ({ path: { session } }) => gateway.reset(session))
      .handle("forget", ({ path: { session } }) => gateway.forget(session))
  })
)
