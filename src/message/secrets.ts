/**
 * Recognizes secrets in text, by their shape or by the name they stand behind. Anyone can write the text, so the time must
 * grow in proportion to it: the number of rounds is fixed, and each expression reads a character a bounded number of times.
 */
import * as Option from "effect/Option"
import * as Names from "./secretNames.ts"
import * as Places from "./secretPlaces.ts"
import * as Shapes from "./secretShapes.ts"
import * as Values from "./secretValues.ts"

/**
 * Replaces each secret in the text by `[redacted <kind>]`. Text without secrets is returned unchanged. Idempotent. Text
 * that cannot be read, such as a word of megabytes, is replaced as a whole.
 *
 * @example
 * redact("export DB_PASSWORD=hunter2") // "export DB_PASSWORD=[redacted password]"
 *
 * @since 0.1.0
 * @category combinators
 */
export const redact = (text: string): string => Option.getOrElse(redactInRounds(text), () => formatMark("secret"))

const redactInRounds = Option.liftThrowable((text: string): string => {
  let rest = text
  // A second round is enough for nearly all that people and tools write.
  for (let round = 0; round < 5; round++) {
    const once = redactOnce(rest)
    if (once === rest) return rest
    rest = once
  }
  return concealUnsettled(rest)
})

/**
 * Conceals the lines that a further round would change; the whole text, if even then it is not settled. The arguments of
 * a call are concealed as a whole, since they have to stay JSON.
 */
const concealUnsettled = (text: string): string => {
  if (redactOnce(text) === text) return text
  if (text.startsWith("{")) return JSON.stringify({ redacted: formatMark("secret") })
  const concealLine = (line: string) => (redactOnce(line) === line ? line : formatMark("secret"))
  const rest = text.split("\n").map(concealLine).join("\n")
  return redactOnce(rest) === rest ? rest : formatMark("secret")
}

/** Replaces the secrets that one round finds. Removing one can expose another. */
const redactOnce = (text: string): string => applyRules(RULES, text)

type Rule = (text: string) => string

const formatMark = (kind: string): string => `[redacted ${kind}]`

const applyRules = (rules: ReadonlyArray<Rule>, text: string): string => {
  let rest = text
  for (const rule of rules) rest = rule(rest)
  return rest
}

/** Applies the rules only to text with the hint. A literal hint that begins with a rare character is found fastest. */
const onlyWith =
  (hint: string | ReadonlyArray<string> | RegExp, ...rules: ReadonlyArray<Rule>): Rule =>
  (text) =>
    (hint instanceof RegExp ? hint.test(text) : [hint].flat().some((word) => text.includes(word)))
      ? applyRules(rules, text)
      : text

// -- secrets recognized by their shape ------------------------------------------------------------------------

/** Reads runs of the characters of tokens, one after the other, and looks for tokens where one may begin. */
const redactShapes: Rule = (text) => {
  let redacted = ""
  let from = 0
  for (let end = 0, start = findTokenChar(text, 0); start < text.length; start = findTokenChar(text, end)) {
    end = findRunEnd(text, start)
    if (end - start < SHORTEST_RUN) continue
    let token = findToken(text, start, end)
    while (token !== undefined) {
      redacted += text.slice(from, token.start) + formatMark(token.kind)
      from = token.end
      end = Math.max(end, from)
      token = findToken(text, from, end)
    }
  }
  return from === 0 ? text : redacted + text.slice(from)
}

const { IS_START: isStart, IS_TOKEN_CHAR: isTokenChar } = Shapes

const findTokenChar = (text: string, from: number): number => {
  let at = from
  while (at < text.length && isTokenChar[text.charCodeAt(at)] !== 1) at++
  return at
}

const findRunEnd = (text: string, from: number): number => {
  let at = from
  while (at < text.length && isTokenChar[text.charCodeAt(at)] === 1) at++
  return at
}

