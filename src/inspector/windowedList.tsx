/**
 * A list of which only the rows in sight are in the page. Each row has the same height, so that the place of a row is
 * known without those before it: nothing moves when they are read.
 */
import type { ComponentChildren, TargetedKeyboardEvent } from "preact"
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks"
import { useActiveRow } from "./activeRow.ts"

export interface WindowedListProps {
  readonly id: string
  readonly label: string
  readonly count: number
  readonly rowHeight: number
  /** The row that is opened, if any. */
  readonly selected: number | null
  /** A row that is to be brought into sight whenever it changes. */
  readonly shown?: number | null
  readonly renderRow: (index: number) => ComponentChildren
  readonly onOpen: (index: number) => void
  /** Told which rows are in sight, the last included. */
  readonly onRange?: (from: number, to: number) => void
}

const BEYOND = 6

export const WindowedList = (props: WindowedListProps) => {
  const { count, id, label, onOpen, onRange, renderRow, rowHeight, selected, shown = null } = props
  const box = useRef<HTMLDivElement>(null)
  const [place, setPlace] = useState({ top: 0, height: 600 })
  const [readRow, setActive] = useActiveRow(Math.max(0, selected ?? 0))
  const readActive = () => Math.min(readRow(), Math.max(0, count - 1))
  const current = readActive()

  useEffect(() => {
    const { current: element } = box
    if (element === null) return
    const observer = new ResizeObserver(() =>
      setPlace((before) => ({ ...before, height: Math.max(rowHeight, element.clientHeight) }))
    )
    observer.observe(element)
    return () => observer.disconnect()
  }, [])

  const bringIntoSight = (index: number, isCentered: boolean) => {
    const { current: element } = box
    if (element === null) return
    const top = index * rowHeight
    const { clientHeight, scrollTop } = element
    if (top >= scrollTop && top + rowHeight <= scrollTop + clientHeight) return
    const below = top + rowHeight - clientHeight
    element.scrollTop = isCentered ? top - clientHeight / 2 : top < scrollTop ? top : below
  }

  // Before the row is seen: keys that are pressed then move from it.
  useLayoutEffect(() => {
    if (shown === null) return
    setActive(shown)
    bringIntoSight(shown, true)
  }, [shown, count > 0])

  const from = Math.max(0, Math.floor(place.top / rowHeight) - BEYOND)
  const to = Math.min(count - 1, Math.ceil((place.top + place.height) / rowHeight) + BEYOND)
  useEffect(() => onRange?.(from, to), [from, to, count])

  const onKeyDown = (event: TargetedKeyboardEvent<HTMLDivElement>) => {
    const page = Math.max(1, Math.floor(place.height / rowHeight) - 1)
    const next = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -count, End: count }[event.key]
    if (next !== undefined) {
      event.preventDefault()
      const index = Math.max(0, Math.min(count - 1, readActive() + next))
      setActive(index)
      bringIntoSight(index, false)
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault()
      if (count > 0) onOpen(readActive())
    }
  }

  const rows = Array.from({ length: Math.max(0, to - from + 1) }, (_, n) => from + n)
  return (
    <div
      id={id}
      class="windowed"
      ref={box}
      tabIndex={0}
      role="listbox"
      aria-label={label}
      aria-activedescendant={rows.includes(current) ? `${id}-${current}` : undefined}
      onScroll={({ currentTarget: { scrollTop } }) => setPlace((before) => ({ ...before, top: scrollTop }))}
      onKeyDown={onKeyDown}
    >
      <div class="windowed-rows" role="presentation" style={{ height: `${count * rowHeight}px` }}>
        {rows.map((index) => (
          <div
            key={index}
            id={`${id}-${index}`}
            class={index === current ? "row active" : "row"}
            role="option"
            aria-selected={index === selected}
            aria-posinset={index + 1}
            aria-setsize={count}
            style={{ top: `${index * rowHeight}px`, height: `${rowHeight}px` }}
            onClick={() => {
              setActive(index)
              onOpen(index)
            }}
          >
            {renderRow(index)}
          </div>
        ))}
      </div>
    </div>
  )
}
