/** Tells values that are secrets from those that stand where one could and are none: words, types, labels. */

/** A secret and its place in the text. */
export interface Secret {
  readonly start: number
  readonly end: number
  readonly kind: string
}

/** Looks for secrets at the places where one may be. */
export interface Rule {
  /** Words at which it looks, in any case unless it `isExact`; `MIXED_WORD` and `LONG_RUN` stand for what they name. */
  readonly words: ReadonlyArray<string>
  readonly isExact?: boolean
  /** Without one of these words near a place, it need not look there. */
  readonly near?: Near
  /** The steps that one look costs; 2 if left out. */
  readonly steps?: number
  /** Adds the secrets found at a place, and returns the place before which it need not look again. */
  readonly find: (text: string, at: number, found: Array<Secret>) => number
}

/** Words that stand near a place, in any case, and how many characters before it or behind it one may begin. */
export interface Near {
  readonly words: ReadonlyArray<string>
  readonly before: number
  readonly behind: number
}

/** Each word of letters, digits and signs, such as a password would be. */
export const MIXED_WORD = "a mixed word"

/** Each long run of letters, digits and the signs of tokens, with such a sign in it. */
export const LONG_RUN = "a long run"

export const formatMark = (kind: string): string => `[redacted ${kind}]`

/** Matches a sticky pattern at one place of the text. */
export const matchAt = (pattern: RegExp, text: string, at: number): RegExpExecArray | null => {
  pattern.lastIndex = at
  return pattern.exec(text)
}

export const isTrueAt = (pattern: RegExp, text: string, at: number): boolean => {
  pattern.lastIndex = at
  return pattern.test(text)
}

/** Words of prose and code. */
const RESERVED =
  /^(?:tests?|secret|string|str|text|varchar|char|bytes?|int(?:eger)?|number|bool(?:ean)?|any|unknown|object|null|nil|none|undefined|void|true|false|optional|required|yes|no|on|off|empty|missing|invalid|incorrect|wrong|expired|hidden|masked|encrypted|hashed|unchanged|changed|change|reset|set|unset|not|must|should|is|are|was|were|will|can|cannot|may|has|have|the|a|an|and|or|for|to|of|by|at|in|into|it|its|with|without|from|via|if|when|as|be|so|this|that|flag|options?|argument|parameter|value|field|file|stdin|env|prompt|input|ok|passe?d?|fail(?:ed)?|basic|bearer|include|omit|default|disabled|enabled|generated|protected|rejected|accepted|length)[?.,;:!)]*$/i

/** Names of fields for secrets. */
const LABEL =
  /^(?=.*(?:pass|pwd|secret|token|key|credential))(?:(?:new|old|current|confirm(?:ed|ation)?|repeat|user|db|database|my|your|the|enter|plain|raw|hashed|encrypted|api|access|client|auth|app|admin|root|form|login|account|password|passwort|passwd|pass|pwd|passphrase|secrets?|tokens?|keys?|credentials?|id|name|field|label|value)[\s_.-]?){1,6}$/i

/** Words of a sentence about secrets. */
const PROSE =
  /\b(?:the|a|an|your|you|my|must|is|are|was|of|for|to|be|should|enter|required|invalid|please|at|or|not|does|do|with|in|if|no|when|used?|password|token|secret|key|least|characters?)\b/i

/** Words with a number: `color-primary-500`, `sha256-hashed`, `24h`. */
const WORDY =
  /^[a-z]{2,}(?:[-_.:/][a-z]{2,})*[-_.:/]v?\d{1,4}$|^[a-z]{2,}(?:[-_.:/][a-z]{2,})+\d{0,2}$|^(?:base|sha|md|utf|rsa|aes|argon|pbkdf|oauth|http|ipv|iso|rfc|ed|hs|rs|es)[-_]?\d{1,5}(?:[-_.]?[a-z]{1,12}){0,2}$|^\d+(?:\.\d+)?(?:-[a-z]{1,12}|[a-z]{1,2}|chars?|bits?|bytes?)$/i

