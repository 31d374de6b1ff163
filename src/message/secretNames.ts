/** Names that secrets stand behind, the signs between a name and its value, and how a value ends. */

const PASSWORD = String.raw`pass(?:word|wd|phrase|code)|pwd|pass(?:(?<=(?:[_.&?;-]|db|user|root|smtp|require|store|key)pass)|(?<=["']pass)(?=\\{0,7}["'])|(?<![A-Za-z]pass)(?=\s?:\s))|passwort|pw(?:(?<=(?:_|root)pw)|(?<![A-Za-z]pw)(?=\s?[:=]))|psk(?<![A-Za-z]psk)|masterauth`
const PASSWORD_ABROAD = String.raw`kennwort|contraseñ?n?a|senha|пароль|密码|密碼|口令|mot de passe|wachtwoord|lösenord|adgangskode|passord|salasana|has[łl]o|heslo|jelszó|parol[aăei]?|lozinka|[şs]ifre|mật khẩu|kata sandi|nenosiri|パスワード|暗証番号|비밀번호|암호|كلمة (?:المرور|السر)|رمز عبور|पासवर्ड|পাসওয়ার্ড`
const TOKEN = String.raw`token(?<!(?:next|prev|page|paging|pagination|continuation|sync|pad|eos|bos|unk|sep|cls|mask|stop|special|max|min|num|cancel|cancellation|abort|idempotency)[_-]?token)`
const KEY = String.raw`(?:api|access|account|private|encryption|signing|master|auth|service|storage|subscription|app|deploy|client|license|licence)[ _-]?key(?:[_-]data|[_-]id(?<=private_key_id)(?=[^A-Za-z]{1,6}[0-9a-f]{32}))?|key(?<=[a-z]_key)(?<!(?:cache|partition|primary|foreign|public|idempotency|sort|range|hash|host|dedup|group|object|map|row|column|config|unique|translation|message|lookup|composite|index|pub|registry|event|routing|entity|project|issue|state|lock)_key)`
const NAME = String.raw`(?<name>${PASSWORD}|secret(?<!arn:[\w:-]{0,80}secret)(?:[_-]?(?:access[_-]?)?key)?|${TOKEN}|${KEY}|authorization|x-amz-signature|mnemonic|salt(?<=(?:auth|nonce|logged_in|secure_auth|signing)_salt))(?<!\[redacted [a-z ]{0,24})`

const SUFFIX = String.raw`(?:[_-]?(?:base|prod|live|dev|test|staging|plain|confirmation|\d{1,2})|s(?=\\{0,7}["']?\s?:)|\.value)?(?=[\s\\"'\`*\]:=!>,：.([&—–→-]|%22|\x1b)`

/** The name of a secret, also with a suffix: `API_KEY_PROD`, `token2`. Only where a sign can follow. */
export const NAMES = new RegExp(NAME + SUFFIX, "gi")

/** Words for a password in other languages than English. */
export const NAMES_ABROAD = new RegExp(`(?<name>${PASSWORD_ABROAD})${SUFFIX}`, "gi")

/** Found in every text with such a word. The first letter is left out, since it may be large. */
export const ABROAD =
  /ennwort|ontrase|enha|ароль|АРОЛЬ|密|口令|[dD][eE] passe|achtwoord|senord|dgangskode|assord|alasana|asło|aslo|eslo|elsz|arol|ozinka|ifre|khẩu|sandi|enosiri|パス|暗証|비밀|암호|كلمة|رمز|पास|পাস/

/** The name of a secret in an option of a command: `--api-key`. */
export const FLAGS = new RegExp(String.raw`--(?=[a-z])[a-z-]{0,40}?${NAME}(?=[ \t])`, "gi")

/**
 * A sign between a name and its value. An `assignment` makes nearly any value a secret, a `mention` or a `blank` only
 * one that is too irregular to be a word.
 */
export interface Sign {
  readonly kind: "assignment" | "mention" | "blank"
  readonly pattern: RegExp
}

/** Marks that may close the name before its sign: `"password": `, `**Password**: `. */
const CLOSING = String.raw`(?:[\\"'\`*\]]|&quot;|%22|\x1b\[[0-9;]{0,8}m){0,6}`
const BLANK = String.raw`[ \t\u00a0\u202f]`

const makeSign = (kind: Sign["kind"], source: string, closing = CLOSING): Sign => ({
  kind,
  pattern: new RegExp(`${closing}(?<sign>${source})`, "iy")
})

