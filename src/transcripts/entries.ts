/** What readers of entries share: making messages of each, following the live branch, and pairing results with calls. */
import * as Either from "effect/Either"
import { isDeepStrictEqual } from "node:util"
import { runAtOnce } from "../concurrency/eventLoopBudget.ts"
import { isObject, type JsonObject } from "../format/json.ts"
import type { Message } from "../message/Message.ts"
import {
  countKinds,
  failImport,
  ImportError,
  makeSession,
  type Steps,
  type Subagent,
  type Tolerance,
  type TranscriptContents,
  type TranscriptRow
} from "./rows.ts"

/** The messages of an entry, or the kind of an entry that is not said. A notice is said by the agent's own program. */
export type Converted = string | { readonly messages: ReadonlyArray<Message>; readonly isNotice?: boolean }

export const say = (...messages: ReadonlyArray<Message>): Converted => ({ messages })

export const note = (...messages: ReadonlyArray<Message>): Converted => ({ messages, isNotice: true })

/** What was read of entries. */
export interface Dialogue {
  readonly messages: ReadonlyArray<Message>
  readonly notices: ReadonlyArray<number>
  readonly skipped: ReadonlyArray<string>
}

/** Converts each entry by itself. One that cannot be read is left out, if any may be. */
export const readEntries = (...given: Parameters<typeof readEntriesInSteps>): Either.Either<Dialogue, ImportError> =>
  runAtOnce(readEntriesInSteps(...given))

export function* readEntriesInSteps(
  entries: Iterable<TranscriptRow>,
  { attempt }: Tolerance,
  convert: (entry: TranscriptRow) => Either.Either<Converted, ImportError>
): Steps<Either.Either<Dialogue, ImportError>> {
  const messages: Array<Message> = []
  const notices: Array<number> = []
  const skipped: Array<string> = []
  for (const entry of entries) {
    yield
    const read = attempt(convert(entry), entry)
    if (Either.isLeft(read)) return Either.left(read.left)
    const converted = read.right
    if (typeof converted === "string") skipped.push(converted)
    if (converted === undefined || typeof converted === "string") continue
    for (const message of converted.messages) {
      if (converted.isNotice === true && message.role === "user") notices.push(messages.length)
      messages.push(message)
    }
  }
  return Either.right({ messages, notices, skipped })
}

/** Reads a file of one conversation. `id` is its session, if it is a text. What was `skipped` before is counted, too. */
export const readOneSession = (
  entries: Iterable<TranscriptRow>,
  tolerance: Tolerance,
  convert: (entry: TranscriptRow) => Either.Either<Converted, ImportError>,
  id: unknown = null,
  skipped: ReadonlyArray<string> = []
): Either.Either<TranscriptContents, ImportError> =>
  Either.map(readEntries(entries, tolerance, convert), (read) =>
    makeTranscript([{ ...read, sessionId: typeof id === "string" ? id : null }], skipped)
  )

/** A conversation of a file, as it was read. */
export interface Conversation extends Pick<Dialogue, "messages" | "skipped"> {
  readonly sessionId: string | null
  readonly notices?: ReadonlyArray<number>
  readonly subagent?: Subagent | undefined
  /** The name of a branch that is not live. */
  readonly branch?: string | undefined
}

/** Reads each conversation of a file. What was `skipped` before them and in them is counted together. */
export const readConversations = <A>(
  found: Iterable<A>,
  read: (found: A) => Either.Either<Conversation | ReadonlyArray<Conversation>, ImportError>,
  skipped: ReadonlyArray<string> = []
): Either.Either<TranscriptContents, ImportError> =>
  Either.map(Either.all(Array.from(found, read)), (conversations) => makeTranscript(conversations.flat(), skipped))

/** Puts the conversations of a file together. */
export const makeTranscript = (
  conversations: ReadonlyArray<Conversation>,
  skipped: ReadonlyArray<string> = []
): TranscriptContents => ({
  sessions: conversations.map(makeSession),
  skipped: countKinds([...skipped, ...conversations.flatMap((conversation) => conversation.skipped)])
})

