/** Requests to the host that has a session. They carry ids only: messages are in the store. */
import * as ClusterSchema from "@effect/cluster/ClusterSchema"
import * as Entity from "@effect/cluster/Entity"
import * as Rpc from "@effect/rpc/Rpc"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import { NestedTurn } from "../gateway/Turn.ts"
import { InvalidMessage } from "../message/Message.ts"
import { InvalidPolicy } from "../model/InvalidSetting.ts"
import { CompressionFailed, CompressionResult } from "../session/CompressionResult.ts"
import { isStorable, SessionId } from "../session/Session.ts"
import {
  SessionBusy,
  StoreError,
  Superseded,
  TurnInterrupted,
  TurnLost,
  UnknownSession,
  WindowExceeded
} from "../session/SessionError.ts"
import { SessionStats } from "../session/SessionStats.ts"
import { View } from "../view/model.ts"

/**
 * Names a request among those of its session, so that it is answered once however often it is made: the arrival of the
 * message to be answered, or a text of the caller's.
 *
 * @since 0.1.0
 * @category models
 */
export const RequestId = Schema.Union(
  Schema.Int,
  Schema.String.pipe(
    Schema.filter((text) => isStorable(text) || "expected no NUL character and no half of a surrogate pair")
  )
)
/**
 * @since 0.1.0
 * @category models
 */
export type RequestId = typeof RequestId.Type

/** A number and its digits are two requests. */
const keyOf = ({ request }: { readonly request: RequestId }): string =>
  typeof request === "number" ? `arrival ${request}` : `request ${request}`

const ReadingFailed = Schema.Union(UnknownSession, StoreError)

/** The failures of a turn, besides those of the agent's own schema. */
export const TurnFailed = Schema.Union(
  CompressionFailed,
  InvalidMessage,
  InvalidPolicy,
  NestedTurn,
  SessionBusy,
  StoreError,
  Superseded,
  TurnInterrupted,
  TurnLost,
  UnknownSession,
  WindowExceeded
)
export type TurnFailed = typeof TurnFailed.Type

const session = { sessionId: SessionId }
const numbered = { ...session, request: RequestId }

/** The entity of a session. `turn` and `compress` outlive the host that is at them; the others are asked again. */
export const makeProtocol = <A, I, E, J>(name: string, success: Schema.Schema<A, I>, error: Schema.Schema<E, J>) =>
  Entity.make(name, [
    Rpc.make("turn", {
      payload: numbered,
      success,
      error: Schema.Union(TurnFailed, error),
      primaryKey: keyOf
    }).annotate(ClusterSchema.Persisted, true),
    Rpc.make("compress", {
      payload: numbered,
      success: CompressionResult,
      error: Schema.Union(ReadingFailed, CompressionFailed, InvalidPolicy),
      primaryKey: keyOf
    })
      .annotate(ClusterSchema.Persisted, true)
      .annotate(ClusterSchema.Uninterruptible, true),
    Rpc.make("view", { payload: session, success: View, error: ReadingFailed }),
    Rpc.make("stats", { payload: session, success: SessionStats, error: ReadingFailed }),
    Rpc.make("interrupt", { payload: session, success: Schema.Boolean }),
    Rpc.make("locate", { payload: session, success: Schema.String })
  ])

export type Protocol<A, I, E, J> = ReturnType<typeof makeProtocol<A, I, E, J>>

/** The cluster's table takes ids of 255 characters. */
const LONGEST_ADDRESS = 200
const HASHED = "sha256:"

/** Returns the address of a session. Only requests say which session it is: the address of a long id does not tell. */
export const addressOf = (sessionId: SessionId): string =>
  sessionId.length <= LONGEST_ADDRESS && !sessionId.startsWith(HASHED)
    ? sessionId
    : `${HASHED}${createHash("sha256").update(sessionId).digest("hex")}`
