/**
 * Pictures for a terminal: what fills a context window.
 *
 * @since 0.1.0
 */

/**
 * A part of a window.
 *
 * @since 0.1.0
 * @category models
 */
export interface Part {
  readonly name: string
  readonly tokens: number
}

/**
 * How to draw: `width` in columns; without `color` the parts differ by their glyphs alone.
 *
 * @since 0.1.0
 * @category models
 */
export interface Style {
  readonly width: number
  readonly color: boolean
}

/** Told apart without colour; the last of each pair is an ANSI colour. */
const FILLS: ReadonlyArray<readonly [glyph: string, color: number]> = [
  ["█", 34],
  ["▓", 36],
  ["▒", 32],
  ["▚", 33],
  ["▤", 35],
  ["▦", 31],
  ["◆", 94],
  ["●", 96]
]
const FREE = "·"

/**
 * The bar alone, on one line. Columns are cut at the running sum, so that rounding never adds up and the filled length
 * is right to one column.
 *
 * @since 0.1.0
 * @category constructors
 */
export const drawBar = (parts: ReadonlyArray<Part>, contextLength: number, style: Style): string => {
  const inner = Math.max(1, style.width - 2)
  const column = (tokens: number) => Math.min(inner, Math.round((tokens / contextLength) * inner))
  let sum = 0
  const pieces = parts.map(({ tokens }, index) => {
    const from = column(sum)
    sum += tokens
    return paintGlyphs(glyphOf(index).repeat(column(sum) - from), index, style)
  })
  const edge = sum > contextLength ? "!" : "]"
  return `[${pieces.join("")}${FREE.repeat(inner - column(sum))}${edge}`
}

/**
 * How far something is, as a bar on one line.
 *
 * @since 0.1.0
 * @category constructors
 */
export const drawProgress = (done: number, all: number, style: Style): string =>
  drawBar([{ name: "done", tokens: done }], Math.max(1, done, all), style)

/**
 * A context window as a bar with a legend of what is there. One column is always the same number of tokens; what is over the window is
 * cut at its edge, and the legend says by how much.
 *
 * @since 0.1.0
 * @category constructors
 */
export const drawWindow = (parts: ReadonlyArray<Part>, contextLength: number, width: number, color: boolean): string =>
  [drawBar(parts, contextLength, { width, color }), ...listLegend(parts, contextLength, { width, color })].join("\n")

/**
 * Two bars on one scale, before and after a compression, with one line about the difference.
 *
 * @since 0.1.0
 * @category constructors
 */
export const drawBeforeAfter = (
  before: ReadonlyArray<Part>,
  after: ReadonlyArray<Part>,
  contextLength: number,
  width: number,
  color: boolean
): string => {
  const saved = sumTokens(before) - sumTokens(after)
  const share = sumTokens(before) === 0 ? 0 : saved / sumTokens(before)
  return [
    "before",
    drawWindow(before, contextLength, width, color),
    "",
    "after",
    drawWindow(after, contextLength, width, color),
    "",
    `${formatTokens(sumTokens(before))} → ${formatTokens(sumTokens(after))} tokens (${formatPercent(-share)})`
  ].join("\n")
}

const sumTokens = (parts: ReadonlyArray<Part>): number => parts.reduce((sum, { tokens }) => sum + tokens, 0)

const listLegend = (parts: ReadonlyArray<Part>, contextLength: number, style: Style): ReadonlyArray<string> => {
  const left = contextLength - sumTokens(parts)
  const rows = [
    ...parts.flatMap(({ name, tokens }, index) =>
      tokens === 0 ? [] : [{ mark: paintGlyphs(glyphOf(index), index, style), name, tokens }]
    ),
    { mark: left < 0 ? "!" : FREE, name: left < 0 ? "over the window" : "free", tokens: Math.abs(left) }
  ]
  const names = Math.max(...rows.map(({ name }) => name.length))
  const figures = Math.max(...rows.map(({ tokens }) => formatTokens(tokens).length))
  return rows.map(
    ({ mark, name, tokens }) =>
      `  ${mark} ${name.padEnd(names)}  ${formatTokens(tokens).padStart(figures)}  ${formatPercent(tokens / contextLength).padStart(6)}`
  )
}

const fillOf = (index: number) => FILLS[index % FILLS.length] ?? ["█", 37]
const glyphOf = (index: number): string => fillOf(index)[0]

const paintGlyphs = (text: string, index: number, { color }: Style): string =>
  color && text !== "" ? `\u001B[${fillOf(index)[1]}m${text}\u001B[0m` : text

const formatTokens = (n: number): string => n.toLocaleString("en-US")

const formatPercent = (share: number): string => `${(share * 100).toFixed(1)}%`
