/** SVG as plain data: a program renders it as a file, and a page as elements of its own. */

/** An element without children, or with `text` within it. */
export interface Shape {
  readonly tag: "circle" | "line" | "path" | "rect" | "text"
  readonly attributes: Readonly<Record<string, string | number>>
  readonly text?: string
  /** What a reader learns who points at it. */
  readonly title?: string
}

export interface Drawing {
  readonly width: number
  readonly height: number
  /** Says in a sentence what is seen. */
  readonly title: string
  readonly shapes: ReadonlyArray<Shape>
}

export const makeText = (x: number, y: number, text: string, kind: string, anchor = "start"): Shape => ({
  tag: "text",
  attributes: { x: roundTenth(x), y: roundTenth(y), class: kind, "text-anchor": anchor },
  text
})

export const makeLine = (kind: string, x1: number, y1: number, x2: number, y2: number): Shape => ({
  tag: "line",
  attributes: { class: kind, x1: roundTenth(x1), y1: roundTenth(y1), x2: roundTenth(x2), y2: roundTenth(y2) }
})

/** A tenth of a pixel is enough, and keeps a file small. */
export const roundTenth = (n: number): number => Math.round(n * 10) / 10

/** Renders a drawing as the text of a file. Its classes are styled by `style`, in CSS. */
export const renderDrawing = ({ height, shapes, title, width }: Drawing, style: string): string =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" font-family="sans-serif" font-size="12">`,
    `<title>${escapeXml(title)}</title>`,
    `<style>${style}</style>`,
    ...shapes.map(renderShape),
    "</svg>",
    ""
  ].join("\n")

const renderShape = ({ attributes, tag, text, title }: Shape): string => {
  const written = Object.entries(attributes).map(([name, value]) => ` ${name}="${escapeXml(String(value))}"`)
  const content = (title === undefined ? "" : `<title>${escapeXml(title)}</title>`) + escapeXml(text ?? "")
  return `<${tag}${written.join("")}${content === "" ? "/>" : `>${content}</${tag}>`}`
}

/** The text of a file that has its shapes as text already. */
export const wrapShapes = (width: number, height: number, shapes: ReadonlyArray<string>): string =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...shapes,
    "</svg>",
    ""
  ].join("\n")

export const renderText = (
  x: number,
  y: number,
  text: string,
  anchor: "start" | "middle" | "end",
  color: string
): string => `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="${color}">${escapeXml(text)}</text>`

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" }

/** Also leaves out the characters that no XML may have. */
export const escapeXml = (text: string): string =>
  text.replaceAll(/[&<>"]/g, (character) => ENTITIES[character] ?? "").replaceAll(FORBIDDEN, "\ufffd")

// oxlint-disable-next-line no-control-regex
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu
