/**
 * Tells whose words a text holds: throughline's own, those of who wrote it, and those that it only quotes.
 *
 * Throughline's words carry marks. Anyone can write a mark, so none is believed by itself: an answer of the recall tools
 * is known by the call that it answers, and a handoff by its origin. Handoffs in stored sessions carry these marks: never
 * change one.
 */
import * as Message from "./Message.ts"
import { isBlank, withPlainBreaks } from "./text.ts"

/** Every mark begins with this. */
const MARK = "[throughline"

/** Begins a handoff. */
export const HANDOFF_MARK = `${MARK} handoff]`

/** Ends a handoff. */
export const HANDOFF_END = `${MARK} end of handoff]`

/** Begins a segment within a handoff; the segment's range follows. */
export const SEGMENT_MARK = `${MARK} #`

/** Begins the ledger within a handoff. */
export const LEDGER_MARK = `${MARK} ledger]`

/** Begins each answer of the recall tools. */
export const RECALL_MARK = `${MARK} recall]`

/** Begins every handoff of every version. */
export const HANDOFF_OPENING = `${HANDOFF_MARK} Background from earlier in this session, kept for reference. `

/**
 * Returns whether a message of the log is a handoff: it came with an imported history, not by delivery, and stands where
 * the views of throughline have theirs. Anywhere else in a history it is what somebody has sent.
 */
export const isImportedHandoff = ({ arrival, kind, message, seq }: Origin): boolean =>
  arrival === null &&
  (kind === null || seq <= LAST_PLACE) &&
  message.role === "user" &&
  Message.text(message).startsWith(HANDOFF_OPENING)

/** Only the system prompt and the head of a view stand before its handoff. What Hermes put into its rows has no kind. */
const LAST_PLACE = 10

/** Leaves of an imported handoff what a host has put behind it. Returns any other entry as it is. */
export const omitHandoff = <A extends Origin>(entry: A): A => {
  if (!isImportedHandoff(entry)) return entry
  const text = Message.text(entry.message)
  const end = text.indexOf(HANDOFF_END)
  const content = end < 0 ? "" : text.slice(end + HANDOFF_END.length).trim()
  return { ...entry, message: { role: "user", content } }
}

interface Origin {
  readonly seq: number
  readonly message: Message.Message
  readonly kind: string | null
  readonly arrival: number | null
}

/**
 * Returns whether a call is one of the recall tools'. Their names are reserved. Agents put the name of their server in
 * front of them: `mcp__throughline__recall`.
 */
export const isRecallCall = (call: Message.ToolCall): boolean => {
  const [name, server = "throughline"] = Message.callName(call).split("__").toReversed()
  return (name === "recall" || name === "expand") && server === "throughline"
}

/** Returns whether a message has the form of an answer of the recall tools, which anyone can give to it. */
export const looksRecalled = (message: Message.Message): message is Message.ToolMessage =>
  message.role === "tool" && Message.text(message).startsWith(RECALL_MARK)

/** Returns whether each message is an answer of the recall tools: it looks like one and answers one of their calls. */
export const areRecalled = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<boolean> => {
  const looks = messages.map(looksRecalled)
  if (!looks.includes(true)) return looks
  const { answers } = Message.pairToolCalls(messages)
  return messages.map((message, i) => {
    const caller = messages[answers[i] ?? -1]
    if (!looksRecalled(message) || caller === undefined) return false
    return Message.toolCalls(caller).every((call) => call.id !== message.tool_call_id || isRecallCall(call))
  })
}

/**
 * Replaces answers of the recall tools by a note: they repeat earlier messages, and may be cut within a secret, which
 * redaction would no longer recognize.
 */
export const omitRecalled = <A extends { readonly message: Message.Message }>(
  entries: ReadonlyArray<A>
): ReadonlyArray<A> => {
  const recalled = areRecalled(entries.map(({ message }) => message))
  return recalled.includes(true)
    ? entries.map((entry, i) =>
        recalled[i] === true
          ? { ...entry, message: { ...entry.message, content: `${RECALL_MARK} Earlier messages.` } }
          : entry
      )
    : entries
}

