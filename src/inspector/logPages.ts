/** The messages of a log, read in pages as somebody scrolls. */
import { setNewest } from "../concurrency/newestEntries.ts"
import { type LogEntry, readLog } from "./client.ts"

export const PAGE = 100

/** The number of pages that stay in memory: those seen last. */
const MOST_PAGES = 30

/** A message of the log; `undone` if a rewind took it back, so that it is not told. */
export type LogRow = LogEntry | "undone"

export class LogPages {
  private readonly pages = new Map<number, ReadonlyMap<number, LogRow>>()
  private readonly asked = new Map<number, AbortController>()
  private readonly session: string
  private readonly onChange: (error: Error | null) => void

  constructor(session: string, onChange: (error: Error | null) => void) {
    this.session = session
    this.onChange = onChange
  }

  row(seq: number): LogRow | undefined {
    return this.pages.get(Math.floor((seq - 1) / PAGE))?.get(seq)
  }

  /** Reads the pages of these messages, and gives up those that were asked for and are out of sight by now. */
  want(fromSeq: number, toSeq: number, lastSeq: number): void {
    const wanted = new Set<number>()
    for (let page = Math.floor((fromSeq - 1) / PAGE); page * PAGE < toSeq; page++) wanted.add(page)
    for (const [page, stop] of this.asked) if (!wanted.has(page)) stop.abort()
    for (const page of wanted) {
      const known = this.pages.get(page)
      const end = Math.min(lastSeq, (page + 1) * PAGE)
      if (known === undefined ? !this.asked.has(page) : !known.has(end) && !this.asked.has(page))
        void this.read(page, end)
    }
  }

  /** Forgets all pages: another segment may cover their messages by now. */
  forget(): void {
    for (const stop of this.asked.values()) stop.abort()
    this.asked.clear()
    this.stale = new Map(this.pages)
    this.pages.clear()
  }

  /** The pages of before, shown until they are read again. */
  private stale: ReadonlyMap<number, ReadonlyMap<number, LogRow>> = new Map()

  staleRow(seq: number): LogRow | undefined {
    return this.row(seq) ?? this.stale.get(Math.floor((seq - 1) / PAGE))?.get(seq)
  }

  stop(): void {
    for (const stop of this.asked.values()) stop.abort()
  }

  private async read(page: number, end: number): Promise<void> {
    const stop = new AbortController()
    this.asked.set(page, stop)
    const from = page * PAGE + 1
    try {
      const { entries } = await readLog(this.session, from, PAGE, stop.signal)
      const rows = new Map<number, LogRow>()
      for (let seq = from; seq <= end; seq++) rows.set(seq, "undone")
      for (const entry of entries) if (entry.seq < from + PAGE) rows.set(entry.seq, entry)
      setNewest(this.pages, page, rows, MOST_PAGES)
      this.onChange(null)
    } catch (cause) {
      if (!stop.signal.aborted) this.onChange(cause instanceof Error ? cause : new Error(String(cause)))
    } finally {
      if (this.asked.get(page) === stop) this.asked.delete(page)
    }
  }
}