/** The first token that begins between `from` and `end`, where a run ends. */
const findToken = (text: string, from: number, end: number): Shapes.Token | undefined => {
  let cuts = 0
  for (let at = from; at < end - 1; at++) {
    // Behind a colon, or behind the letter of an escaped sign.
    const isWhole =
      end - at >= SHORTEST_WHOLE && (at === from || text.charCodeAt(at - 1) === 58 || text.charCodeAt(at - 2) === 92)
    if (!isWhole && isStart[text.charCodeAt(at) * 128 + text.charCodeAt(at + 1)] !== 1) continue
    const found = (isWhole ? matchWhole(text, at) : undefined) ?? matchStart(text, at, from)
    if (found === undefined) continue
    if (found === CUT) {
      const cut = end - at <= LONGEST_CUT && cuts++ < 2 ? findCutToken(text, at, end) : undefined
      if (cut !== undefined) return cut
    } else if (isVaried(text, found)) return { ...found, end: findTokenEnd(text, found.end) }
    else at = found.end - 1
  }
  return undefined
}

/** Lengths of the text of a token: of any, of one known by its middle or its end, and of the part before a line break. */
const SHORTEST_RUN = 8
const SHORTEST_WHOLE = 30
const LONGEST_CUT = 80

/** Stands for a token that begins but does not go on as its shape says. */
const CUT = "cut"

const matchWhole = (text: string, at: number): Shapes.Token | undefined =>
  isTrueAt(Shapes.WHOLE_TOKEN, text, at) ? matchShape(Shapes.WHOLE_TOKENS, text, at) : undefined

const matchStart = (text: string, at: number, from: number): Shapes.Token | typeof CUT | undefined => {
  if (isStart[text.charCodeAt(at) * 128 + text.charCodeAt(at + 1)] !== 1) return undefined
  const isOutside = at === from || isTrueAt(Shapes.EDGE, text, at)
  if (!isOutside && !isTrueAt(Shapes.INNER_EDGE, text, at)) return undefined
  const shapes = Shapes.SHAPES_BY_START.get(text.slice(at, at + 2)) ?? []
  return matchShape(isOutside ? shapes : shapes.filter(({ isTelling }) => isTelling), text, at) ?? CUT
}

const isTrueAt = (pattern: RegExp, text: string, at: number): boolean => {
  pattern.lastIndex = at
  return pattern.test(text)
}

const matchShape = (shapes: ReadonlyArray<Shapes.TokenShape>, text: string, at: number): Shapes.Token | undefined => {
  const shape = shapes.find(({ pattern }) => isTrueAt(pattern, text, at))
  return shape === undefined ? undefined : { kind: shape.kind, start: at, end: shape.pattern.lastIndex }
}

/** False for `xxxxxxxx` and other text that only holds the place of a token. */
const isVaried = (text: string, { end, start }: Shapes.Token): boolean =>
  new Set(text.slice(Math.max(start, end - 24), end)).size > 3 && !/^[a-z_-]+$/.test(text.slice(start, start + 64))

/** A token may go on behind its shape, in the next line, or behind a sign that nobody sees. */
const findTokenEnd = (text: string, from: number): number => {
  let end = from
  // What is glued to a token belongs to it, if it is no token of its own.
  if (typeof matchStart(text, end, end) !== "object" && isTrueAt(Shapes.GLUED, text, end)) end = Shapes.GLUED.lastIndex
  for (let next = matchAt(Shapes.NEXT_LINE, text, end); next !== null; next = matchAt(Shapes.NEXT_LINE, text, end))
    end += next[0].length
  return end
}

/** A token that a line break or an invisible sign parts before its shape is complete. */
const findCutToken = (text: string, start: number, cut: number): Shapes.Token | undefined => {
  const next = matchAt(Shapes.NEXT_LINE, text, cut)
  if (next === null) return undefined
  const joined = text.slice(start, cut) + (next.groups?.["rest"] ?? next.groups?.["next"] ?? "")
  const found = matchShape(Shapes.SHAPES_BY_START.get(joined.slice(0, 2)) ?? [], joined, 0)
  return found === undefined || !isVaried(joined, found)
    ? undefined
    : { kind: found.kind, start, end: findTokenEnd(text, cut + next[0].length) }
}

