/** Draws the parts that the pictures of benchmarks and evaluation share. */

export const svg = (width: number, height: number, content: ReadonlyArray<string>): string =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...content,
    "</svg>",
    ""
  ].join("\n")

export const text = (x: number, y: number, words: string, anchor: "start" | "middle" | "end", color: string): string =>
  `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="${color}">${words}</text>`
