/** Reads server-sent events with `fetch`, since `EventSource` cannot send a token. */
import { makeHeaders, type ServerEvent } from "./client.ts"

export type Connection = "connecting" | "live" | "lost" | "refused"

export interface EventListener {
  readonly onEvent: (event: ServerEvent) => void
  readonly onConnection: (connection: Connection) => void
}

/** Reads until it is stopped, and connects again after what broke, from the event on that it has had. */
export const followEvents = ({ onConnection, onEvent }: EventListener): (() => void) => {
  const stop = new AbortController()
  let last: string | undefined
  let wait = FIRST_WAIT

  const readOnce = async (): Promise<void> => {
    onConnection("connecting")
    const path = last === undefined ? "/events" : `/events?after=${encodeURIComponent(last)}`
    const response = await fetch(path, { headers: makeHeaders(), signal: stop.signal, cache: "no-store" })
    if (response.status === 401) return onConnection("refused")
    if (!response.ok || response.body === null) throw new Error("no stream")
    onConnection("live")
    wait = FIRST_WAIT
    await readFrames(response.body, (frame) => {
      const { data, id } = readFields(frame)
      if (id !== undefined) last = id
      if (data === undefined) return
      const event: ServerEvent = JSON.parse(data)
      onEvent(event)
    })
  }

  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      try {
        await readOnce()
      } catch {
        // The connection broke, or the service is away: both are told below.
      }
      if (stop.signal.aborted) return
      onConnection("lost")
      await new Promise((resolve) => setTimeout(resolve, wait))
      wait = Math.min(LONGEST_WAIT, 2 * wait)
    }
  }
  void run()
  return () => stop.abort()
}

const FIRST_WAIT = 500
const LONGEST_WAIT = 10_000

/** Frames end with an empty line. The service writes `\n` alone. */
const readFrames = async (body: ReadableStream<Uint8Array>, onFrame: (frame: string) => void): Promise<void> => {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ""
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const frames = (rest + decoder.decode(read.value, { stream: true })).split("\n\n")
    rest = frames.pop() ?? ""
    frames.forEach(onFrame)
  }
}

const readFields = (frame: string): { readonly id?: string; readonly data?: string } => {
  const fields: { id?: string; data?: string } = {}
  for (const line of frame.split("\n")) {
    if (line.startsWith("id: ")) fields.id = line.slice(4)
    else if (line.startsWith("data: "))
      fields.data = (fields.data === undefined ? "" : `${fields.data}\n`) + line.slice(6)
  }
  return fields
}
