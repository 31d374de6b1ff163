/**
 * Decodes answers: streams of server-sent events, and bodies that come whole. The client's own decoder gives up on a piece
 * that it cannot parse, hides comments, which are all that some servers send while they work, and believes the header.
 */

/** A piece of an answer: an event of a stream, or all of a body. `type` is empty if the server named none. */
export interface Piece {
  readonly kind: "event" | "body"
  readonly type: string
  readonly data: string
}

/** Decodes one answer, in the order of its pieces. */
interface Decoder<Input> {
  /** Returns the pieces that end within this input. */
  readonly decode: (input: Input) => ReadonlyArray<Piece>
  /** Returns the piece that the end of the answer leaves open. */
  readonly flush: () => ReadonlyArray<Piece>
}

/**
 * Makes a decoder of the kind of answer that its first character tells: JSON and HTML are no events. The header does not
 * tell it: servers that do not stream keep the header of those that do, and proxies change it.
 */
export const makeAnswerDecoder = (): Decoder<Uint8Array> => {
  const characters = new TextDecoder()
  let decoder: Decoder<string> | undefined

  const decode = (bytes: Uint8Array) => {
    const decoded = characters.decode(bytes, { stream: true })
    const text = decoder === undefined ? decoded.trimStart() : decoded
    if (text === "") return []
    decoder ??= /^[{[<]/.test(text) ? makeBodyDecoder() : makeEventDecoder()
    return decoder.decode(text)
  }

  return { decode, flush: () => decoder?.flush() ?? [] }
}

const makeBodyDecoder = (): Decoder<string> => {
  let data = ""
  const decode = (text: string) => {
    data += text
    return []
  }
  // Servers that make a body of a stream leave its end mark behind.
  return { decode, flush: () => [{ kind: "body", type: "", data: data.replace(/data: ?\[DONE\]\s*$/, "") }] }
}

const makeEventDecoder = (): Decoder<string> => {
  let unfinished = ""
  let endsInReturn = false
  let type = ""
  let data: Array<string> = []

  const closeEvent = (): ReadonlyArray<Piece> => {
    const event = { kind: "event", type, data: data.join("\n") } as const
    const isEmpty = data.length === 0
    type = ""
    data = []
    return isEmpty ? [] : [event]
  }

  const readLine = (line: string): ReadonlyArray<Piece> => {
    if (line === "") return closeEvent()
    const [, name, value = ""] = /^([^:]*)(?:: ?([^]*))?$/.exec(line) ?? []
    if (name === "data") data.push(value)
    if (name === "event") type = value
    return []
  }

  const decode = (decoded: string) => {
    // A line break may be parted: the line feed then belongs to the carriage return before it.
    const text = endsInReturn && decoded.startsWith("\n") ? decoded.slice(1) : decoded
    if (decoded !== "") endsInReturn = decoded.endsWith("\r")
    const [first = "", ...others] = text.split(/\r\n|\n|\r/)
    const begun = unfinished + first
    const last = others.pop()
    unfinished = last ?? begun
    return last === undefined ? [] : [begun, ...others].flatMap(readLine)
  }

  const flush = () => {
    const line = unfinished
    unfinished = ""
    return [...(line === "" ? [] : readLine(line)), ...closeEvent()]
  }

  return { decode, flush }
}

/** Parses JSON, in which Python's servers also write NaN and infinity. Returns undefined for anything else. */
export const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    if (!/NaN|Infinity/.test(text)) return undefined
    const plain = text.replaceAll(STRING_OR_NO_NUMBER, (piece) => (piece.startsWith('"') ? piece : "null"))
    return plain === text ? undefined : parseJson(plain)
  }
}

/** A string that never ends is taken to the end of the text, so that no character is read twice. */
const STRING_OR_NO_NUMBER = /"[^"\\]*(?:\\[^][^"\\]*)*(?:"|\\?$)|-?\b(?:NaN|Infinity)\b/g
