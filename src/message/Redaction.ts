/**
 * Takes secrets out of text: API keys, tokens, passwords, private keys. What merely looks random (hashes, ids, UUIDs,
 * paths, images) stays, unless its name says that it is a secret.
 *
 * @since 0.1.0
 */
import type * as Message from "./Message.ts"

/**
 * The text with each secret replaced by `[redacted <kind>]`; the same string if there is none. Idempotent.
 *
 * @example
 * redact("export DB_PASSWORD=hunter2") // "export DB_PASSWORD=[redacted password]"
 *
 * @since 0.1.0
 * @category combinators
 */
export const redact = (text: string): string => {
  const once = run(RULES, text)
  // Taking one secret out can uncover the edge of another. Each round takes at least one, so this ends.
  return once === text ? text : redact(once)
}

/**
 * The message with its words and the arguments of its tool calls redacted; the same object if nothing changed.
 *
 * @since 0.1.0
 * @category combinators
 */
export const redactMessage = (message: Message.Message): Message.Message => {
  if (message.role !== "assistant") {
    const content = redactContent(message.content)
    return content === message.content ? message : { ...message, content }
  }
  const { content: said, tool_calls: calls } = message
  const content = said === undefined || said === null ? said : redactContent(said)
  const tool_calls = calls === undefined || calls === null ? calls : mapChanged(calls, redactCall)
  if (content === said && tool_calls === calls) return message
  return { ...message, ...(content === said ? {} : { content }), ...(tool_calls === calls ? {} : { tool_calls }) }
}

type Content = Message.ToolMessage["content"]
type Part = Exclude<Content, string>[number]

const redactContent = (content: Content): Content =>
  typeof content === "string" ? redact(content) : mapChanged(content, redactPart)

const redactPart = (part: Part): Part => {
  if (!("text" in part) || typeof part.text !== "string") return part
  const text = redact(part.text)
  return text === part.text ? part : { ...part, text }
}

const redactCall = (call: Message.ToolCall): Message.ToolCall => {
  const text = redact(call.function.arguments)
  return text === call.function.arguments ? call : { ...call, function: { ...call.function, arguments: text } }
}

const mapChanged = <A>(items: ReadonlyArray<A>, change: (item: A) => A): ReadonlyArray<A> => {
  const changed = items.map(change)
  return changed.some((item, i) => item !== items[i]) ? changed : items
}

type Rule = (text: string) => string
type Accepts = (name: string, glue: string, value: Value) => boolean

interface Value {
  readonly text: string
  readonly quoted: boolean
  /** Whether the line ends after it. */
  readonly last: boolean
}

const mark = (kind: string): string => `[redacted ${kind}]`

const run = (rules: ReadonlyArray<Rule>, text: string): string => {
  let rest = text
  for (const rule of rules) rest = rule(rest)
  return rest
}

/** Spares the text without the hint the price of the rules. A literal that begins with a rare character is found fastest. */
const where =
  (hint: string | RegExp, ...rules: ReadonlyArray<Rule>): Rule =>
  (text) =>
    (typeof hint === "string" ? text.includes(hint) : hint.test(text)) ? run(rules, text) : text

// -- secrets that are known by their shape ------------------------------------------------------------------------

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

/** Not inside a word; but an escaped line break, a percent code, a colour code and a diff's sign may come before. */
const EDGE = String.raw`(?:(?<![\w-])|(?<=(?:^|\\[nrt])-|\\[nrtbf]|\\u[0-9a-f]{4}|%[0-9A-F]{2}|\[[0-9;]{0,9}m))`

const SHAPE = new RegExp(`${EDGE}(?:${SHAPES.map(([, source]) => `(${source})`).join("|")})`, "gm")

const shapes: Rule = (text) =>
  text.replace(SHAPE, (...groups) => {
    const kind = SHAPES[groups.slice(1).findIndex((group) => group !== undefined)]
    return mark(kind === undefined ? "secret" : kind[0])
  })

const PRIVATE_KEY = String.raw`(?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----`
const PEM = new RegExp(
  // Up to its end mark; or, where it was cut off, the lines of base64, whatever the line breaks were turned into.
  String.raw`-----BEGIN ${PRIVATE_KEY}(?:(?:[^-]|-(?!----)){32,16384}-----END ${PRIVATE_KEY}|` +
    String.raw`(?:(?:\\+[nr]|[^A-Za-z0-9"'-]){1,12}[A-Za-z0-9+/=]{24,})+)`,
  "g"
)
const privateKeys: Rule = (text) =>
  text.replace(PEM, (block) => (/[A-Za-z0-9+/]{24}/.test(block) ? mark("private key") : block))

