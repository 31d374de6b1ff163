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
  /^(?:[a-z]+(?:[-_.][a-z]+)*|[a-z]{2,}(?:[A-Z][a-z]{2,})+|[A-Z]+(?:_[A-Z]+)*)\d{0,2}=|^[\w.-]*\(|^\d{4}-\d|^[a-z]+(?:[-_.@][a-z\d]+)*$|^[A-Z\d_-]+$|\d\.\d+\.\d|^\$\w+\$|^-|^[\w-]{21,}$|^[\w.+-]+@[\w-]+\.\w+/

/** Ids and constants, which are no words either. */
const IDS = /^(?:0x)?[0-9a-f-]+$|^[A-Z\d_-]+$|^-|^\$\w+\$|^[\w.+-]+@[\w-]+\.\w+/

/** False for a word that names a secret or holds the place of one, and for the number of a port or a user. */
export const isPasswordAtPlace = (text: string): boolean =>
  !isPlaceholder(text) && !RESERVED.test(text) && !LABEL.test(text) && !/^(?:-|\d{1,5}(?:[:/]\d{1,5})?$)/.test(text)

/** The letters that follow each letter in words of programs and of most languages: 97 of 100 pairs are among these. */
const FOLLOWERS =
  "a:bcdfgiklmnprstuvy b:aeijloruy c:acehiklortu d:adeilosu e:acdefgilmnpqrstvwxy f:aefilortu g:ehinorsu h:aeiort i:abcdefglmnoprstvz j:es k:eins l:adefilostuy m:abeimopsu n:acdefgiklnopstuvy o:bcdfgiklmnoprstuvw p:aeiloprstu q:u r:acdefgiklmnorstuvy s:acehikopstuy t:acehiloprstuy u:abcefilmnprst v:aeio w:aehinor x:cipt y:inopst z:ei"

const USUAL = 1
const UNUSUAL = 2
/** By the codes of both signs. Pairs with a sign that is neither letter nor digit, and pairs of digits, say nothing. */
const PAIRS = new Uint8Array(128 * 128)
for (let first = 0; first < 128; first++)
  for (let second = 0; second < 128; second++) {
    const pair = String.fromCharCode(first, second)
    if (/^(?:[a-z][A-Z]|[A-Za-z]\d|\d[A-Za-z]|[A-Za-z]{2})$/.test(pair)) PAIRS[first * 128 + second] = UNUSUAL
  }
for (const [first = "", followers = ""] of FOLLOWERS.split(" ").map((row) => row.split(":")))
  for (const second of followers)
    for (const pair of [first + second, first.toUpperCase() + second, (first + second).toUpperCase()])
      PAIRS[pair.charCodeAt(0) * 128 + pair.charCodeAt(1)] = USUAL

/** True if most signs side by side are so in no word: letters that never follow each other, letters and digits, changes of case. */
export const isJumbled = (text: string): boolean => {
  let usual = 0
  let unusual = 0
  for (let at = Math.min(text.length, MOST_READ) - 1; at > 0; at--) {
    const second = text.charCodeAt(at)
    const first = text.charCodeAt(at - 1)
    const kind = first < 128 && second < 128 ? PAIRS[first * 128 + second] : 0
    if (kind === USUAL) usual++
    else if (kind === UNUSUAL) unusual++
  }
  return unusual > usual && usual + unusual >= FEWEST_PAIRS
}
const MOST_READ = 200
const FEWEST_PAIRS = 6

/** True for what is too irregular to be a word, with the signs of a URL in it. */
export const isStrongInUrl = (text: string): boolean =>
  !isPlaceholder(text) && isStrong(text.replaceAll(/%[0-9A-F]{2}/g, "x1"), 16)

/** True for a password that someone says in a sentence: not an option, a date, a hash or a name. */
export const isSaidPassword = (text: string): boolean =>
  (isJumbled(text) ? !IDS.test(text) : !WORDLIKE.test(text)) && isUnlikeWords(text)

/** True for three words or more with a number, as lists of words give them: `copper-lagoon-42-rivet`, `Copper.Lagoon.42`. */
export const isWordsAndNumber = (text: string): boolean =>
  WORDS_AND_NUMBER.test(text) && /\d/.test(text) && !PROGRAMS_WORDS.test(text)
const WORDS_AND_NUMBER =
  /^(?:[A-Za-z][a-z]{2,}\d{0,4}|\d{2,4})(?:([-._])(?:[A-Za-z][a-z]{2,}\d{0,4}|\d{2,4})){2,6}[!?#]?$/
const PROGRAMS_WORDS =
  /(?:^|[-._])(?:\d{4}|test|tests|spec|auth|login|user|users|pass|passwords?|token|secret|key|web|api|app|prod|dev|staging|node|server|client|corp|com|org|net|local|json|yaml|linux|ubuntu|debian|win|windows|mac|release|version|beta|alpha|src|lib|main|index|model|file|image)(?:\d*)(?=[-._]|$)/i

/** True for what has a sign that words do not have, or no letters that follow each other in words. */
export const isIrregular = (text: string): boolean =>
  /[!#$%&*?+~^=_-]/.test(text) || (isJumbled(text) && !/^[0-9a-f]+$/i.test(text))

/** True for a value that no sentence, program or path would hold there. */
export const isUnlikeWords = (text: string): boolean =>
  text.length > 5 &&
  /[A-Za-z]/.test(text) &&
  (/[\d!@#$%^&*]/.test(text) || isJumbled(text)) &&
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
  (!/^(?:~|\.{1,2})?\/|^[A-Za-z]:[\\/]|^[a-z]+:\/\//.test(text) ||
    /^[A-Za-z0-9+/]{40}$/.test(text) ||
    (/^\/[A-Za-z0-9+/]{15,}={0,2}$/.test(text) && isJumbled(text))) &&
  !/^#[0-9a-f]{3,8}$/i.test(text)

/** True for what holds the place of a value, and for the name of a field. */
export const isNoValue = (text: string): boolean => isPlaceholder(text) || LABEL.test(text)

const isPlaceholder = (text: string): boolean =>
  text.includes("[redacted") || PLACEHOLDERS.some((pattern) => pattern.test(text))

export const isCode = (text: string): boolean => CODE.some((pattern) => pattern.test(text))

/** True for a long part of a token: of letters of both cases and digits, unless it is very long, and in no order of words. */
export const isRandom = (text: string): boolean =>
  [/\d/, /[A-Z]/, /[a-z]/].filter((kind) => kind.test(text)).length >= (text.length < 40 ? 3 : 2) &&
  isJumbled(text) &&
  !/^[0-9a-f]+\w{0,6}$/i.test(text)

/** Half of it or more is words, as in names of tests and functions. */
export const hasCamelWords = (text: string): boolean => {
  const start = text.slice(0, 200)
  return !isJumbled(start) && 2 * (start.match(/[A-Z]?[a-z]{3,}/g) ?? []).join("").length >= start.length
}
