/** The row of a list that the keys are at. */
import { useRef, useState } from "preact/hooks"

/** Keeps the row for handlers to read as it is now: a key may be pressed before the page shows what the one before did. */
export const useActiveRow = <A>(first: A): readonly [read: () => A, set: (row: A) => void] => {
  const active = useRef(first)
  const [, setDrawn] = useState(first)
  const set = (row: A) => {
    active.current = row
    setDrawn(() => row)
  }
  return [() => active.current, set]
}
