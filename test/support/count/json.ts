/** What a file holds, before anybody says what it means: JSON values, however they are laid out. */

export const get = (value: unknown, ...path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>(
    (inner, key) => (typeof inner === "object" && inner !== null ? Reflect.get(inner, key) : undefined),
    value
  )
export const has = (value: unknown, ...keys: ReadonlyArray<string>): boolean =>
  keys.every((key) => get(value, key) !== undefined)
export const list = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])
export const string = (value: unknown): string => (typeof value === "string" ? value : "")
/** A string, or the JSON of anything else. */
export const words = (value: unknown): string =>
  typeof value === "string" ? value : value === undefined || value === null ? "" : JSON.stringify(value)

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A file: one value, or the values that follow each other in it. Lines that are no JSON are left out. */
export interface Values {
  readonly isOne: boolean
  readonly values: ReadonlyArray<unknown>
}

export const readValues = (text: string): Values => {
  const whole = parse(text.replace(/^\uFEFF/, ""))
  if (whole !== undefined) return { isOne: true, values: [whole] }
  const lines = text.replace(/^\uFEFF/, "").split("\n")
  const rows = lines.map(parse).filter((row) => typeof row === "object" && row !== null)
  return {
    isOne: false,
    values: rows.length * 2 >= lines.filter((line) => line.trim() !== "").length ? rows : spread(lines)
  }
}

/** Objects over several lines: each ends where what was gathered so far is JSON. */
const spread = (lines: ReadonlyArray<string>): ReadonlyArray<unknown> => {
  const values: Array<unknown> = []
  let gathered = ""
  for (const line of lines) {
    gathered += `${line}\n`
    const value = /^[}\]]/.test(line) ? parse(gathered) : undefined
    if (value === undefined) continue
    values.push(value)
    gathered = ""
  }
  return values
}