/** Splits a handoff into its parts, each beginning with its mark. */
export const splitAtMarks = (handoff: string): ReadonlyArray<string> => handoff.split(/^(?=\[throughline )/m)

/** Makes marks within the text unrecognizable, so that a summarized conversation cannot end or begin a part. */
export const disarmMarks = (text: string): string => text.replace(/\[(?=throughline)/gi, "(")

// ── what a text only quotes ──

/** A text in two: the words of who wrote it, and the words that it quotes, each in their order. */
export interface Voices {
  readonly said: string
  readonly quoted: string
}

/**
 * Separates what a text says from what it quotes: lines behind `>`, fenced, tagged and delimited blocks, indented code,
 * diffs, mails from their headers on, and handoffs from their mark to a line that begins with their end.
 *
 * A tagged or delimited block ends with the last end of its kind, because what it quotes may hold an end, too. Code is
 * fenced so often that the first end counts, unless that leaves a fence without its other. A block that never ends quotes
 * its first paragraph: so it cannot hide what is said after it. A mail goes on to the end of the text.
 */
export const separateQuotes = (text: string): Voices => {
  if (!MAY_QUOTE.test(text)) return { said: text.replace(SAID, ""), quoted: "" }
  const plain = withPlainBreaks(text)
  const lines = indexLines(plain)
  const findBlock = makeBlockFinder(plain, lines)
  const said: Array<Piece> = []
  const quoted: Array<Piece> = []
  /** The pieces said before the first fenced block, by its mark. */
  const saidBefore = new Map<string, number>()
  let isCode = false
  let hasList = false
  let isAfterBlank = true
  let at: Place = { line: 0, column: 0 }
  while (at.line < lines.count) {
    const start = lines.startOf(at.line) + at.column
    const rest = plain.slice(start, lines.endOf(at.line))
    const wasCode: boolean = isCode
    const isIndented = at.column === 0 && INDENTED.test(rest)
    // A mark within indented code begins no block of its own.
    const block = wasCode && isIndented ? undefined : findBlock(at, rest)
    if (block === undefined) {
      isCode = isIndented && (isCode || (isAfterBlank && !hasList && !LIST_ITEM.test(rest)))
      const isQuoted = isCode || (at.column === 0 && QUOTED_LINE.test(rest))
      addPiece(isQuoted ? quoted : said, plain, start, start + rest.length)
      if (!isQuoted) {
        hasList ||= LIST_ITEM.test(rest)
        isCode = wasCode && isBlank(rest)
      }
      isAfterBlank = isBlank(rest)
      at = { line: at.line + 1, column: 0 }
      continue
    }
    if (block.start > 0) addPiece(said, plain, start, start + block.start)
    if (block.fence !== undefined) {
      const before = saidBefore.get(block.fence)
      if (before === undefined) saidBefore.set(block.fence, said.length)
      // This fence is the other of the first, whose block held fences itself.
      else if (block.isLeftOver === true) for (const piece of said.splice(before)) quoted.push(piece)
    }
    const end = lines.startOf(block.end.line) + block.end.column
    addPiece(quoted, plain, start + block.start, end)
    const isLineOver = isBlank(plain.slice(end, lines.endOf(block.end.line)))
    at = isLineOver ? { line: block.end.line + 1, column: 0 } : block.end
    isAfterBlank = false
    isCode = false
  }
  const join = (pieces: ReadonlyArray<Piece>) => pieces.map(({ end, start }) => plain.slice(start, end)).join("\n")
  return quoted.length === 0
    ? { said: text.replace(SAID, ""), quoted: "" }
    : { said: join(said).replace(SAID, ""), quoted: join(quoted) }
}

/** A piece of a text that one voice has: whole lines, or a part of one. */
interface Piece {
  readonly start: number
  end: number
}

/** Lines that follow each other are one piece. */
const addPiece = (pieces: Array<Piece>, text: string, start: number, end: number): void => {
  const last = pieces.at(-1)
  if (last?.end === start - 1 && text[last.end] === "\n") last.end = end
  else pieces.push({ start, end })
}

/** The lines of a text by their number. Few are needed at once, and a million strings take longer to keep than to make. */
interface Lines {
  readonly count: number
  readonly startOf: (line: number) => number
  readonly endOf: (line: number) => number
  /** The empty text for a line that is not there. */
  readonly read: (line: number) => string
}

const indexLines = (text: string): Lines => {
  const starts = [0]
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1)
  const startOf = (line: number) => starts[line] ?? text.length
  const endOf = (line: number) => (starts[line + 1] ?? text.length + 1) - 1
  return { count: starts.length, startOf, endOf, read: (line) => text.slice(startOf(line), endOf(line)) }
}

interface Place {
  readonly line: number
  readonly column: number
}

/** A block within the rest of a line, to the place behind its last character. */
interface Block {
  readonly start: number
  readonly end: Place
  /** The mark of a fence. One without a language that no other follows `isLeftOver`. */
  readonly fence?: string
  readonly isLeftOver?: boolean
}

/** Looks at each line once, and at few of the lines behind it. */
const makeBlockFinder = (text: string, lines: Lines): ((at: Place, rest: string) => Block | undefined) => {
  const ends = MAY_END.test(text) ? findLastEnds(lines) : new Map<string, Place>()
  /** The shortest fence of each mark that nothing ends any more. */
  const endless = new Map<string, number>()

  let crowded = { line: 0, blocks: 0 }

  const endOfLine = (line: number): Place => ({ line, column: lines.endOf(line) - lines.startOf(line) })
  const endOfText = endOfLine(lines.count - 1)

  const findLine = (after: number, isIt: (line: string) => boolean): number | undefined => {
    for (let line = after + 1; line < lines.count; line++) if (isIt(lines.read(line))) return line
    return undefined
  }

  const endOfParagraph = ({ line }: Place): Place => endOfLine((findLine(line, isBlank) ?? lines.count) - 1)

  const findLastEnd = (name: string, { column, line }: Place): Place | undefined => {
    const end = ends.get(name)
    return end !== undefined && (end.line > line || (end.line === line && end.column > column)) ? end : undefined
  }

  const findFence = (at: Place, rest: string): Block | undefined => {
    const found = FENCE.exec(rest)
    if (found === null) return undefined
    const [run] = found
    const start = found.index
    const isFirst = start === 0 || isBlank(rest.slice(0, start))
    // Prose that only talks about a fence goes on behind it.
    if (!isFirst && /^\s+\S/.test(rest.slice(start + run.length))) return undefined
    const fence = run.slice(0, 1)
    const inLine = rest.indexOf(run, start + run.length)
    if (inLine >= 0) return { start, end: { line: at.line, column: at.column + inLine + run.length } }
    const isEndless = run.length >= (endless.get(fence) ?? Infinity)
    for (let line = isEndless ? lines.count : at.line + 1; line < lines.count; line++)
      if (endsWithFence(lines.read(line), run)) return { start, end: endOfLine(line), fence }
    endless.set(fence, Math.min(run.length, endless.get(fence) ?? Infinity))
    if (!isFirst) return undefined
    return { start, end: endOfParagraph(at), fence, isLeftOver: isBlank(rest.slice(start + run.length)) }
  }

  const findDelimited = (at: Place, rest: string): Block | undefined => {
    const found = DELIMITER.exec(rest)
    if (found === null) return undefined
    const [mark] = found
    const start = found.index
    const end = findLastEnd(mark, { line: at.line, column: at.column + start + mark.length })
    return end === undefined && !isBlank(rest.slice(0, start)) ? undefined : { start, end: end ?? endOfParagraph(at) }
  }

  const findTagged = (at: Place, rest: string): Block | undefined => {
    if (!rest.includes("<")) return undefined
    for (const { 0: tag, 1: name = "", index: start } of rest.matchAll(TAG)) {
      if (tag.endsWith("/>") || SAYING.test(name)) continue
      const isFirst = start === 0 || isBlank(rest.slice(0, start))
      const end = findLastEnd(name.toLowerCase(), { line: at.line, column: at.column + start })
      if (end !== undefined && (isFirst || end.line === at.line || !HTML.test(name))) return { start, end }
      if (end === undefined && rest.trim() === tag) return { start, end: endOfParagraph(at) }
    }
    return undefined
  }

  /** Two headers of a mail, with an address among them or the words of its date or subject. */
  const isMail = ({ line }: Place): boolean => {
    const near = Array.from({ length: Math.min(MOST_HEADERS, lines.count - line) }, (_, i) => lines.read(line + i))
    const end = near.findIndex((text) => !HEADER.test(text) && !/^\s+\S/.test(text))
    const headers = end < 0 ? near : near.slice(0, end)
    const names = new Set(headers.map((text) => HEADER.exec(text)?.[1]?.toLowerCase() ?? ""))
    names.delete("")
    return names.size > 1 && (headers.some((text) => text.includes("@")) || [...names].some((name) => DATED.test(name)))
  }

  /** An answer may stand above a mail without marks, or among lines behind `>`. */
  const isUnmarkedMail = ({ line }: Place, rest: string): boolean => {
    if (!WROTE.test(rest)) return false
    const next = findLine(line, (text) => !isBlank(text))
    return next !== undefined && !QUOTED_LINE.test(lines.read(next))
  }

  const startsMail = (at: Place, rest: string): boolean =>
    FORWARDED.test(rest) || (HEADER.test(rest) && isMail(at)) || isUnmarkedMail(at, rest)

  return (at, rest) => {
    if (!MAY_BEGIN.test(rest)) return undefined
    if (at.column === 0) {
      if (rest.startsWith(HANDOFF_MARK)) {
        // The mark alone says nothing about whose words follow. A whole handoff is a document that somebody pasted.
        const end = findLastEnd(HANDOFF_END, at)
        if (end !== undefined) return { start: 0, end }
      }
      if (BEGIN.test(rest)) return { start: 0, end: findLastEnd(END, at) ?? endOfParagraph(at) }
      if (DIFF.test(rest)) return { start: 0, end: endOfParagraph(at) }
      if (MAY_BE_MAIL.test(rest) && startsMail(at, rest)) return { start: 0, end: endOfText }
    }
    if (at.line !== crowded.line) crowded = { line: at.line, blocks: 0 }
    // Looking again at the rest of a line for each of very many blocks would take the square of its length.
    if (++crowded.blocks > MOST_BLOCKS) return { start: 0, end: endOfLine(at.line) }
    const fence = findFence(at, rest)
    if (fence?.start === 0) return fence
    return firstBlock(firstBlock(fence, findDelimited(at, rest)), findTagged(at, rest))
  }
}

const endsWithFence = (line: string, run: string): boolean =>
  line === run || (line.includes(run) && (FENCE_END.exec(line)?.[1] ?? "").startsWith(run))

const firstBlock = (a: Block | undefined, b: Block | undefined): Block | undefined =>
  a === undefined || (b !== undefined && b.start < a.start) ? b : a

/** The place behind the last end of each kind of block. */
const findLastEnds = (lines: Lines): ReadonlyMap<string, Place> => {
  const ends = new Map<string, Place>()
  for (let line = 0; line < lines.count; line++) {
    const text = lines.read(line)
    if (!MAY_END.test(text)) continue
    if (BLOCK_END.test(text)) ends.set(END, { line, column: text.length })
    for (const { 0: end, 1: name = end, index } of text.matchAll(TAG_END))
      ends.set(name.toLowerCase(), { line, column: index + end.length })
  }
  return ends
}

const MOST_BLOCKS = 32
const MOST_HEADERS = 40

const END = "end"
const QUOTED_LINE = /^\s*(?:[-*+]\s+)?(?:[>＞»]|&gt;)/
const LIST_ITEM = /^\s*(?:[-*+•]|\d{1,3}[.)])\s/
const INDENTED = /^(?: {4}|\t)\s*\S/

