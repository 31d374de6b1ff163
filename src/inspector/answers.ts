/** Reads answers of the service for a component, and reads them again when they are no longer true. */
import { useEffect, useState } from "preact/hooks"
import { live } from "./live.ts"

export interface Answer<A> {
  readonly value: A | null
  readonly error: Error | null
}

const NOTHING = { value: null, error: null }

/**
 * Reads what belongs to `key`. While it is read again under a new `revision`, the value before stays; under another key
 * it goes at once.
 */
export const useAnswer = <A>(key: string, revision: number, read: (signal: AbortSignal) => Promise<A>): Answer<A> => {
  const [state, setState] = useState<Answer<A> & { readonly key: string }>({ ...NOTHING, key })
  useEffect(() => {
    const stop = new AbortController()
    read(stop.signal).then(
      (value) => setState({ key, value, error: null }),
      (cause: unknown) => {
        if (stop.signal.aborted) return
        const error = cause instanceof Error ? cause : new Error(String(cause))
        setState((before) => ({ key, value: before.key === key ? before.value : null, error }))
      }
    )
    return () => stop.abort()
  }, [key, revision])
  return state.key === key ? state : NOTHING
}

/** The number of changes of a session, told at most once a second: a busy session would be read without end. */
export const useRevision = (session: string): number => {
  const [revision, setRevision] = useState(live.revisions.get(session) ?? 0)
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const look = () => {
      timer ??= setTimeout(() => {
        timer = undefined
        setRevision(live.revisions.get(session) ?? 0)
      }, BETWEEN_READS)
    }
    const unsubscribe = live.subscribe(look)
    return () => {
      unsubscribe()
      clearTimeout(timer)
    }
  }, [session])
  return revision
}

const BETWEEN_READS = 1_000