const redactPrivateKeys: Rule = (text) =>
  text.replace(Places.PEM, (block) => (/[A-Za-z0-9+/]{24}/.test(block) ? formatMark("private key") : block))

// -- secrets recognized by their place ------------------------------------------------------------------------

const redactPasswordsIn = (pattern: RegExp) => (text: string) =>
  text.replace(pattern, (all, before: string, value: string) =>
    isPlaceholder(value) ||
    Values.RESERVED.test(value) ||
    Values.LABEL.test(value) ||
    /^(?:-|\d{1,5}(?:[:/]\d{1,5})?$)/.test(value)
      ? all
      : before + formatMark("password")
  )

const redactColumn = (pattern: RegExp) => (text: string) =>
  text.replace(pattern, (all, before: string, value: string) =>
    isMentionedSecret("password", "mention", { text: value, isQuoted: false }) ? before + formatMark("password") : all
  )

/** Redacts words of letters, digits and signs with a word for a password near them. */
const redactSaid: Rule = (text) => {
  const kindOfUnit = Values.KINDS
  let redacted = ""
  let from = 0
  for (let end = 0, start = 0, kinds = 0; end <= text.length; end++) {
    const kind = end < text.length ? (kindOfUnit[text.charCodeAt(end)] ?? 0) : 0
    kinds |= kind
    if (kind > 0) continue
    if ((kinds & 7) === 7 && end - start > 6 && end - start < 42) {
      const value = text.slice(start, end).replace(/[.,!?]$/, "")
      if (isSaidSecret(value, text.slice(Math.max(0, start - 80), start), text.slice(end, end + 40))) {
        redacted += text.slice(from, start) + formatMark("password")
        from = start + value.length
      }
    }
    start = end + 1
    kinds = 0
  }
  return from === 0 ? text : redacted + text.slice(from)
}

const isSaidSecret = (value: string, before: string, behind: string): boolean =>
  !Values.WORDLIKE.test(value) &&
  (Places.SAID_BEFORE.test(before) || Places.SAID_BEHIND.test(behind)) &&
  isMentionedSecret("password", "mention", { text: value, isQuoted: false })

const redactPlaces = ([hints, patterns]: (typeof Places.RARE)[number]): Rule =>
  onlyWith(hints, ...patterns.map(redactPasswordsIn))

/** Redacts what opens a place, if it is too irregular to be a word. */
const redactStrongIn = (pattern: RegExp, kind: string) => (text: string) =>
  text.replace(pattern, (all, before: string, value: string) =>
    isStrong(value.replaceAll(/%[0-9A-F]{2}/g, "x1"), 16) ? before + formatMark(kind) : all
  )

const redactCookies: Rule = (text) =>
  text.replace(
    Places.COOKIE,
    (_, before: string, fields: string) =>
      before +
      fields.replace(Places.COOKIE_FIELD, (field, name: string, value: string) =>
        isPlaceholder(value) || !isStrong(value.replaceAll(/%[0-9A-F]{2}/g, "x1"), 16)
          ? field
          : name + formatMark("cookie")
      )
  )

