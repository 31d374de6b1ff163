/** Text of any origin. It is never markup here, and nothing in it hides or changes the order in which it is read. */
import type { ComponentChildren } from "preact"
import { useState } from "preact/hooks"
import { HIDDEN } from "../message/invisible.ts"

const EACH_HIDDEN = new RegExp(`(?:${HIDDEN.source.replace("|\\t", "|[\\t\\n]")}){1,256}`, "gu")

/** Splits a text into what is shown as it is, and runs of characters that nobody would see. */
const splitHidden = (text: string): ReadonlyArray<{ readonly text: string; readonly isHidden: boolean }> => {
  const pieces: Array<{ readonly text: string; readonly isHidden: boolean }> = []
  let end = 0
  for (const match of text.matchAll(EACH_HIDDEN)) {
    if (match.index > end) pieces.push({ text: text.slice(end, match.index), isHidden: false })
    pieces.push({ text: match[0], isHidden: true })
    end = match.index + match[0].length
  }
  if (end < text.length) pieces.push({ text: text.slice(end), isHidden: false })
  return pieces
}

const nameHidden = (characters: string): string => {
  const names = Array.from(characters, (character) => {
    const code = character.codePointAt(0) ?? 0
    if (code < 0x20) return String.fromCodePoint(0x2400 + code)
    return code === 0x7f ? "␡" : `U+${code.toString(16).toUpperCase().padStart(4, "0")}`
  })
  const [first = ""] = names
  return names.length < 4 ? names.join(" ") : `${first} … ×${names.length}`
}

/** A text in the line of others, such as an id, a path, or an excerpt. */
export const Words = ({ text }: { readonly text: string }) => (
  <bdi>
    {splitHidden(text).map(({ isHidden, text }, index) =>
      isHidden ? (
        <span key={index} class="hidden-characters" title="characters that are not shown otherwise">
          {nameHidden(text)}
        </span>
      ) : (
        text
      )
    )}
  </bdi>
)

const FIRST = 4_000

/** A text as it is laid out, of which a long one is opened on request. */
export const Prose = ({ text, isCode = false }: { readonly text: string; readonly isCode?: boolean }) => {
  const [isOpen, setOpen] = useState(false)
  const shown = isOpen || text.length <= FIRST * 1.2 ? text : text.slice(0, FIRST)
  return (
    <div class={isCode ? "prose code" : "prose"} dir="auto">
      <Words text={shown} />
      {shown.length < text.length && (
        <p>
          <button type="button" class="quiet" onClick={() => setOpen(true)}>
            Show all {formatCount(text.length)} characters
          </button>
        </p>
      )}
    </div>
  )
}

export const formatCount = (n: number): string => Math.round(n).toLocaleString("en-US")

export const countThings = (n: number, thing: string): string => `${formatCount(n)} ${thing}${n === 1 ? "" : "s"}`

/** `1.5k` below ten thousand, `120k` below a million. */
export { formatThousands } from "../picture/windowPicture.ts"

export const formatSeconds = (milliseconds: number): string =>
  milliseconds < 60_000
    ? `${(milliseconds / 1_000).toFixed(1)} s`
    : `${Math.floor(milliseconds / 60_000)} min ${Math.round((milliseconds % 60_000) / 1_000)} s`

/** The time of a clock that everybody shares. */
export const formatTime = (at: number): string => new Date(at).toISOString().slice(0, 19).replace("T", " ")

export const Moment = ({ at }: { readonly at: number }) => (
  <time dateTime={new Date(at).toISOString()} title={`${formatTime(at)} UTC`}>
    {formatTime(at)}
  </time>
)

/** What is not there, or not yet. */
export const Note = ({ children }: { readonly children: ComponentChildren }) => <p class="note">{children}</p>

export const Failure = ({ error }: { readonly error: Error | null }) =>
  error === null ? null : (
    <p class="failure" role="alert">
      <Words text={error.message} />
    </p>
  )