/** Hold the place of a value, or refer to it. */
const PLACEHOLDERS: ReadonlyArray<RegExp> = [
  /^(?:vault|op|ssm|env|ref|file):|^ENC\[|\$[{(]|\{\{|%\(|#\{|^<.*>?$|^\{.*\}$|^\[|^%\w*%?$|^@\w+@$|^:\w+$|^[*•.x…_?-]+$|^[*•…]{4}|^[*&][a-z]+(?:[-_][a-z]+)*$|^\$(?:[A-Za-z_]\w*|\d)$/i,
  /^(?:your|insert|enter|example|sample|placeholder|dummy|replace|redacted)(?![A-Za-z])|[-_]here$|^.{0,16}(?:\.\.|…)$|x{8}/i
]

/** Names and calls of programs. */
const CODE: ReadonlyArray<RegExp> = [
  /^(?:process\.env|import\.meta|os\.(?:environ|getenv)|env[.[(]|ENV\[)/,
  /^[A-Za-z_$][\w$]*(?:(?:\?\.|!?\.|::|->)[A-Za-z_$#][\w$]*)*[([]/,
  /^[A-Za-z_$]+\d?(?:(?:\?\.|!?\.|::|->)[A-Za-z_$#]+\d?)+!?$/,
  /^[A-Z]\w*<[\w<>, ]{1,60}>?$/,
  /^[a-z]\w*(?:Token|Key|Secret|Password)$|^[A-Z]+\d*(?:_(?:[A-Z]+\d*|\d+))+$/
]

/** Options, dates, hashes, ids and names of programs, though they hold a digit and a sign. */
const WORDLIKE =
  /^(?:[a-z]+(?:[-_.][a-z]+)*|[a-z]{2,}(?:[A-Z][a-z]{2,})+|[A-Z]+(?:_[A-Z]+)*)\d{0,2}=|^[\w.-]*\(|^\d{4}-\d|^[a-z]+(?:[-_.@][a-z\d]+)*$|^[A-Z\d_]+$|^\$\w+\$|^-|^[\w-]{21,}$|^[\w.+-]+@[\w-]+\.\w+/

/** False for a word that names a secret or holds the place of one, and for the number of a port or a user. */
export const isPasswordAtPlace = (text: string): boolean =>
  !isPlaceholder(text) && !RESERVED.test(text) && !LABEL.test(text) && !/^(?:-|\d{1,5}(?:[:/]\d{1,5})?$)/.test(text)

/** True for what is too irregular to be a word, with the signs of a URL in it. */
export const isStrongInUrl = (text: string): boolean =>
  !isPlaceholder(text) && isStrong(text.replaceAll(/%[0-9A-F]{2}/g, "x1"), 16)

/** True for a password that someone says in a sentence: not an option, a date, a hash or a name. */
export const isSaidPassword = (text: string): boolean => !WORDLIKE.test(text) && isUnlikeWords(text)

/** True for what has a sign that words do not have, or is long and random. */
export const isIrregular = (text: string): boolean =>
  /[!#$%&*?+~^=_-]/.test(text) || (text.length > 9 && isRandom(text) && !hasCamelWords(text))

/** True for a value that no sentence, program or path would hold there. */
export const isUnlikeWords = (text: string): boolean =>
  text.length > 5 &&
  /[A-Za-z]/.test(text) &&
  /[\d!@#$%^&*]/.test(text) &&
  isLiteral(text) &&
  !isCode(text) &&
  !WORDY.test(text)

export const isPassphrase = (text: string): boolean =>
  /\s/.test(text)
    ? text.trim().split(/\s+/).length > 2 && !PROSE.test(text) && /^[ -~]+$/.test(text)
    : text.length > 2 && isLiteral(text) && !/^[^ -~]+$/.test(text)

/** True if it is too irregular to be words: letters and digits mixed, or letters that no language would combine. */
export const isStrong = (text: string, atLeast: number): boolean => {
  if (text.length < atLeast || /\s/.test(text) || !/[A-Za-z]/.test(text) || !isLiteral(text)) return false
  if (/\d/.test(text)) return !WORDY.test(text)
  const words = text.split(/[^A-Za-z]+|(?<=[a-z])(?=[A-Z])/)
  return text.length > 15 && (text.length / words.length < 3.5 || words.some((word) => word.length > 17))
}

/** A file and a line of it, as traces have it. */
const FILE_LINE = /^\(?[\w@.~/\\-]+\.[a-z]{1,4}:\d+(?::\d+)?\)?$/i

/** False for a path, a type or a word of prose. Base64 may begin like a path, and is told by its length. */
export const isLiteral = (text: string): boolean =>
  !RESERVED.test(text) &&
  !FILE_LINE.test(text) &&
  (!/^(?:~|\.{1,2})?\/|^[A-Za-z]:[\\/]|^[a-z]+:\/\//.test(text) || /^[A-Za-z0-9+/]{40}$/.test(text)) &&
  !/^#[0-9a-f]{3,8}$/i.test(text)

/** True for what holds the place of a value, and for the name of a field. */
export const isNoValue = (text: string): boolean => isPlaceholder(text) || LABEL.test(text)

const isPlaceholder = (text: string): boolean =>
  text.includes("[redacted") || PLACEHOLDERS.some((pattern) => pattern.test(text))

export const isCode = (text: string): boolean => CODE.some((pattern) => pattern.test(text))

/** Changes of case, or between letters and digits, where no words would have them. */
export const isRandom = (text: string): boolean => {
  const kinds = Array.from(text, (sign) => (sign < "A" ? 0 : sign < "a" ? 1 : 2))
  if (new Set(kinds).size < (text.length < 40 ? 3 : 2)) return false
  const changes = kinds.filter((kind, i) => i > 0 && kind !== kinds[i - 1]).length
  return changes > (text.length < 40 ? 0.38 : 0.25) * text.length && !/^[0-9a-f]+$/i.test(text)
}

/** Half of it or more is words, as in names of tests and functions. */
export const hasCamelWords = (text: string): boolean => {
  const start = text.slice(0, 200)
  return 2 * (start.match(/[A-Z]?[a-z]{3,}/g) ?? []).join("").length >= start.length
}
