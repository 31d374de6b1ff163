/** Names that secrets stand behind, the signs between a name and its value, and how a value ends. */

const PASSWORD = String.raw`pass(?:word|wd|phrase|code)|pwd|pass(?:(?<=(?:[_.&?;-]|db|user|root|smtp)pass)|(?<=["']pass)(?=\\{0,7}["']))|passwort|kennwort|contraseña|senha|пароль|密码`
const TOKEN = String.raw`token(?<!(?:next|prev|page|paging|pagination|continuation|sync|pad|eos|bos|unk|sep|cls|mask|stop|special|max|min|num|cancel|cancellation|abort|idempotency)[_-]?token)`
const KEY = String.raw`(?:api|access|account|private|encryption|signing|master|auth|service|storage|subscription|app|deploy)[ _-]?key`
const NAME = String.raw`(?<name>${PASSWORD}|secret(?<!arn:[\w:-]{0,80}secret)(?:[_-]?(?:access[_-]?)?key)?|${TOKEN}|${KEY}|authorization|x-amz-signature)(?<!\[redacted [a-z ]{0,24})`

/** The name of a secret, also with a suffix: `API_KEY_PROD`, `token2`. Only where a sign can follow. */
export const NAMES = new RegExp(
  String.raw`${NAME}(?:[_-]?(?:base|prod|live|dev|test|staging|\d{1,2}))?(?=[\s\\"'\`*\]:=!>,：])`,
  "gi"
)

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
const CLOSING = String.raw`[\\"'\`*\]]{0,6}`

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

export const IS_PASSWORD = new RegExp(`^(?:${PASSWORD}|pass)$`, "i")

/** Found in every text that the rules of names, `basic` and `bearer` can change. */
export const NAME_HINT = /pass|pwd|kennwort|contrase|senha|пароль|密码|secret|token|key|auth|x-amz|basic|bearer/i
