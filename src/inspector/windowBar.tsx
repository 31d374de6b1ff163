/** How full a window is, and of what. */
import { countThings, formatCount, formatThousands } from "./text.tsx"

/** `kind` is one of the parts of a view, and names its color. */
export interface BarPart {
  readonly kind: string
  readonly tokens: number
}

export interface Threshold {
  readonly kind: "soft" | "hard"
  readonly tokens: number
}

const WIDTH = 1_000
const HEIGHT = 12

export const WindowBar = ({
  contextLength,
  parts,
  thresholds = []
}: {
  readonly contextLength: number
  readonly parts: ReadonlyArray<BarPart>
  readonly thresholds?: ReadonlyArray<Threshold>
}) => {
  const used = parts.reduce((sum, { tokens }) => sum + tokens, 0)
  const scale = WIDTH / Math.max(1, contextLength, used)
  let from = 0
  const placed = parts.map(({ kind, tokens }) => {
    const x = from
    from += tokens * scale
    return { kind, x, width: tokens * scale }
  })
  const share = Math.round((100 * used) / Math.max(1, contextLength))
  return (
    <svg
      class="bar"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`${share} % of the window: ${formatCount(used)} of ${countThings(contextLength, "token")}`}
    >
      <rect class="bar-room" x="0" y="0" width={contextLength * scale} height={HEIGHT} />
      {placed.map(({ kind, width, x }) => (
        <rect key={kind} class={`part-${kind}`} x={x} y="0" width={width} height={HEIGHT} />
      ))}
      {thresholds.map(({ kind, tokens }) => (
        <line key={kind} class={`bar-${kind}`} x1={tokens * scale} x2={tokens * scale} y1="0" y2={HEIGHT} />
      ))}
    </svg>
  )
}

const NAMES: Readonly<Record<string, string>> = {
  system: "System",
  head: "Head",
  handoff: "Handoff",
  live: "Open requests",
  requests: "Open requests",
  tail: "Tail",
  soft: "compresses in the background",
  hard: "waits for a compression"
}

export const namePart = (kind: string): string => NAMES[kind] ?? kind

/** What the colors of a bar mean. Parts without a token are left out. */
export const Legend = ({
  parts,
  thresholds = []
}: {
  readonly parts: ReadonlyArray<BarPart & { readonly messages?: number }>
  readonly thresholds?: ReadonlyArray<Threshold>
}) => (
  <ul class="legend">
    {parts
      .filter(({ tokens }) => tokens > 0)
      .map(({ kind, messages, tokens }) => (
        <li key={kind}>
          <span class={`dot dot-${kind}`} aria-hidden="true" />
          {namePart(kind)} <b>{formatThousands(tokens)}</b>
          {messages === undefined ? "" : ` in ${countThings(messages, "message")}`}
        </li>
      ))}
    {thresholds.map(({ kind, tokens }) => (
      <li key={kind}>
        <span class={`tick tick-${kind}`} aria-hidden="true" />
        from <b>{formatThousands(tokens)}</b> {namePart(kind)}
      </li>
    ))}
  </ul>
)