/** The first sign that is followed by a value counts. */
export const SIGNS: ReadonlyArray<Sign> = [
  // `name = value`, `name: string = value`, `name := value`, `name => value`, `name: value`, `<name>value</name>`
  makeSign(
    "assignment",
    String.raw`(?:[ \t]?:[ \t]?(?:&?str(?:ing)?|text))?[ \t]{0,12}(?::=|=>|!?={1,3}|[:：]|>(?=[^<>\s]{1,200}<\/))\*{0,2}[ \t]{0,12}`
  ),
  // `password:` with the value in the next line, as a list, a map or a block
  makeSign(
    "assignment",
    String.raw`${BLANK}?:${BLANK}{0,4}(?:[|>][-+]?${BLANK}{0,4}\r?\n\s{1,24}|\r?\n\s{0,24}-${BLANK}|[{[]\s{0,24}(?:\\{0,7}["'][\w.-]{1,40}\\{0,7}["']\s?:${BLANK}?)?)`
  ),
  makeSign(
    "mention",
    String.raw`(?<!(?:token|secret|key|authorization)\W{0,6})(?:\sis)?${BLANK}?[:：]${BLANK}{0,4}\r?\n\s{0,24}`
  ),
  // An escaped sign, a bracket or dots before it, an escaped line break behind it
  makeSign(
    "assignment",
    String.raw`${BLANK}?(?:&(?:#58|#x3a|colon|#61|#x3d|equals);|%3[AaDd](?:%22)?|\([^()\n]{1,30}\)${BLANK}?[:=]|\.{3,30}:?|=\\\r?\n)${BLANK}{0,4}(?:&quot;)?`
  ),
  makeSign("assignment", String.raw`${BLANK}{0,4}[:=：][ \t\u00a0\u202f]{0,12}(?:&quot;|\x1b\[[0-9;]{0,8}m|[“«「])`),
  makeSign("assignment", String.raw`[\u00a0\u202f][:=：]${BLANK}{0,4}|[:=：][\u00a0\u202f]${BLANK}{0,4}`),
  makeSign("mention", String.raw`${BLANK}{0,2}(?:->|→|—|–|-(?= )|\[)${BLANK}{0,2}`),
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

export const FLAG_SIGNS: ReadonlyArray<Sign> = [makeSign("blank", String.raw`[ \t]{1,4}(?!-)`, "")]

const SCHEME = String.raw`(?:(?:bearer|basic|token|apikey|key)[ \t]+)?`
export const QUOTED = new RegExp(
  String.raw`(?:[bfru](?=["']))?(?<quote>\\{0,7}["'\`])${SCHEME}(?!\k<quote>)(?<value>[^\r\n]{1,400}?)(?:(?<!\\)|(?<=[^\\](?:\\\\){1,8})(?=["'\`]))\k<quote>`,
  "iy"
)
const STOP = String.raw`[\s"'\`\\]|$|[\w.-]{1,40}["']?\s?[=:]`
export const BARE = new RegExp(
  String.raw`(?:["'\`]{3}|\\{0,7}["'\`]?)${SCHEME}(?<value>(?:[^\s"'\`\\,;&|(){}[\]<>.:]|\\(?![nrtu"'\`\\])|[.:](?![\s"'\`\\]|$)|(?!<\/)[,;&|(){}[\]<>](?!${STOP})){1,8192})`,
  "iy"
)

/** Found behind the last value of a line. */
export const LINE_ENDS = /^[ \t]*(?:$|\r?\n|\\+[nr]|\\*["'`])/

export const IS_PASSWORD = new RegExp(`^(?:${PASSWORD}|${PASSWORD_ABROAD}|pass|pw)$`, "i")

/** Found in every text that the rules of names, `basic` and `bearer` can change. */
export const NAME_HINT = /pass|pwd|secret|token|key|auth|pw|psk|mnemonic|salt|x-amz|basic|bearer/i

/** A value as it stands in the text; `isLast` is true if its line ends after it. */
export interface Value {
  readonly text: string
  readonly start: number
  readonly end: number
  readonly isQuoted: boolean
  readonly isLast: boolean
}

/** A value with the sign before it: `sign` is its text. */
export interface Assignment {
  readonly kind: Sign["kind"]
  readonly sign: string
  readonly value: Value
}