/** The tree of rows, each of which stands whole in every branch that it is on. */
export const makeTree = (tree: Omit<Tree<TranscriptRow>, "keyOf">): Tree<TranscriptRow> => ({
  ...tree,
  keyOf: (row) => row
})

/** A conversation as a tree: what is said in it, the live branch, and the branch that ends in an entry. */
export interface Tree<A> {
  readonly file: string
  readonly said: ReadonlyArray<A>
  readonly live: ReadonlyArray<A>
  readonly follow: (leaf: A) => ReadonlyArray<A>
  /** Tells an entry from others, of which a branch may hold only a part. */
  readonly keyOf: (entry: A) => unknown
}

/** A tree whose branches are followed in steps. */
export interface LargeTree<A> extends Omit<Tree<A>, "follow"> {
  readonly follow: (leaf: A) => Steps<ReadonlyArray<A>>
}

/**
 * Reads the live branch of a tree, and if they are wanted the others, each from the beginning: oldest first, without those
 * that say nothing of their own. If they are not, what is beside the live branch is counted as skipped.
 */
export const readTree = <A>(
  tree: Tree<A>,
  tolerance: Tolerance,
  read: (branch: ReadonlyArray<A>) => Either.Either<Conversation, ImportError>
): Either.Either<ReadonlyArray<Conversation>, ImportError> =>
  runAtOnce(
    readTreeInSteps({ ...tree, follow: (leaf) => inOneStep(tree.follow(leaf)) }, tolerance, (branch) =>
      inOneStep(read(branch))
    )
  )

// oxlint-disable-next-line require-yield
export function* inOneStep<A>(value: A): Steps<A> {
  return value
}

export function* readTreeInSteps<A>(
  tree: LargeTree<A>,
  { hasBranches }: Tolerance,
  read: (branch: ReadonlyArray<A>) => Steps<Either.Either<Conversation, ImportError>>
): Steps<Either.Either<ReadonlyArray<Conversation>, ImportError>> {
  const { file, keyOf, live, said } = tree
  const first = yield* read(live)
  if (Either.isLeft(first)) return Either.left(first.left)
  const main = first.right
  if (!hasBranches) {
    const onLive = new Set(live.map(keyOf))
    const others = said.filter((entry) => !onLive.has(keyOf(entry))).map(() => "other branch")
    return Either.right([{ ...main, skipped: [...main.skipped, ...others] }])
  }
  const found = yield* findBranches(tree)
  if (found.length > MOST_BRANCHES || found.reduce((sum, { length }) => sum + length, 0) > MOST_ENTRIES) {
    const expected = `at most ${MOST_BRANCHES} branches with ${MOST_ENTRIES} entries in all`
    return Either.left(new ImportError({ file, line: null, expected, found: "more" }))
  }
  const branches: Array<Conversation> = []
  for (const branch of found) {
    const conversation = yield* read(branch)
    if (Either.isLeft(conversation)) return Either.left(conversation.left)
    const { messages } = conversation.right
    if (isDeepStrictEqual(messages, main.messages.slice(0, messages.length))) continue
    branches.push({ ...conversation.right, skipped: [], branch: `branch-${branches.length + 1}` })
  }
  return Either.right([main, ...branches])
}

/** A branch is told from its beginning: of a damaged tree, all of them together could be its square. */
const MOST_BRANCHES = 1_000
const MOST_ENTRIES = 2_000_000

/** Each branch ends in the newest entry that is on none before. They are found newest first, and ended once too many. */
function* findBranches<A>({ follow, keyOf, live, said }: LargeTree<A>): Steps<ReadonlyArray<ReadonlyArray<A>>> {
  const seen = new Set(live.map(keyOf))
  const branches: Array<ReadonlyArray<A>> = []
  let entries = 0
  for (const leaf of said.toReversed()) {
    if (branches.length > MOST_BRANCHES || entries > MOST_ENTRIES) break
    if (seen.has(keyOf(leaf))) continue
    const branch = yield* follow(leaf)
    entries += branch.length
    for (const entry of [leaf, ...branch]) seen.add(keyOf(entry))
    branches.push(branch)
  }
  return branches.toReversed()
}