const redactBasicAuth: Rule = (text) =>
  text.replace(
    /(\bbasic\s+|auth\\{0,3}["']\s*:\s*\\{0,3}["'])([A-Za-z0-9+/]{6,}={0,2})/gi,
    (all, before: string, value: string) => (isUserAndPassword(value) ? before + formatMark("credential") : all)
  )

/** True for base64 of a printable `user:password`, which no word happens to be. */
const isUserAndPassword = (value: string): boolean => {
  const bare = value.replace(/={1,2}$/, "")
  return bare.length % 4 !== 1 && /^(?=[ -~]+$).[^:]*:./.test(atob(bare))
}

// -- secrets recognized by their name -------------------------------------------------------------------------

/** Says whether a value under this name is a secret. */
type IsSecret = (name: string, assignment: Names.Assignment) => boolean

/** Redacts what is assigned to a secret's name: reads a name, a sign and a value, and lets `isSecret` decide. */
const redactNamed =
  (names: RegExp, signs: ReadonlyArray<Names.Sign>, isSecret: IsSecret): Rule =>
  (text) => {
    let redacted = ""
    let from = 0
    let next = 0
    for (const { 0: found, groups, index } of text.matchAll(names)) {
      if (index < next) continue
      const name = groups?.["name"] ?? ""
      const assignment = readAssignment(text, index + found.length, signs)
      if (assignment === undefined) continue
      const { end, start, text: value } = assignment.value
      if (isSecret(name, assignment)) {
        redacted += text.slice(from, start) + formatMark(kindOf(name))
        from = end
        next = end
      } else {
        // A refused value may itself hold an assignment, unless it is too long to read again.
        next = value.length < 1024 ? start : end
      }
    }
    return from === 0 ? text : redacted + text.slice(from)
  }

const readAssignment = (text: string, at: number, signs: ReadonlyArray<Names.Sign>): Names.Assignment | undefined => {
  for (const { kind, pattern } of signs) {
    const found = matchAt(pattern, text, at)
    const value = found === null ? undefined : readValue(text, at + found[0].length)
    if (found !== null && value !== undefined) return { kind, sign: found.groups?.["sign"] ?? "", value }
  }
  return undefined
}

const readValue = (text: string, at: number): Names.Value | undefined => {
  const quoted = matchAt(Names.QUOTED, text, at)
  const found = quoted ?? matchAt(Names.BARE, text, at)
  if (found === null) return undefined
  const value = found.groups?.["value"] ?? ""
  const end = at + found[0].length - (quoted?.groups?.["quote"] ?? "").length
  const isLast = Names.LINE_ENDS.test(text.slice(end, end + 16))
  return { text: value, start: end - value.length, end, isQuoted: quoted !== null, isLast }
}

/** Matches a sticky pattern at one place of the text. */
const matchAt = (pattern: RegExp, text: string, at: number): RegExpExecArray | null => {
  pattern.lastIndex = at
  return pattern.exec(text)
}

const isPassword = (name: string): boolean => Names.IS_PASSWORD.test(name)

const kindOf = (name: string): string => {
  if (isPassword(name)) return "password"
  if (/token$/i.test(name)) return "token"
  if (/^secret$/i.test(name)) return "secret"
  return /key$/i.test(name) ? "api key" : "credential"
}

/** Judges `name = value`, in any language, and `the name is value`. */
const isAssignedSecret: IsSecret = (name, { kind, sign, value }) => {
  if (isPlaceholder(value.text) || Values.LABEL.test(value.text)) return false
  if (kind !== "assignment") return isMentionedSecret(name, kind, value)
  if (sign === "=" && name === name.toUpperCase()) return isLiteral(value.text) && value.text.length > 3
  if (isCode(value.text)) return false
  if (/^pass$/i.test(name) && !value.isQuoted && sign !== "=" && !/[^\w.]/.test(value.text)) return false // tests passed
  if (/^mnemonic$/i.test(name)) return /^(?:[a-z]{3,10} ){11,23}[a-z]{3,10}$/.test(value.text)
  if (isPassword(name)) return value.isQuoted ? isPassphrase(value.text) : isBarePassword(sign, value)
  if (/^secret$/i.test(name) && value.isQuoted && /^[A-Za-z]{8,}$/.test(value.text)) return true
  return isStrong(value.text, /^secret$/i.test(name) ? 6 : 8)
}

/** Judges `--name value`. */
const isFlaggedSecret: IsSecret = (name, { value }) =>
  !isPlaceholder(value.text) &&
  !Values.LABEL.test(value.text) &&
  (isPassword(name) ? isLiteral(value.text) : isStrong(value.text, 8))

/** Judges a value after `is`, a comma or a blank, where a plain word is likelier than a secret. */
const isMentionedSecret = (
  name: string,
  kind: Names.Sign["kind"],
  { isQuoted, text }: Pick<Names.Value, "isQuoted" | "text">
): boolean => {
  if (text.length < 6 || !/[A-Za-z]/.test(text) || !/[\d!@#$%^&*]/.test(text)) return false
  if (!isLiteral(text) || isCode(text) || Values.WORDY.test(text)) return false
  if (kind === "mention") return true
  return isPassword(name) ? isQuoted || !/^[a-z]+\d{0,3}$/i.test(text) : isStrong(text, 16)
}

const isBarePassword = (sign: string, { isLast, text }: Names.Value): boolean => {
  if (!isLiteral(text)) return false
  if (/^\d+$/.test(text)) return text.length > 3
  if (/^[a-z]+(?:-[a-z]+)*$/i.test(text)) {
    const words = text.split("-").length
    return words > 3 || (words === 1 && isLast && (sign === "=" ? text.length > 3 : /^[a-z]{6,}$/.test(text)))
  }
  return text.length > 3 && !/^[A-Za-z_]+$/.test(text)
}

const isPassphrase = (text: string): boolean =>
  /\s/.test(text)
    ? text.trim().split(/\s+/).length > 2 && !Values.PROSE.test(text) && /^[ -~]+$/.test(text)
    : text.length > 2 && isLiteral(text) && !/^[^ -~]+$/.test(text)

/** True if it is too irregular to be words: letters and digits mixed, or letters that no language would combine. */
const isStrong = (text: string, atLeast: number): boolean => {
  if (text.length < atLeast || /\s/.test(text) || !/[A-Za-z]/.test(text) || !isLiteral(text)) return false
  if (/\d/.test(text)) return !Values.WORDY.test(text)
  const words = text.split(/[^A-Za-z]+|(?<=[a-z])(?=[A-Z])/)
  return text.length > 15 && (text.length / words.length < 3.5 || words.some((word) => word.length > 17))
}

/** False for a path, a type or a word of prose. Base64 may begin like a path, and is told by its length. */
const isLiteral = (text: string): boolean =>
  !Values.RESERVED.test(text) &&
  (!/^(?:~|\.{1,2})?\/|^[A-Za-z]:[\\/]|^[a-z]+:\/\//.test(text) || /^[A-Za-z0-9+/]{40}$/.test(text)) &&
  !/^#[0-9a-f]{3,8}$/i.test(text)

const isPlaceholder = (text: string): boolean =>
  text.includes("[redacted") || Values.PLACEHOLDERS.some((pattern) => pattern.test(text))

const isCode = (text: string): boolean => Values.CODE.some((pattern) => pattern.test(text))

const RULES: ReadonlyArray<Rule> = [
  redactPrivateKeys,
  ...Places.COMMON.map(redactPlaces),
  onlyWith(Places.HINT, ...Places.RARE.map(redactPlaces)),
  onlyWith("=", redactStrongIn(Places.PARAMETER, "credential")),
  onlyWith(/cookie|-b /i, redactCookies),
  onlyWith(
    Names.NAME_HINT,
    redactBasicAuth,
    redactNamed(Names.NAMES, Names.SIGNS, isAssignedSecret),
    onlyWith("--", redactNamed(Names.FLAGS, Names.FLAG_SIGNS, isFlaggedSecret)),
    redactStrongIn(Places.BEARER, "credential")
  ),
  onlyWith(Names.ABROAD, redactNamed(Names.NAMES_ABROAD, Names.SIGNS, isAssignedSecret)),
  onlyWith(Places.COLUMN_HINT, ...Places.COLUMNS.map(redactColumn)),
  redactSaid,
  redactShapes
]
