/**
 * Other ways to keep a session in its window, drawn by what their documents say. They are sketches, not the code of those
 * agents; all of them have the same stand-in for a model.
 */
import { estimate } from "../../src/message/Tokens.ts"
import { type Auxiliary, type Call, type Run, tokensOf } from "./account.ts"
import { SYSTEM } from "./library.ts"
import { chooseLines } from "./standIn.ts"
import { textUnit, type Transcript, type Unit } from "./transcript.ts"

interface Entry extends Unit {
  readonly role: string
}

interface Change {
  readonly view: ReadonlyArray<Entry>
  readonly auxiliary?: Omit<Auxiliary, "calls">
}

/** Decides before a call what becomes of the view, system prompt left out; undefined leaves it as it is. */
type Sketch = (
  view: ReadonlyArray<Entry>,
  given: { readonly size: number; readonly window: number; readonly write: (text: string, tokens: number) => Entry }
) => Change | undefined

const plain = (view: ReadonlyArray<Entry>): string => view.map(({ key }) => key).join("\n")

/** The index where the last `budget` tokens begin, no call cut from its results. */
const tailFrom = (view: ReadonlyArray<Entry>, budget: number): number => {
  let room = budget
  let i = view.length
  while (i > 0 && view[i - 1]!.tokens <= room) room -= view[--i]!.tokens
  return afterResults(view, i)
}

const afterResults = (view: ReadonlyArray<Entry>, index: number): number => {
  let i = Math.max(0, index)
  while (view[i]?.role === "tool") i++
  return i
}

const STUB = 20
const isLarge = ({ role, tokens }: Entry) => role === "tool" && tokens >= 2 * STUB

const clear = (view: ReadonlyArray<Entry>, stay: number, atOnce: number): Change | undefined => {
  const large = view.flatMap((entry, i) => (isLarge(entry) ? [i] : []))
  if (large.length < stay + atOnce) return undefined
  const gone = new Set(large.slice(0, -stay))
  return {
    view: view.map((entry, i) =>
      gone.has(i) ? { ...entry, key: `cleared\n${entry.key.slice(0, 40)}`, tokens: STUB, words: new Set() } : entry
    )
  }
}

const SKETCHES: Readonly<Record<string, Sketch>> = {
  "no compression, whatever the window": () => undefined,
  "pi-like: at the window less 16k, keeps 20k": (view, { size, window, write }) => {
    if (size <= window - 16_384) return undefined
    const at = tailFrom(view, 20_000)
    const text = plain(view.slice(0, at))
    const input = estimate.text(text) + 800
    return { view: [write(text, 2_000), ...view.slice(at)], auxiliary: { input, cached: 0, output: 2_000 } }
  },
  "Codex-like: at 90 %, keeps 20k of the user": (view, { size, window, write }) => {
    if (size <= 0.9 * window) return undefined
    const users = view.filter(({ role }) => role === "user")
    const summary = write(plain(view), 2_000)
    const auxiliary = { input: size + 600, cached: size, output: 2_000 }
    return { view: [...users.slice(tailFrom(users, 20_000)), summary], auxiliary }
  },
  "LangChain-like: at 50 %, keeps 20 messages": (view, { size, window, write }) => {
    const at = afterResults(view, view.length - 20)
    if (size <= 0.5 * window || at === 0) return undefined
    const text = plain(view.slice(0, at)).slice(-16_000)
    return { view: [write(text, 1_000), ...view.slice(at)], auxiliary: { input: 4_800, cached: 0, output: 1_000 } }
  },
  "Hermes-like: at 50 %, head 3, tail 10 %, one summary": (view, { size, window, write }) => {
    const at = Math.max(3, Math.min(tailFrom(view, 0.1 * window), afterResults(view, view.length - 8)))
    if (size <= 0.5 * window || at <= 4) return undefined
    const text = view.slice(3, at).map(({ key, role }) => (role === "tool" ? key.slice(0, 200) : key))
    const input = estimate.text(text.join("\n")) + 1_500
    const summary = write(text.join("\n"), 4_000)
    return { view: [...view.slice(0, 3), summary, ...view.slice(at)], auxiliary: { input, cached: 0, output: 4_000 } }
  },
  "old outputs masked, 30 at once, 10 stay": (view) => clear(view, 10, 30),
  "old outputs cleared at 50k, 12 at once, 3 stay": (view, { size }) =>
    size <= 50_000 ? undefined : clear(view, 3, 12)
}

/** Plays all sketches on the transcript. */
export const play = (transcript: Transcript, window: number): ReadonlyArray<Run> =>
  Object.entries(SKETCHES).map(([name, sketch]) => playSketch(name, sketch, transcript, window))

const playSketch = (name: string, sketch: Sketch, transcript: Transcript, window: number): Run => {
  const { messages, units } = transcript
  const system = textUnit(SYSTEM)
  const calls: Array<Call> = []
  const auxiliary: Array<Auxiliary> = []
  let view: ReadonlyArray<Entry> = []
  let compressions = 0
  const write = (text: string, tokens: number): Entry => {
    const unit = textUnit(chooseLines(text, tokens, transcript).join("\n"))
    return { ...unit, role: "user" }
  }
  for (const [i, unit] of units.entries()) {
    const role = messages[i]?.role ?? ""
    if (role === "assistant") {
      const change = sketch(view, { size: tokensOf([system, ...view]), window, write })
      if (change !== undefined) {
        view = change.view
        compressions++
        if (change.auxiliary !== undefined) auxiliary.push({ ...change.auxiliary, calls: calls.length })
      }
      calls.push({ seq: i + 1, request: [system, ...view], isFirst: messages[i - 1]?.role === "user" })
    }
    view = [...view, { ...unit, role }]
  }
  return { name, calls, auxiliary, compressions }
}
