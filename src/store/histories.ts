/** Whole histories as they are imported, and what is kept beside them: where a session came from, and what was left out. */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { isObject } from "../format/json.ts"
import { type InvalidMessage, type Message, serializeAll, type SerializedMessage } from "../message/Message.ts"
import { type DeliveryKind, isSessionId, type SessionId } from "../session/Session.ts"
import { makeMisuse, type StoreError } from "../session/SessionError.ts"

/**
 * The part that a session was of another: its sub-agent, begun by the call `call` if that is known, or a branch that it
 * left. `of` is the id of the other one, which need not be in the store.
 *
 * @since 0.1.0
 * @category models
 */
export const Origin = Schema.Struct({
  as: Schema.Literal("subagent", "branch"),
  of: Schema.String,
  call: Schema.NullOr(Schema.String)
})
/**
 * @since 0.1.0
 * @category models
 */
export type Origin = typeof Origin.Type

/**
 * An entry of an imported file that could not be read: its line, counted from 1, if it has one, why, and the entry as it
 * stands in the file.
 *
 * @since 0.1.0
 * @category models
 */
export const LeftEntry = Schema.Struct({ line: Schema.NullOr(Schema.Int), reason: Schema.String, text: Schema.String })
/**
 * @since 0.1.0
 * @category models
 */
export type LeftEntry = typeof LeftEntry.Type

/**
 * Whole histories, all imported or none. Each user message is a request; `notices` are the indexes of those that are only
 * to be known, such as what an agent's own program said in the name of the user. `origin` and `left` are kept beside the
 * session and change nothing about it.
 *
 * Messages may be a stream, for histories that are larger than memory. A SQLite or PostgreSQL store writes them as they
 * come, in one transaction on a connection of its own. Other writers to the file of SQLite wait for it; in PostgreSQL only
 * those to the same sessions do. All other stores take the whole stream first.
 *
 * @since 0.1.0
 * @category models
 */
export type Histories<E = never> = ReadonlyArray<{
  readonly sessionId: SessionId
  readonly messages: ReadonlyArray<Message> | Stream.Stream<Message, E>
  readonly notices?: ReadonlyArray<number> | undefined
  readonly origin?: Origin | undefined
  readonly left?: ReadonlyArray<LeftEntry> | undefined
}>

/** Histories whose messages are all there. */
export type WholeHistories = ReadonlyArray<
  Omit<Histories[number], "messages"> & { readonly messages: ReadonlyArray<Message> }
>

const isStream = (messages: unknown): messages is Stream.Stream<unknown, unknown> =>
  typeof messages === "object" && messages !== null && Stream.StreamTypeId in messages

/** True also if something in the list is no history, or cannot be read: that is refused where whole ones are. */
export const areWhole = <E>(histories: Histories<E>): histories is WholeHistories => {
  try {
    const all: ReadonlyArray<unknown> = Array.isArray(histories) ? histories.map(messagesOf) : []
    return !all.some(isStream) || !all.every((messages) => isStream(messages) || Array.isArray(messages))
  } catch {
    return true
  }
}

const messagesOf = (history: unknown): unknown => (isObject(history) ? history.messages : undefined)

/** Lets a store that imports whole histories take streams, too. */
export const collectStreams =
  <E1>(importWhole: (histories: WholeHistories) => Effect.Effect<void, E1>) =>
  <E>(histories: Histories<E>): Effect.Effect<void, E | E1> =>
    areWhole(histories)
      ? importWhole(histories)
      : Effect.flatMap(
          Effect.forEach(histories, (history) =>
            Effect.map(Stream.runCollect(streamMessages(history)), (messages) => ({
              ...history,
              messages: Chunk.toReadonlyArray(messages)
            }))
          ),
          importWhole
        )

export const streamMessages = <E>({ messages }: Histories<E>[number]): Stream.Stream<Message, E> =>
  Stream.StreamTypeId in messages ? messages : Stream.fromIterable(messages)

/** A history as a store keeps it. */
export interface History {
  readonly sessionId: SessionId
  readonly messages: ReadonlyArray<SerializedMessage & { readonly kind: DeliveryKind | null }>
  readonly beside: Beside
}

/** Facts kept beside a session, which change nothing about it. */
export interface Beside {
  readonly origin: Origin | undefined
  readonly left: ReadonlyArray<LeftEntry>
}

export const nothingBeside: Beside = { origin: undefined, left: [] }

/** Refuses histories of sessions that cannot be begun, and messages that are none. */
export const readHistories = (
  histories: WholeHistories
): Either.Either<ReadonlyArray<History>, InvalidMessage | StoreError> => Either.all(histories.map(readHistory))

const readHistory = (history: WholeHistories[number]): Either.Either<History, InvalidMessage | StoreError> =>
  Either.flatMap(readHead(history), ({ kindOf, ...head }) =>
    Either.map(serializeAll(history.messages), (serialized) => ({
      ...head,
      messages: serialized.map((one, index) => ({ ...one, kind: kindOf(one.message, index) }))
    }))
  )

/** Reads what a history is without its messages. `kindOf` tells the kind of each by its index. */
export const readHead = ({
  left = [],
  notices = [],
  origin,
  sessionId
}: Omit<Histories[number], "messages">): Either.Either<
  Omit<History, "messages"> & { readonly kindOf: (message: Message, index: number) => DeliveryKind | null },
  StoreError
> => {
  if (!isSessionId(sessionId)) return Either.left(makeMisuse("import", NO_ID))
  if (!Array.isArray(notices)) return Either.left(makeMisuse("import", "notices are indexes of messages"))
  if ((origin !== undefined && !isOrigin(origin)) || !isLeft(left)) {
    return Either.left(makeMisuse("import", "origin and left are as the library describes them"))
  }
  const known = new Set(notices)
  const kindOf = ({ role }: Message, index: number) =>
    role !== "user" ? null : known.has(index) ? "notification" : "request"
  return Either.right({ sessionId, beside: { origin, left }, kindOf })
}

export const NO_ID = "the id of a session has 1 to 512 characters, no NUL and no half of a surrogate pair"

const isOrigin = Schema.is(Origin)
const isLeft = Schema.is(Schema.Array(LeftEntry))

/** A row with what is kept beside a session, as JSON. */
export interface BesideRow {
  readonly origin: string | null
  readonly left_out: string | null
}

/** Undefined if there is nothing to keep. */
export const rowOfBeside = ({ left, origin }: Beside): BesideRow | undefined =>
  origin === undefined && left.length === 0
    ? undefined
    : {
        origin: origin === undefined ? null : JSON.stringify(origin),
        left_out: left.length === 0 ? null : JSON.stringify(left)
      }

const parseOrigin = Schema.decodeUnknownOption(Schema.parseJson(Origin))
const parseLeft = Schema.decodeUnknownOption(Schema.parseJson(Schema.Array(LeftEntry)))

/** Nothing stands for what is damaged: no message is lost with it. */
export const readBeside = (row: BesideRow | undefined): Beside => ({
  origin: Option.getOrUndefined(parseOrigin(row?.origin)),
  left: Option.getOrElse(parseLeft(row?.left_out), () => [])
})

/** Puts the origin into a row of a list of sessions. */
export const withOrigin = <A extends { readonly origin: string | null }>({ origin, ...summary }: A) => {
  const parsed = Option.getOrUndefined(parseOrigin(origin))
  return parsed === undefined ? summary : { ...summary, origin: parsed }
}
