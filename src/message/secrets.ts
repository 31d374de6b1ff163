/**
 * Recognizes secrets in text, by their shape or by the name they stand behind. Anyone can write the text, so the time must
 * grow in proportion to it: the number of rounds is fixed, and each expression reads a character a bounded number of times.
 */

/**
 * Replaces each secret in the text by `[redacted <kind>]`. Text without secrets is returned unchanged. Idempotent.
 *
 * @example
 * redact("export DB_PASSWORD=hunter2") // "export DB_PASSWORD=[redacted password]"
 *
 * @since 0.1.0
 * @category combinators
 */
export const redact = (text: string): string => {
  let rest = text
  // A second round is enough for nearly all that people and tools write.
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const once = redactOnce(rest)
    if (once === rest) return rest
    rest = once
  }
  return concealUnsettled(rest)
}

const MOST_ROUNDS = 5

/**
 * Conceals the lines that a further round would change; the whole text, if even then it is not settled. The arguments of
 * a call are concealed as a whole, since they have to stay JSON.
 */
const concealUnsettled = (text: string): string => {
  if (redactOnce(text) === text) return text
  if (text.startsWith("{")) return JSON.stringify({ redacted: formatMark("secret") })
  const rest = text
    .split("\n")
    .map((line) => (redactOnce(line) === line ? line : formatMark("secret")))
    .join("\n")
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
  (hint: string | RegExp, ...rules: ReadonlyArray<Rule>): Rule =>
  (text) =>
    (typeof hint === "string" ? text.includes(hint) : hint.test(text)) ? applyRules(rules, text) : text

// -- secrets recognized by their shape ------------------------------------------------------------------------

const SHAPES: ReadonlyArray<readonly [kind: string, source: string]> = [
  ["api key", String.raw`sk-(?:(?:proj|svcacct|admin|None|ant|or|lf)-[\w-]{16,}|[A-Za-z0-9]{20,})`],
  ["api key", String.raw`(?:xai-|gsk_|pplx-)[A-Za-z0-9]{32,}|AIza[\w-]{35}|GOCSPX-[\w-]{20,}|ya29\.[\w-]{20,}`],
  ["aws key", String.raw`(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])`],
  ["github token", String.raw`gh[opsur]_[A-Za-z0-9]{30,}|github_pat_\w{22,}`],
  ["gitlab token", String.raw`gl(?:pat|dt|rt|ptt|soat|cbt|ft|agent)-[\w-]{20,}`],
  ["slack token", String.raw`xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-\d-[A-Za-z0-9-]{10,}`],
  ["slack webhook", String.raw`(?<=hooks\.slack\.com/services/)T\w{6,}/B\w{6,}/\w{16,}`],
  ["stripe key", String.raw`[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/]{24,}={0,2}`],
  ["npm token", String.raw`npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])`],
  ["token", String.raw`hf_[A-Za-z0-9]{30,}|dop_v1_[0-9a-f]{64}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}`],
  ["token", String.raw`pypi-AgE[\w-]{40,}|hvs\.[\w-]{24,}|lin_api_[A-Za-z0-9]{32,}|dckr_pat_[\w-]{20,}`],
  ["sendgrid key", String.raw`SG\.[\w-]{16,}\.[\w-]{16,}`],
  ["api key", String.raw`SK[0-9a-f]{32}(?![0-9A-Za-z])(?<=(?:twilio|Twilio|TWILIO)[^\n]{0,120})`],
  ["telegram token", String.raw`(?:bot)?\d{8,10}:AA[\w-]{32,}`],
  ["jwt", String.raw`eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]+)*`]
]

/** Outside of a word. An escaped line break, a percent code, a colour code or the sign of a diff may stand before it. */
const EDGE = String.raw`(?:(?<![\w-])|(?<=(?:^|\\[nrt])-|\\[nrtbf]|\\u[0-9a-f]{4}|%[0-9A-F]{2}|\[[0-9;]{0,9}m))`

const ANY_SHAPE = `(?:${SHAPES.map(([, source]) => `(${source})`).join("|")})`
const SHAPE = new RegExp(`${EDGE}${ANY_SHAPE}`, "gm")
/** Behind a token its end is the edge, since tokens may stand one behind the other without a sign between them. */
const NEXT_SHAPE = new RegExp(ANY_SHAPE, "y")

const redactShapes: Rule = (text) => {
  let redacted = ""
  let from = 0
  SHAPE.lastIndex = 0
  for (let found = SHAPE.exec(text); found !== null; found = matchAt(NEXT_SHAPE, text, from) ?? SHAPE.exec(text)) {
    redacted += text.slice(from, found.index) + formatMark(shapeKindOf(found))
    from = found.index + found[0].length
    SHAPE.lastIndex = from
  }
  return from === 0 ? text : redacted + text.slice(from)
}

const shapeKindOf = (found: RegExpExecArray): string =>
  SHAPES[found.slice(1).findIndex((group) => group !== undefined)]?.[0] ?? "secret"

const PRIVATE_KEY = String.raw`(?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----`
const PEM = new RegExp(
  // Up to the end mark or, in a key that was cut off, all lines of base64. Line breaks may be escaped in any way.
  String.raw`-----BEGIN ${PRIVATE_KEY}(?:(?:[^-]|-(?!----)){32,16384}-----END ${PRIVATE_KEY}|` +
    String.raw`(?:(?:\\+[nr]|[^A-Za-z0-9"'-]){1,12}[A-Za-z0-9+/=]{24,})+)`,
  "g"
)
const redactPrivateKeys: Rule = (text) =>
  text.replace(PEM, (block) => (/[A-Za-z0-9+/]{24}/.test(block) ? formatMark("private key") : block))

// -- secrets recognized by their place ------------------------------------------------------------------------

const URL_PASSWORD = /(:\/\/[^\s:@/"'`<>\\]{0,200}:)([^\s/"'`<>\\]{1,300})(?=@)/g
const DSN_PASSWORD = /(\w:)([^\s:"'`<>\\]{1,200})(?=@(?:tcp|unix)\()/g
// What stands between a command and its option holds no further such command, so that no character is read for many.
const CURL_USER =
  /(\bcurl\b(?:(?!\bcurl\b)[^\n|;]){0,300}?\s(?:-u|--user)[ =]?[\\"']{0,4}[^\s:"'\\]{1,100}:)([^\s"'\\]{1,200})/g
const CLIENT_PASSWORD =
  /(\bsshpass\s+-p\s*[\\"']{0,4}|\bmysql\w*\b(?:(?!\bmysql)[^\n|;]){0,300}?\s-p[\\"']{0,4})([^\s"'\\]{1,200})/g
const redactPasswordsIn = (pattern: RegExp) => (text: string) =>
  text.replace(pattern, (all, before: string, value: string) =>
    isPlaceholder(value) ? all : before + formatMark("password")
  )

const redactBearer: Rule = (text) =>
  text.replace(/(\bbearer\s+)([\w.~+/:-]{16,}={0,2})/gi, (all, before: string, value: string) =>
    isStrong(value, 16) ? before + formatMark("credential") : all
  )

const redactBasicAuth: Rule = (text) =>
  text.replace(
    /(\bbasic\s+|auth\\{0,3}["']\s*:\s*\\{0,3}["'])([A-Za-z0-9+/]{6,}={0,2})/gi,
    (all, before: string, value: string) => (isUserAndPassword(value) ? before + formatMark("credential") : all)
  )

/** True for base64 of a printable `user:password`, which no word happens to be. */
const isUserAndPassword = (value: string): boolean => {
  const bare = value.replace(/=+$/, "")
  return bare.length % 4 !== 1 && /^[ -~]+:[ -~]+$/.test(atob(bare))
}

// -- secrets recognized by their name -------------------------------------------------------------------------

const PASSWORD = String.raw`pass(?:word|wd|phrase|code)|pwd|pass(?:(?<=(?:[_.&?;-]|db|user|root|smtp)pass)|(?<=["']pass)(?=\\{0,7}["']))|passwort|kennwort|contraseña|senha|пароль|密码`
const TOKEN = String.raw`token(?<!(?:next|prev|page|paging|pagination|continuation|sync|pad|eos|bos|unk|sep|cls|mask|stop|special|max|min|num|cancel|cancellation|abort|idempotency)[_-]?token)`
const KEY = String.raw`(?:api|access|account|private|encryption|signing|master|auth|service|storage|subscription|app|deploy)[ _-]?key`
const NAME = String.raw`(?<name>${PASSWORD}|secret(?<!arn:[\w:-]{0,80}secret)(?:[_-]?(?:access[_-]?)?key)?|${TOKEN}|${KEY}|authorization|x-amz-signature)(?<!\[redacted [a-z ]{0,24})`

/** The name of a secret, also with a suffix: `API_KEY_PROD`, `token2`. Only where a sign can follow. */
const NAMES = new RegExp(
  String.raw`${NAME}(?:[_-]?(?:base|prod|live|dev|test|staging|\d{1,2}))?(?=[\s\\"'\`*\]:=!>,：])`,
  "gi"
)

/** The name of a secret in an option of a command: `--api-key`. */
const FLAGS = new RegExp(String.raw`--(?=[a-z])[a-z-]{0,40}?${NAME}(?=[ \t])`, "gi")

/**
 * A sign between a name and its value. An `assignment` makes nearly any value a secret, a `mention` or a `blank` only
 * one that is too irregular to be a word.
 */
interface Sign {
  readonly kind: "assignment" | "mention" | "blank"
  readonly pattern: RegExp
}

/** Marks that may close the name before its sign: `"password": `, `**Password**: `. */
const CLOSING = String.raw`[\\"'\`*\]]{0,6}`

const makeSign = (kind: Sign["kind"], source: string, closing = CLOSING): Sign => ({
  kind,
  pattern: new RegExp(`${closing}(?<sign>${source})`, "iy")
})

/** The first sign that is followed by a value counts. */
const SIGNS: ReadonlyArray<Sign> = [
  // `name = value`, `name: string = value`, `name := value`, `name => value`, `name: value`, `<name>value</name>`
  makeSign(
    "assignment",
    String.raw`(?:[ \t]?:[ \t]?(?:&?str(?:ing)?|text))?[ \t]{0,12}(?::=|=>|!?={1,3}|[:：]|>(?=[^<>\s]{1,200}<\/))\*{0,2}[ \t]{0,12}`
  ),
  // `"name": "token", "value": "…"`
  makeSign("assignment", String.raw`(?:[\s,"'\\]|\\[nrt]){1,40}(?:value|val)[\\"']{0,4}[ \t]?[:=][ \t]?`),
  // `the token is: value`
  makeSign("assignment", String.raw`\s(?:is|was)[ \t]?:[ \t]`),
  // `the token is value`
  makeSign("mention", String.raw`\s(?:is|was)[ \t]{1,2}`),
  // `"token", "value"`
  makeSign("mention", String.raw`(?<=["']),[ \t]{0,4}(?=\\{0,3}["'])`),
  // `token value`
  makeSign("blank", String.raw`[ \t]{1,4}`)
]

const FLAG_SIGNS: ReadonlyArray<Sign> = [makeSign("blank", String.raw`[ \t]{1,4}(?!-)`, "")]

const SCHEME = String.raw`(?:(?:bearer|basic|token|apikey|key)[ \t]+)?`
const QUOTED = new RegExp(
  String.raw`(?:[bfru](?=["']))?(?<quote>\\{0,7}["'\`])${SCHEME}(?!\k<quote>)(?<value>[^\r\n]{1,400}?)(?:(?<!\\)|(?<=[^\\](?:\\\\){1,8})(?=["'\`]))\k<quote>`,
  "iy"
)
const STOP = String.raw`[\s"'\`\\]|$|[\w.-]{1,40}["']?\s?[=:]`
const BARE = new RegExp(
  String.raw`(?:["'\`]{3}|\\{0,7}["'\`]?)${SCHEME}(?<value>(?:[^\s"'\`\\,;&|(){}[\]<>.:]|\\(?![nrtu"'\`\\])|[.:](?![\s"'\`\\]|$)|(?!<\/)[,;&|(){}[\]<>](?!${STOP})){1,8192})`,
  "iy"
)

/** A value as it stands in the text; `isLast` is true if its line ends after it. */
interface Value {
  readonly text: string
  readonly start: number
  readonly end: number
  readonly isQuoted: boolean
  readonly isLast: boolean
}

/** A value with the sign before it: `sign` is its text. */
interface Assignment {
  readonly kind: Sign["kind"]
  readonly sign: string
  readonly value: Value
}

/** Says whether a value under this name is a secret. */
type IsSecret = (name: string, assignment: Assignment) => boolean

/** Redacts what is assigned to a secret's name: reads a name, a sign and a value, and lets `isSecret` decide. */
const redactNamed =
  (names: RegExp, signs: ReadonlyArray<Sign>, isSecret: IsSecret): Rule =>
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

const readAssignment = (text: string, at: number, signs: ReadonlyArray<Sign>): Assignment | undefined => {
  for (const { kind, pattern } of signs) {
    const found = matchAt(pattern, text, at)
    const value = found === null ? undefined : readValue(text, at + found[0].length)
    if (found !== null && value !== undefined) return { kind, sign: found.groups?.["sign"] ?? "", value }
  }
  return undefined
}

const readValue = (text: string, at: number): Value | undefined => {
  const quoted = matchAt(QUOTED, text, at)
  const found = quoted ?? matchAt(BARE, text, at)
  if (found === null) return undefined
  const value = found.groups?.["value"] ?? ""
  const end = at + found[0].length - (quoted?.groups?.["quote"] ?? "").length
  const isLast = LINE_ENDS.test(text.slice(end, end + 16))
  return { text: value, start: end - value.length, end, isQuoted: quoted !== null, isLast }
}

/** Matches a sticky pattern at one place of the text. */
const matchAt = (pattern: RegExp, text: string, at: number): RegExpExecArray | null => {
  pattern.lastIndex = at
  return pattern.exec(text)
}

const LINE_ENDS = /^[ \t]*(?:$|\r?\n|\\+[nr]|\\*["'`])/

const IS_PASSWORD = new RegExp(`^(?:${PASSWORD}|pass)$`, "i")
const isPassword = (name: string): boolean => IS_PASSWORD.test(name)

const kindOf = (name: string): string => {
  if (isPassword(name)) return "password"
  if (/token$/i.test(name)) return "token"
  if (/^secret$/i.test(name)) return "secret"
  return /key$/i.test(name) ? "api key" : "credential"
}

/** Judges `name = value`, in any language, and `the name is value`. */
const isAssignedSecret: IsSecret = (name, { kind, sign, value }) => {
  if (isPlaceholder(value.text) || LABEL.test(value.text)) return false
  if (kind !== "assignment") return isMentionedSecret(name, kind, value)
  if (sign === "=" && name === name.toUpperCase()) return isLiteral(value.text) && value.text.length > 3
  if (isCode(value.text)) return false
  if (/^pass$/i.test(name) && /^\d+$/.test(value.text)) return false // a count of tests
  if (isPassword(name)) return value.isQuoted ? isPassphrase(value.text) : isBarePassword(sign, value)
  if (/^secret$/i.test(name) && value.isQuoted && /^[A-Za-z]{8,}$/.test(value.text)) return true
  return isStrong(value.text, /^secret$/i.test(name) ? 6 : 8)
}

/** Judges `--name value`. */
const isFlaggedSecret: IsSecret = (name, { value }) =>
  !isPlaceholder(value.text) &&
  !LABEL.test(value.text) &&
  (isPassword(name) ? isLiteral(value.text) : isStrong(value.text, 8))

/** Judges a value after `is`, a comma or a blank, where a plain word is likelier than a secret. */
const isMentionedSecret = (name: string, kind: Sign["kind"], { isQuoted, text }: Value): boolean => {
  if (text.length < 6 || !/[A-Za-z]/.test(text) || !/[\d!@#$%^&*]/.test(text)) return false
  if (!isLiteral(text) || isCode(text) || WORDY.test(text)) return false
  if (kind === "mention") return true
  return isPassword(name) ? isQuoted || !/^[a-z]+\d{0,3}$/i.test(text) : isStrong(text, 16)
}

const isBarePassword = (sign: string, { isLast, text }: Value): boolean => {
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
    ? text.trim().split(/\s+/).length > 2 && !PROSE.test(text) && /^[ -~]+$/.test(text)
    : text.length > 2 && isLiteral(text) && !/^[^ -~]+$/.test(text)

/** True if it is too irregular to be words: letters and digits mixed, or letters that no language would combine. */
const isStrong = (text: string, atLeast: number): boolean => {
  if (text.length < atLeast || /\s/.test(text) || !/[A-Za-z]/.test(text) || !isLiteral(text)) return false
  if (/\d/.test(text)) return !WORDY.test(text)
  const words = text.split(/[^A-Za-z]+|(?<=[a-z])(?=[A-Z])/)
  return text.length > 15 && (text.length / words.length < 3.5 || words.some((word) => word.length > 17))
}

/** False for a path, a type or a word of prose. Base64 may begin like a path, and is told by its length. */
const isLiteral = (text: string): boolean =>
  !RESERVED.test(text) &&
  (!/^(?:~|\.{1,2})?\/|^[A-Za-z]:[\\/]|^[a-z]+:\/\//.test(text) || /^[A-Za-z0-9+/]{40}$/.test(text)) &&
  !/^#[0-9a-f]{3,8}$/i.test(text)

const RESERVED =
  /^(?:string|str|text|varchar|char|bytes?|int(?:eger)?|number|bool(?:ean)?|any|unknown|object|null|nil|none|undefined|void|true|false|optional|required|yes|no|on|off|empty|missing|invalid|incorrect|wrong|expired|hidden|masked|encrypted|hashed|unchanged|changed|change|reset|set|unset|not|must|should|is|are|was|were|will|can|cannot|may|has|have|the|a|an|and|or|for|to|of|by|at|in|into|it|its|with|without|from|via|if|when|as|be|so|this|that|flag|options?|argument|parameter|value|field|file|stdin|env|prompt|input|ok|passe?d?|fail(?:ed)?|basic|bearer|include|omit|default|disabled|enabled|generated|protected|rejected|accepted|length)[?.,;:!)]*$/i

const LABEL =
  /^(?=.*(?:pass|pwd|secret|token|key|credential))(?:(?:new|old|current|confirm(?:ed|ation)?|repeat|user|db|database|my|your|the|enter|plain|raw|hashed|encrypted|api|access|client|auth|app|admin|root|form|login|account|password|passwort|passwd|pass|pwd|passphrase|secrets?|tokens?|keys?|credentials?|id|name|field|label|value)[\s_.-]?){1,6}$/i

const PROSE =
  /\b(?:the|a|an|your|you|my|must|is|are|was|of|for|to|be|should|enter|required|invalid|please|at|or|not|does|do|with|in|if|no|when|used?|password|token|secret|key|least|characters?)\b/i

/** Words with a number: `color-primary-500`, `sha256-hashed`, `24h`. */
const WORDY =
  /^[a-z]{2,}(?:[-_.:/][a-z]{2,})*[-_.:/]v?\d{1,4}$|^[a-z]{2,}(?:[-_.:/][a-z]{2,})+\d{0,2}$|^(?:base|sha|md|utf|rsa|aes|argon|pbkdf|oauth|http|ipv|iso|rfc|ed|hs|rs|es)[-_]?\d{1,5}(?:[-_.]?[a-z]{1,12}){0,2}$|^\d+(?:\.\d+)?(?:-[a-z]{1,12}|[a-z]{1,2}|chars?|bits?|bytes?)$/i

const isPlaceholder = (text: string): boolean =>
  text.includes("[redacted") ||
  /\$[{(]|\{\{|%\(|#\{|^<.*>?$|^\{.*\}$|^\[|^%\w*%?$|^@\w+@$|^:\w+$|^[*•.x…_?-]+$|^\$(?:[A-Za-z_]\w*|\d)$/i.test(
    text
  ) ||
  /^(?:your|insert|enter|example|sample|placeholder|dummy|replace|redacted)(?![A-Za-z])|[-_]here$|^.{0,16}(?:\.\.|…)$/i.test(
    text
  )

const isCode = (text: string): boolean =>
  /^(?:process\.env|import\.meta|os\.(?:environ|getenv)|env[.[(]|ENV\[)/.test(text) ||
  /^[A-Za-z_$][\w$]*(?:(?:\?\.|!?\.|::|->)[A-Za-z_$#][\w$]*)*[([]/.test(text) ||
  /^[A-Za-z_$]+\d?(?:(?:\?\.|!?\.|::|->)[A-Za-z_$#]+\d?)+!?$/.test(text) ||
  /^[a-z]\w*(?:Token|Key|Secret|Password)$|^[A-Z]+\d*(?:_(?:[A-Z]+\d*|\d+))+$/.test(text)

/** Found in every text that the rules of names, `basic` and `bearer` can change. */
const NAME_HINT = /pass|pwd|kennwort|contrase|senha|пароль|密码|secret|token|key|auth|x-amz|basic|bearer/i
/** Found in every text with a shape. It begins with rare characters, so that few places look at what stands before. */
const SHAPE_HINT = new RegExp(
  String.raw`[-_.:AJKz](?<=(?:sk|xai|pplx|GOCSPX|gl[a-z]{2,5}|xox[a-z]|xapp|pypi)-|` +
    String.raw`(?:[sr]k|gsk|gh[a-z]|_pat|whsec|npm|hf|dop_v1|shp[a-z]{2}|lin_api)_|(?:ya29|slack|SG|hvs)\.|` +
    String.raw`:A|eyJ|AIz|[KS]IA|SK(?=[0-9a-f]))`
)

const RULES: ReadonlyArray<Rule> = [
  redactPrivateKeys,
  onlyWith("@", redactPasswordsIn(URL_PASSWORD), redactPasswordsIn(DSN_PASSWORD)),
  onlyWith("-u", redactPasswordsIn(CURL_USER)),
  onlyWith("-p", redactPasswordsIn(CLIENT_PASSWORD)),
  onlyWith(
    NAME_HINT,
    redactBasicAuth,
    redactNamed(NAMES, SIGNS, isAssignedSecret),
    onlyWith("--", redactNamed(FLAGS, FLAG_SIGNS, isFlaggedSecret)),
    redactBearer
  ),
  onlyWith(SHAPE_HINT, redactShapes)
]
