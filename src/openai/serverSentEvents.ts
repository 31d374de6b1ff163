/**
 * Decodes server-sent events. The client's own decoder gives up on a piece that it cannot parse, and hides comments, which
 * are all that some servers send while they work.
 */

/** One event. `type` is empty if the server named none. */
export interface ServerEvent {
  readonly type: string
  readonly data: string
}

/** Decodes the bytes of one stream, in their order. */
export interface Decoder {
  /** Returns the events that end within these bytes. */
  readonly decode: (bytes: Uint8Array) => ReadonlyArray<ServerEvent>
  /** Returns the event that the end of the stream leaves open. */
  readonly flush: () => ReadonlyArray<ServerEvent>
}

export const makeDecoder = (): Decoder => {
  const characters = new TextDecoder()
  let unfinished = ""
  let endsInReturn = false
  let type = ""
  let data: Array<string> = []

  const closeEvent = (): ReadonlyArray<ServerEvent> => {
    const event = { type, data: data.join("\n") }
    const isEmpty = data.length === 0
    type = ""
    data = []
    return isEmpty ? [] : [event]
  }

  const readLine = (line: string): ReadonlyArray<ServerEvent> => {
    if (line === "") return closeEvent()
    const [, name, value = ""] = /^([^:]*)(?:: ?([^]*))?$/.exec(line) ?? []
    if (name === "data") data.push(value)
    if (name === "event") type = value
    return []
  }

  const decode = (bytes: Uint8Array) => {
    const decoded = characters.decode(bytes, { stream: true })
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
const STRING_OR_NO_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*(?:"|$)|-?\b(?:NaN|Infinity)\b/g
