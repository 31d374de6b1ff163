/** Bars for a terminal: how full a context window is, and of what. */
import { paintGlyphs } from "./printable.ts"
import { formatCount, type Style } from "./terminal.ts"

/** One part of a context window. */
export interface Part {
  readonly name: string
  readonly tokens: number
}

/** A glyph and an ANSI color for each part, in the order of the parts. */
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

/** Draws a bar on one line. The filled length is right to one column. */
export const drawBar = (parts: ReadonlyArray<Part>, contextLength: number, style: Style): string => {
  const inner = Math.max(1, style.width - 2)
  const widths = divideColumns(parts, contextLength, inner)
  const pieces = widths.map((width, index) => paintPart(glyphOf(index).repeat(width), index, style))
  const free = inner - widths.reduce((sum, width) => sum + width, 0)
  return `[${pieces.join("")}${FREE.repeat(free)}${sumTokens(parts) > contextLength ? "!" : "]"}`
}

/**
 * The columns of each part. They are cut at the running sum, so that rounding errors do not add up. A part too small
 * for a column takes one from the widest part, because a part that the legend names must be in the bar.
 */
const divideColumns = (parts: ReadonlyArray<Part>, contextLength: number, inner: number): Array<number> => {
  const columnAt = (tokens: number) => Math.min(inner, Math.round((tokens / contextLength) * inner))
  let sum = 0
  const widths = parts.map(({ tokens }) => {
    const from = columnAt(sum)
    sum += tokens
    return columnAt(sum) - from
  })
  for (const [index, { tokens }] of parts.entries()) {
    const widest = widths.indexOf(Math.max(...widths))
    if (tokens === 0 || widths[index] !== 0 || (widths[widest] ?? 0) < 2) continue
    widths[widest] = (widths[widest] ?? 0) - 1
    widths[index] = 1
  }
  return widths
}

/** Draws on one line how much of a task is done. */
export const drawProgress = (done: number, all: number, style: Style): string =>
  drawBar([{ name: "done", tokens: done }], Math.max(1, done, all), style)

/** Draws a window as a bar with a legend below, a line for each part. The bar is cut at the edge of the window. */
export const drawWindow = (parts: ReadonlyArray<Part>, contextLength: number, style: Style): ReadonlyArray<string> => {
  const rows = listLegend(parts, contextLength, style)
  const names = Math.max(...rows.map(({ name }) => name.length))
  const figures = Math.max(...rows.map(({ tokens }) => formatCount(tokens).length))
  const lines = rows.map(({ mark, name, tokens }) => {
    const share = formatPercent(tokens / contextLength).padStart(6)
    return `  ${mark} ${name.padEnd(names)}  ${formatCount(tokens).padStart(figures)}  ${share}`
  })
  return [drawBar(parts, contextLength, style), ...lines]
}

/** Draws a window before and after a compression on one scale, with the legend of the window after. */
export const drawBeforeAfter = (
  before: ReadonlyArray<Part>,
  after: ReadonlyArray<Part>,
  contextLength: number,
  style: Style
): ReadonlyArray<string> => {
  const totals = [before, after].map((parts) => formatCount(sumTokens(parts)))
  const [figures = 0] = totals.map(({ length }) => length).toSorted((a, b) => b - a)
  const width = style.width - figures - "before   tokens".length
  const drawLine = (name: string, parts: ReadonlyArray<Part>, total = "") =>
    `${name} ${drawBar(parts, contextLength, { ...style, width })} ${total.padStart(figures)} tokens`
  const legend = listLegend(after, contextLength, style)
  return [
    drawLine("before", before, totals[0]),
    drawLine("after ", after, totals[1]),
    legend.map(({ mark, name, tokens }) => `${mark} ${name} ${formatCount(tokens)}`).join("  ")
  ]
}

interface LegendRow extends Part {
  readonly mark: string
}

const listLegend = (parts: ReadonlyArray<Part>, contextLength: number, style: Style): ReadonlyArray<LegendRow> => {
  const left = contextLength - sumTokens(parts)
  return [
    ...parts.flatMap(({ name, tokens }, index) =>
      tokens === 0 ? [] : [{ mark: paintPart(glyphOf(index), index, style), name, tokens }]
    ),
    { mark: left < 0 ? "!" : FREE, name: left < 0 ? "over the window" : "free", tokens: Math.abs(left) }
  ]
}

const sumTokens = (parts: ReadonlyArray<Part>): number => parts.reduce((sum, { tokens }) => sum + tokens, 0)

const fillOf = (index: number): (typeof FILLS)[number] => FILLS[index % FILLS.length] ?? ["█", 37]
const glyphOf = (index: number): string => fillOf(index)[0]

const paintPart = (glyphs: string, index: number, { color }: Style): string =>
  color && glyphs !== "" ? paintGlyphs(glyphs, fillOf(index)[1]) : glyphs

const formatPercent = (share: number): string => `${(share * 100).toFixed(1)}%`