/** A quick check that a block may begin in a line. Most have none. */
const MAY_BEGIN = /`{3}|~{3}|"{3}|'{3}|<[a-z]|[:：@]|BEGIN|START|^(?:diff|Index|\[thr)|--/i

/** Quick checks that a line may begin a mail, or end a block. Most do not. */
const MAY_BE_MAIL = /[:：]|--/
const MAY_END = /<\/|"{3}|'{3}|\[thr|END|STOP/i

/** A quick check that a text may hold a block, a quoted line or indented code. Most have none. */
const MAY_QUOTE = /`{3}|~{3}|"{3}|'{3}|<[a-z]|[:：@>＞»\t]|&gt;|BEGIN|START|diff|Index|\[thr|--| {4}/i

const FENCE = /`{3,}|~{3,}/
const FENCE_END = /(?:^|[^`~])(`{3,}|~{3,})\s*$/
const DELIMITER = /"""|'''/
const BEGIN = /^\s*[^\w\s]{1,20}\s*(?:BEGIN|START)\b.{0,200}[^\w\s]\s*$/
const BLOCK_END = /^\s*[^\w\s]{1,20}\s*(?:END|STOP)\b/
const DIFF = /^(?:diff --git |@@ -\d|Index: \S)/

/** Not the one behind a word, which is a type. */
const TAG = /(?<![\w`])<([a-z][\w:.-]{0,63})(?:\s[^<>]{0,1000})?>/gi
const TAG_END = /<\/([a-z][\w:.-]{0,63})\s{0,8}>|"""|'''|^\[throughline end of handoff\]/gi
/** Tags that quote nothing: they format a few words, stand alone, or hold what a host says the user has said. */
const SAYING =
  /^(?:b|i|u|s|em|strong|code|kbd|mark|small|sub|sup|del|ins|span|a|br|hr|img|input|link|meta|user[-_]?(?:query|message|request|input|prompt)|task|feedback)$/i
/** Tags that a host puts around the words of its user. */
const SAID = /<\/?(?:user[-_]?(?:query|message|request|input|prompt)|task|feedback)>/gi
/** Tags that talk about code mentions in its lines, and that the code below then ends. */
const HTML = /^(?:div|p|ul|ol|li|table|t[rdh]|h[1-6]|script|style|form|button|label|svg|pre)$/i

const HEADER =
  /^\s*\*{0,2}(from|to|cc|bcc|date|sent|subject|reply-to|message-id|von|an|gesendet|datum|betreff|de|à|envoyé|objet|para|fecha|enviado|asunto|data|assunto|da|inviato|oggetto|от|кому|дата|тема|发件人|收件人|发送时间|日期|主题|寄件者|收件者|主旨|差出人|宛先|日時|件名|보낸 사람|받는 사람|날짜|제목)\*{0,2}\s?[:：]\*{0,2}\s*\S/iu
const DATED =
  /^(?:date|sent|subject|gesendet|datum|betreff|envoyé|objet|fecha|enviado|asunto|assunto|inviato|oggetto|дата|тема|发送时间|日期|主题|主旨|日時|件名|날짜|제목)$/u
const FORWARDED =
  /^\s*(?:-{2,}\s*(?:original|forwarded|ursprüngliche|weitergeleitete) (?:message|nachricht)\b|begin forwarded message:)/i
const WROTE =
  /^\s*(?:on|am|le|el|il|em) .{4,200}\b(?:wrote|schrieb|a écrit|escribió|ha scritto|escreveu)\b.{0,100}:\s*$/iu