// -- secrets that are known by their place ------------------------------------------------------------------------

const URL_PASSWORD = /(:\/\/[^\s:@/"'`<>\\]{0,200}:)([^\s/"'`<>\\]{1,300})(?=@)/g
const DSN_PASSWORD = /(\w:)([^\s:"'`<>\\]{1,200})(?=@(?:tcp|unix)\()/g
const CURL_USER = /(\bcurl\b[^\n|;]{0,300}?\s(?:-u|--user)[ =]?[\\"']{0,4}[^\s:"'\\]{1,100}:)([^\s"'\\]{1,200})/g
const CLIENT_PASSWORD = /(\bsshpass\s+-p\s*[\\"']{0,4}|\bmysql\w*\b[^\n|;]{0,300}?\s-p[\\"']{0,4})([^\s"'\\]{1,200})/g
const passwordsIn = (pattern: RegExp) => (text: string) =>
  text.replace(pattern, (all, before: string, value: string) =>
    isPlaceholder(value) ? all : before + mark("password")
  )

const bearer: Rule = (text) =>
  text.replace(/(\bbearer\s+)([\w.~+/:-]{16,}={0,2})/gi, (all, before: string, value: string) =>
    isStrong(value, 16) ? before + mark("credential") : all
  )

const basic: Rule = (text) =>
  text.replace(
    /(\bbasic\s+|auth\\{0,3}["']\s*:\s*\\{0,3}["'])([A-Za-z0-9+/]{6,}={0,2})/gi,
    (all, before: string, value: string) => (isUserAndPassword(value) ? before + mark("credential") : all)
  )

/** Base64 of printable `user:password`: no word happens to be that. */
const isUserAndPassword = (value: string): boolean => {
  const bare = value.replace(/=+$/, "")
  return bare.length % 4 !== 1 && /^[ -~]+:[ -~]+$/.test(atob(bare))
}

// -- secrets that are known by their name -------------------------------------------------------------------------

const PASSWORD = String.raw`pass(?:word|wd|phrase|code)|pwd|pass(?:(?<=(?:[_.&?;-]|db|user|root|smtp)pass)|(?<=["']pass)(?=\\{0,7}["']))|passwort|kennwort|contraseña|senha|пароль|密码`
const TOKEN = String.raw`token(?<!(?:next|prev|page|paging|pagination|continuation|sync|pad|eos|bos|unk|sep|cls|mask|stop|special|max|min|num|cancel|cancellation|abort|idempotency)[_-]?token)`
const KEY = String.raw`(?:api|access|account|private|encryption|signing|master|auth|service|storage|subscription|app|deploy)[ _-]?key`
const NAME = String.raw`(?<name>${PASSWORD}|secret(?<!arn:[\w:-]{0,80}secret)(?:[_-]?(?:access[_-]?)?key)?|${TOKEN}|${KEY}|authorization|x-amz-signature)(?<!\[redacted [a-z ]{0,24})`
/** What may follow the word and leave it the name of a secret: `API_KEY_PROD`, `token2`, `password"`, `**Password**`. */
const NAME_END = String.raw`(?:[_-]?(?:base|prod|live|dev|test|staging|\d{1,2}))?(?![A-Za-z0-9_])[\\"'\`*\]]{0,6}`
const SIGN = String.raw`(?:[ \t]?:[ \t]?(?:&?str(?:ing)?|text))?[ \t]{0,12}(?::=|=>|!?={1,3}|[:：]|>(?=[^<>\s]{1,200}<\/))\*{0,2}[ \t]{0,12}`
const VALUE_OF = String.raw`(?:[\s,"'\\]|\\[nrt]){1,40}(?:value|val)[\\"']{0,4}[ \t]?[:=][ \t]?`
const COMMA = String.raw`(?<=["']),[ \t]{0,4}(?=\\{0,3}["'])`
const SCHEME = String.raw`(?:(?:bearer|basic|token|apikey|key)[ \t]+)?`
const QUOTED = String.raw`(?:[bfru](?=["']))?(?<quote>\\{0,7}["'\`])${SCHEME}(?!\k<quote>)(?<quoted>[^\r\n]{1,400}?)(?:(?<!\\)|(?<=[^\\](?:\\\\){1,8})(?=["'\`]))\k<quote>`
const STOP = String.raw`[\s"'\`\\]|$|[\w.-]{1,40}["']?\s?[=:]`
const BARE = String.raw`(?:["'\`]{3}|\\{0,7}["'\`]?)${SCHEME}(?<bare>(?:[^\s"'\`\\,;&|(){}[\]<>.:]|\\(?![nrtu"'\`\\])|[.:](?![\s"'\`\\]|$)|(?!<\/)[,;&|(){}[\]<>](?!${STOP})){1,8192})`

const named = (place: string, accepts: Accepts): Rule => {
  const pattern = new RegExp(`${place}(?:${QUOTED}|${BARE})`, "gi")
  return (text) => {
    let kept = ""
    let from = 0
    pattern.lastIndex = 0
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      const { name = "", glue = "", quote = "", quoted, bare = "" } = match.groups ?? {}
      const value = quoted ?? bare
      const end = pattern.lastIndex - (quoted === undefined ? 0 : quote.length)
      const start = end - value.length
      const last = LINE_ENDS.test(text.slice(end, end + 16))
      if (accepts(name, glue, { text: value, quoted: quoted !== undefined, last })) {
        kept += text.slice(from, start) + mark(kindOf(name))
        from = end
      } else if (value.length < 1024) pattern.lastIndex = start // what was refused may itself hold an assignment
    }
    return from === 0 ? text : kept + text.slice(from)
  }
}

const LINE_ENDS = /^[ \t]*(?:$|\r?\n|\\+[nr]|\\*["'`])/

const isPassword = (name: string): boolean => new RegExp(`^(?:${PASSWORD}|pass)$`, "i").test(name)

const kindOf = (name: string): string => {
  if (isPassword(name)) return "password"
  if (/token$/i.test(name)) return "token"
  if (/^secret$/i.test(name)) return "secret"
  return /key$/i.test(name) ? "api key" : "credential"
}

/** `name = value`, in whatever language, and `the name is value`. */
const assigned: Accepts = (name, glue, value) => {
  if (isPlaceholder(value.text) || isLabel(value.text)) return false
  if (!/[:=>：]/.test(glue)) return isTold(name, glue, value)
  if (glue === "=" && name === name.toUpperCase()) return isLiteral(value.text) && value.text.length > 3
  if (isCode(value.text)) return false
  if (/^pass$/i.test(name) && /^\d+$/.test(value.text)) return false // a count of tests
  if (isPassword(name)) return value.quoted ? isPassphrase(value.text) : isBarePassword(glue, value)
  if (/^secret$/i.test(name) && value.quoted && /^[A-Za-z]{8,}$/.test(value.text)) return true
  return isStrong(value.text, /^secret$/i.test(name) ? 6 : 8)
}

/** `--name value`. */
const flagged: Accepts = (name, _, value) =>
  !isPlaceholder(value.text) &&
  !isLabel(value.text) &&
  (isPassword(name) ? isLiteral(value.text) : isStrong(value.text, 8))

/** After `is` or a blank, or in a list, a plain word is likelier than a secret. */
const isTold = (name: string, glue: string, { quoted, text }: Value): boolean => {
  if (text.length < 6 || !/[A-Za-z]/.test(text) || !/[\d!@#$%^&*]/.test(text)) return false
  if (!isLiteral(text) || isCode(text) || WORDY.test(text)) return false
  if (glue.trim() !== "") return true
  return isPassword(name) ? quoted || !/^[a-z]+\d{0,3}$/i.test(text) : isStrong(text, 16)
}

const isBarePassword = (glue: string, { text, last }: Value): boolean => {
  if (!isLiteral(text)) return false
  if (/^\d+$/.test(text)) return text.length > 3
  if (/^[a-z]+(?:-[a-z]+)*$/i.test(text)) {
    const words = text.split("-").length
    return words > 3 || (words === 1 && last && (glue === "=" ? text.length > 3 : /^[a-z]{6,}$/.test(text)))
  }
  return text.length > 3 && !/^[A-Za-z_]+$/.test(text)
}

const isPassphrase = (text: string): boolean =>
  /\s/.test(text)
    ? text.trim().split(/\s+/).length > 2 && !PROSE.test(text) && /^[ -~]+$/.test(text)
    : text.length > 2 && isLiteral(text) && !/^[^ -~]+$/.test(text)

/** Whether it is too irregular to be words: letters and digits mixed, or letters no language would put so. */
const isStrong = (text: string, atLeast: number): boolean => {
  if (text.length < atLeast || /\s/.test(text) || !/[A-Za-z]/.test(text) || !isLiteral(text)) return false
  if (/\d/.test(text)) return !WORDY.test(text)
  const words = text.split(/[^A-Za-z]+|(?<=[a-z])(?=[A-Z])/)
  return text.length > 15 && (text.length / words.length < 3.5 || words.some((word) => word.length > 17))
}

/** A path, a type or a word of prose is none; `+/` is what base64 has and paths have not. */
const isLiteral = (text: string): boolean =>
  !RESERVED.test(text) &&
  (!/^(?:~|\.{1,2})?\/|^[A-Za-z]:[\\/]|^[a-z]+:\/\//.test(text) || /^[A-Za-z0-9+/]{40}$/.test(text)) &&
  !/^#[0-9a-f]{3,8}$/i.test(text)

const RESERVED =
  /^(?:string|str|text|varchar|char|bytes?|int(?:eger)?|number|bool(?:ean)?|any|unknown|object|null|nil|none|undefined|void|true|false|optional|required|yes|no|on|off|empty|missing|invalid|incorrect|wrong|expired|hidden|masked|encrypted|hashed|unchanged|changed|change|reset|set|unset|not|must|should|is|are|was|were|will|can|cannot|may|has|have|the|a|an|and|or|for|to|of|by|at|in|into|it|its|with|without|from|via|if|when|as|be|so|this|that|flag|options?|argument|parameter|value|field|file|stdin|env|prompt|input|ok|passe?d?|fail(?:ed)?|basic|bearer|include|omit|default|disabled|enabled|generated|protected|rejected|accepted|length)[?.,;:!)]*$/i

const LABEL =
  /^(?=.*(?:pass|pwd|secret|token|key|credential))(?:(?:new|old|current|confirm(?:ed|ation)?|repeat|user|db|database|my|your|the|enter|plain|raw|hashed|encrypted|api|access|client|auth|app|admin|root|form|login|account|password|passwort|passwd|pass|pwd|passphrase|secrets?|tokens?|keys?|credentials?|id|name|field|label|value)[\s_.-]?){1,6}$/i
const isLabel = (text: string): boolean => LABEL.test(text)

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
  /^[a-z]\w*(?:Token|Key|Secret|Password)$|^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/.test(text)

const FLAG = String.raw`--(?=[a-z])[a-z-]{0,40}?`
const TOLD = String.raw`\s(?:is|was)[ \t]?:?[ \t]|${COMMA}|[ \t]{1,4}`
/** What stands in each secret known by its name, and in `basic` and `bearer`. */
const NAME_HINT = /pass|pwd|kennwort|contrase|senha|пароль|密码|secret|token|key|auth|x-amz|basic|bearer/i
/** What each shape has. Only at these characters, which are rare, is it worth to look what stands before. */
const SHAPE_HINT = new RegExp(
  String.raw`[-_.:AJKz](?<=(?:sk|xai|pplx|GOCSPX|gl[a-z]{2,5}|xox[a-z]|xapp|pypi)-|` +
    String.raw`(?:[sr]k|gsk|gh[a-z]|_pat|whsec|npm|hf|dop_v1|shp[a-z]{2}|lin_api)_|(?:ya29|slack|SG|hvs)\.|` +
    String.raw`:A|eyJ|AIz|[KS]IA|SK(?=[0-9a-f]))`
)

const RULES: ReadonlyArray<Rule> = [
  privateKeys,
  where("@", passwordsIn(URL_PASSWORD), passwordsIn(DSN_PASSWORD)),
  where("-u", passwordsIn(CURL_USER)),
  where("-p", passwordsIn(CLIENT_PASSWORD)),
  where(
    NAME_HINT,
    basic,
    named(`${NAME}${NAME_END}(?<glue>${SIGN}|${VALUE_OF}|${TOLD})`, assigned),
    where("--", named(`${FLAG}${NAME}(?<glue>[ \\t]{1,4})(?!-)`, flagged)),
    bearer
  ),
  where(SHAPE_HINT, shapes)
]
