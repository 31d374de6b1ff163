/** Values that stand where a secret could and are none: words, types, labels. */

export const RESERVED =
  /^(?:tests?|secret|string|str|text|varchar|char|bytes?|int(?:eger)?|number|bool(?:ean)?|any|unknown|object|null|nil|none|undefined|void|true|false|optional|required|yes|no|on|off|empty|missing|invalid|incorrect|wrong|expired|hidden|masked|encrypted|hashed|unchanged|changed|change|reset|set|unset|not|must|should|is|are|was|were|will|can|cannot|may|has|have|the|a|an|and|or|for|to|of|by|at|in|into|it|its|with|without|from|via|if|when|as|be|so|this|that|flag|options?|argument|parameter|value|field|file|stdin|env|prompt|input|ok|passe?d?|fail(?:ed)?|basic|bearer|include|omit|default|disabled|enabled|generated|protected|rejected|accepted|length)[?.,;:!)]*$/i

export const LABEL =
  /^(?=.*(?:pass|pwd|secret|token|key|credential))(?:(?:new|old|current|confirm(?:ed|ation)?|repeat|user|db|database|my|your|the|enter|plain|raw|hashed|encrypted|api|access|client|auth|app|admin|root|form|login|account|password|passwort|passwd|pass|pwd|passphrase|secrets?|tokens?|keys?|credentials?|id|name|field|label|value)[\s_.-]?){1,6}$/i

export const PROSE =
  /\b(?:the|a|an|your|you|my|must|is|are|was|of|for|to|be|should|enter|required|invalid|please|at|or|not|does|do|with|in|if|no|when|used?|password|token|secret|key|least|characters?)\b/i

/** Words with a number: `color-primary-500`, `sha256-hashed`, `24h`. */
export const WORDY =
  /^[a-z]{2,}(?:[-_.:/][a-z]{2,})*[-_.:/]v?\d{1,4}$|^[a-z]{2,}(?:[-_.:/][a-z]{2,})+\d{0,2}$|^(?:base|sha|md|utf|rsa|aes|argon|pbkdf|oauth|http|ipv|iso|rfc|ed|hs|rs|es)[-_]?\d{1,5}(?:[-_.]?[a-z]{1,12}){0,2}$|^\d+(?:\.\d+)?(?:-[a-z]{1,12}|[a-z]{1,2}|chars?|bits?|bytes?)$/i

/** 1 for a letter, 2 for a digit, 4 for a sign that words do not have, 8 for one that they have, 0 for what parts words. */
export const KINDS = new Uint8Array(65_536)
for (const [kind, chars] of [
  [1, /[A-Za-z]/],
  [2, /\d/],
  [4, /[!#$%&*?+~^=_-]/],
  [8, /[.@]/]
] as const)
  for (let code = 0; code < 128; code++) if (chars.test(String.fromCharCode(code))) KINDS[code] = kind

/** Hold the place of a value, or refer to it. */
export const PLACEHOLDERS: ReadonlyArray<RegExp> = [
  /^(?:vault|op|ssm|env|ref|file):|^ENC\[|\$[{(]|\{\{|%\(|#\{|^<.*>?$|^\{.*\}$|^\[|^%\w*%?$|^@\w+@$|^:\w+$|^[*•.x…_?-]+$|^\$(?:[A-Za-z_]\w*|\d)$/i,
  /^(?:your|insert|enter|example|sample|placeholder|dummy|replace|redacted)(?![A-Za-z])|[-_]here$|^.{0,16}(?:\.\.|…)$/i
]

/** Names and calls of programs. */
export const CODE: ReadonlyArray<RegExp> = [
  /^(?:process\.env|import\.meta|os\.(?:environ|getenv)|env[.[(]|ENV\[)/,
  /^[A-Za-z_$][\w$]*(?:(?:\?\.|!?\.|::|->)[A-Za-z_$#][\w$]*)*[([]/,
  /^[A-Za-z_$]+\d?(?:(?:\?\.|!?\.|::|->)[A-Za-z_$#]+\d?)+!?$/,
  /^[a-z]\w*(?:Token|Key|Secret|Password)$|^[A-Z]+\d*(?:_(?:[A-Z]+\d*|\d+))+$/
]

/** Options, dates, hashes, ids and names of programs, though they hold a digit and a sign. */
export const WORDLIKE =
  /^[\w.-]*[=(]|^\d{4}-\d|^[a-z]+(?:[-_.@][a-z\d]+)*$|^[A-Z\d_]+$|^\$\w+\$|^-|^[\w-]{21,}$|^[\w.+-]+@[\w-]+\.\w+/