/** The entries of a list in a document. What is no object cannot be read. */
export const listEntries = (
  { at, file, line }: Pick<TranscriptRow, "file" | "line" | "at">,
  name: string,
  list: unknown
): ReadonlyArray<TranscriptRow> => {
  const path = at === undefined ? name : `${at}.${name}`
  const elements: ReadonlyArray<unknown> = Array.isArray(list) ? list : []
  return elements.map((element, index) => ({
    file,
    line,
    at: path === "" ? String(index) : `${path}.${index}`,
    ...(isObject(element) ? { value: element } : { value: {}, given: element }),
    numbersAsText: []
  }))
}

/** Returns whether an export is of one conversation, or a list that begins with one. */
export const isOneOrMore = (value: unknown, isConversation: (value: unknown) => boolean): boolean =>
  Array.isArray(value) ? value.length > 0 && isConversation(value[0]) : isConversation(value)

/** The conversations of an export, which may be of one or of several. */
export const listDocuments = (document: unknown, file: string): ReadonlyArray<TranscriptRow> =>
  listEntries({ file, line: null }, "", Array.isArray(document) ? document : [document])

export const failEntry = (entry: TranscriptRow, expected: string): Either.Either<never, ImportError> =>
  Either.left(failImport(entry, expected, "an object of another kind"))

/** Follows parents back from the newest entry, and returns them oldest first. Ends where parents go in a circle. */
export const walkBack = <A>(newest: A | undefined, parentOf: (entry: A) => A | undefined): ReadonlyArray<A> => {
  const path = new Set<A>()
  for (let entry = newest; entry !== undefined && !path.has(entry); entry = parentOf(entry)) path.add(entry)
  return Array.from(path).toReversed()
}

/** Ids that wait, each once, oldest first. */
export class IdQueue {
  readonly #ids: Array<string> = []
  readonly #known = new Set<string>()
  #next = 0
  constructor(...ids: ReadonlyArray<string>) {
    for (const id of ids) this.add(id)
  }
  add(id: string): void {
    if (this.#known.has(id)) return
    this.#known.add(id)
    this.#ids.push(id)
  }
  take(): string | undefined {
    const id = this.#ids[this.#next]
    if (id !== undefined) this.#next++
    return id
  }
}

/** Names calls that have no id of their own, and finds the calls of results that name none. */
export class CallIds {
  readonly #waiting = new Map<string, IdQueue>()
  #made = 0
  #last: string | undefined
  readonly #answered = new Set<string>()
  readonly #found = new Map<string, string>()
  /** The id of a call: the one it has, or a new one. */
  call(name: string, id?: unknown): string {
    const own = typeof id === "string" && id !== "" ? id : `call_${++this.#made}`
    const waiting = this.#waiting.get(name)
    if (waiting === undefined) this.#waiting.set(name, new IdQueue(own))
    else waiting.add(own)
    this.#last = own
    return own
  }
  /** The call that a tool of a name answers: the oldest that waits with the name, or the last. It may be asked again. */
  find(name: string): string | undefined {
    const waiting = this.#waiting.get(name)
    let found = waiting?.take()
    while (found !== undefined && this.#answered.has(found)) found = waiting?.take()
    const isLastOpen = this.#last !== undefined && !this.#answered.has(this.#last)
    found ??= isLastOpen ? this.#last : this.#found.get(name)
    if (found === undefined) return undefined
    this.#answered.add(found)
    this.#found.set(name, found)
    return found
  }
  /** The id for a result: the one it has, the oldest call with its name, or the last call. */
  answer(name: string, id?: unknown): string {
    if (typeof id === "string" && id !== "") return id
    return this.#waiting.get(name)?.take() ?? this.#last ?? `call_${++this.#made}`
  }
}

export const getText = (value: JsonObject, name: string): string => {
  const text = value[name]
  return typeof text === "string" ? text : ""
}

/** The text of a value: a text as it is, anything else as JSON, nothing as an empty text. */
export const showValue = (value: unknown): string =>
  typeof value === "string" ? value : value === undefined || value === null ? "" : JSON.stringify(value)
