/** Recognizes secrets by the name they stand behind. */
import {
  isCode,
  isIrregular,
  isJumbled,
  isLiteral,
  isNoValue,
  isPassphrase,
  isSaidPassword,
  isStrong,
  isTrueAt,
  isUnlikeWords,
  isWordsAndNumber,
  matchAt,
  MIXED_WORD,
  type Rule
} from "./secretValues.ts"

// -- names, the signs between a name and its value, and how a value ends ------------------------------------------

const PASSWORD = String.raw`pass(?:word|wd|phrase|code)|pwd|pass(?:(?<=(?:[_.&?;-]|db|user|root|smtp|require|store|key)pass)|(?<=["']pass)(?=\\{0,7}["'])|(?<![A-Za-z]pass)(?=\s?:\s))|passwort|pw(?:(?<=(?:_|root)pw)|(?<![A-Za-z]pw)(?=\s?[:=]))|psk(?<![A-Za-z]psk)|masterauth`
const PASSWORD_ABROAD = String.raw`kennwort|contraseñ?n?a|senha|пароль|密码|密碼|口令|mot de passe|wachtwoord|lösenord|adgangskode|passord|salasana|has[łl]o|heslo|jelszó|parol[aăei]?|lozinka|[şs]ifre|mật khẩu|kata sandi|nenosiri|パスワード|暗証番号|비밀번호|암호|كلمة (?:المرور|السر)|رمز عبور|पासवर्ड|পাসওয়ার্ড|slaptažodis|құпия ?сөз|сырсөз|серсүз|лозинката|лозинка|шифра|პაროლი|գաղտնաբառը?|گذرواژه|پاس ?ورڈ|پسورد|கடவுச்சொல்|పాస్\u200c?వర్డ్|ಪಾಸ್\u200c?ವರ್ಡ್|പാസ്\u200c?വേഡ്|પાસવર્ડ|ਪਾਸਵਰਡ|kodeord|palavra-passe|lykilorð|pasahitza|nywila|modpas|zaporka|parool|geslo|cyfrinair|wagwoord|fjalëkalimi|contrasinal|contrasenya`
const TOKEN = String.raw`token(?<!(?:next|prev|page|paging|pagination|continuation|sync|pad|eos|bos|unk|sep|cls|mask|stop|special|max|min|num|cancel|cancellation|abort|idempotency)[_-]?token)`
const KEY = String.raw`key(?<=(?:api|access|account|private|encryption|signing|master|auth|service|storage|subscription|app|deploy|client|licen[cs]e|pre-?shared)[ _-]?key)(?:[_-]data|[_-]id(?<=private_key_id)(?=[^A-Za-z]{1,6}[0-9a-f]{32}))?|key(?<=[a-z]_key)(?<!(?:cache|partition|primary|foreign|public|idempotency|sort|range|hash|host|dedup|group|object|map|row|column|config|unique|translation|message|lookup|composite|index|pub|registry|event|routing|entity|project|issue|state|lock)_key)`
const NAME = String.raw`(${PASSWORD}|secret(?<!arn:[\w:-]{0,80}secret|existing_?secret)(?:[_-]?(?:access[_-]?)?key)?|${TOKEN}|${KEY}|authorization|x-amz-signature|mnemonic|salt(?<=(?:auth|nonce|logged_in|secure_auth|signing)_salt))(?<!\[redacted [a-z ]{0,24})`

const SUFFIX = String.raw`(?:[_-]?(?:base|prod|live|dev|test|staging|plain|confirmation|\d{1,2})|s(?=\\{0,7}["']?\s?:)|\.value)?(?=[\s\\"'\`*\]:=!>,：.([&—–→-]|%22|%5D|\x1b)`

// Groups have no names here, since an object for them takes longer than the match itself.
/** The name of a secret, or its last part, also with a suffix: `API_KEY_PROD`, `token2`. Only where a sign can follow. */
const NAMES = new RegExp(NAME + SUFFIX, "iy")
const WORDS = "pass pwd pw psk masterauth secret token key authorization x-amz-signature mnemonic salt".split(" ")

/** Words for a password in other languages than English. */
const NAMES_ABROAD = new RegExp(`(${PASSWORD_ABROAD})${SUFFIX}`, "iy")
const WORDS_ABROAD =
  "kennwort|contrase|senha|пароль|密码|密碼|口令|mot de passe|wachtwoord|lösenord|adgangskode|passord|salasana|hasło|hasŁo|haslo|heslo|jelszó|parol|lozinka|şifre|Şifre|sifre|mật khẩu|MẬT KHẨU|kata sandi|nenosiri|パスワード|暗証番号|비밀번호|암호|كلمة|رمز عبور|पासवर्ड|পাসওয়ার্ড|slapta|құпия|сырсөз|серсүз|лозинка|шифра|პაროლი|գաղտնաբառ|گذرواژه|پاس|پسورد|கடவுச்சொல்|పాస్|ಪಾಸ್|പാസ്|પાસવર્ડ|ਪਾਸਵਰਡ|kodeord|palavra-passe|lykilor|pasahitza|nywila|modpas|zaporka|parool|geslo|cyfrinair|wagwoord|fjal|contrasinal|contrasenya".split(
    "|"
  )

/** The name of a secret in an option of a command: `--api-key`. */
const FLAGS = new RegExp(String.raw`(?<=--[a-z-]{0,40})${NAME}(?=[ \t])`, "iy")

/**
 * A sign between a name and its value. An `assignment` makes nearly any value a secret, a `mention` or a `blank` only
 * one that is too irregular to be a word.
 */
interface Sign {
  readonly kind: "assignment" | "mention" | "blank"
  /** The characters it can begin with behind blanks; any if left out. */
  readonly starts?: string | undefined
  readonly pattern: RegExp
}

/** Marks that may close the name before its sign: `"password": `, `**Password**: `. */
const CLOSING = String.raw`(?:[\\"'\`*\]]|&quot;|%22|%5D|\x1b\[[0-9;]{0,8}m){0,6}`
const BLANK = String.raw`[ \t\u00a0\u202f]`

const makeSign = (kind: Sign["kind"], starts: string | undefined, source: string, closing = CLOSING): Sign => ({
  kind,
  starts,
  pattern: new RegExp(`${closing}(${source})`, "iy")
})

/** The first sign that is followed by a value counts. */
const SIGNS: ReadonlyArray<Sign> = [
  // `name = value`, `name: string = value`, `name := value`, `name => value`, `name: value`, `<name>value</name>`
  makeSign(
    "assignment",
    ":=：!>",
    String.raw`(?:[ \t]?:[ \t]?(?:&?str(?:ing)?|text))?[ \t]{0,12}(?::=|=>|!?={1,3}|[:：](?!\?)|>(?=[^<>\s]{1,200}<\/))\*{0,2}[ \t]{0,12}`
  ),
  // `password:` with the value in the next line, as a list, a map or a block
  makeSign(
    "assignment",
    ":",
    String.raw`${BLANK}?:${BLANK}{0,4}(?:[|>][-+]?${BLANK}{0,4}\r?\n\s{1,24}|\r?\n\s{0,24}-${BLANK}|[{[]\s{0,24}(?:\\{0,7}["'][\w.-]{1,40}\\{0,7}["']\s?:${BLANK}?)?)`
  ),
  makeSign(
    "mention",
    ":：iI\n\r",
    String.raw`(?<!(?:token|secret|key|authorization)\W{0,6})(?:\sis)?${BLANK}?[:：]${BLANK}{0,4}\r?\n\s{0,24}`
  ),
  // An escaped sign, a bracket or dots before it, an escaped line break behind it
  makeSign(
    "assignment",
    "&%(.=",
    String.raw`${BLANK}?(?:&(?:#58|#x3a|colon|#61|#x3d|equals);|%3[AaDd](?:%22)?|\([^()\n]{1,30}\)${BLANK}?[:=]|\.{3,30}:?|=\\\r?\n)${BLANK}{0,4}(?:&quot;)?`
  ),
  makeSign(
    "assignment",
    ":=：",
    String.raw`${BLANK}{0,4}[:=：][ \t\u00a0\u202f]{0,12}(?:&quot;|\x1b\[[0-9;]{0,8}m|[“«「])`
  ),
  makeSign("assignment", ":=：", String.raw`[\u00a0\u202f][:=：]${BLANK}{0,4}|[:=：][\u00a0\u202f]${BLANK}{0,4}`),
  makeSign("mention", "->→—–[", String.raw`${BLANK}{0,2}(?:->|→|—|–|-(?= )|\[)${BLANK}{0,2}`),
  // `"name": "token", "value": "…"`
  makeSign(
    "assignment",
    ",\"'\\\\vVnrt\n\r\f\v",
    String.raw`(?:[\s,"'\\]|\\[nrt]){1,40}(?:value|val)[\\"']{0,4}[ \t]?[:=][ \t]?`
  ),
  // `the token is: value`
  makeSign("assignment", "iIwW\n\r\f\v", String.raw`\s(?:is|was)[ \t]?:[ \t]`),
  // `the token is value`
  makeSign("mention", "iIwW\n\r\f\v", String.raw`\s(?:is|was)[ \t]{1,2}`),
  // `"token", "value"`
  makeSign("mention", ",", String.raw`(?<=["']),[ \t]{0,4}(?=\\{0,3}["'])`),
  // `token value`
  makeSign("blank", undefined, String.raw`[ \t]{1,4}`)
]

const FLAG_SIGNS: ReadonlyArray<Sign> = [makeSign("blank", undefined, String.raw`[ \t]{1,4}(?!-)`, "")]

const SCHEMES = "bearer|basic|token|apikey|key"
const SCHEME = String.raw`(?:(?:${SCHEMES})[ \t]+)?`
const QUOTED = new RegExp(
  String.raw`(?:[bfru](?=["']))?(\\{0,7}["'\`])${SCHEME}(?!\1)([^\r\n]{1,400}?)(?:(?<!\\)|(?<=[^\\](?:\\\\){1,8})(?=["'\`]))\1`,
  "iy"
)
const STOP = String.raw`[\s"'\`\\]|$|[\w.-]{1,40}["']?\s?[=:]`
const BARE = new RegExp(
  String.raw`(?:["'\`]{3}|\\{0,7}["'\`]?)${SCHEME}((?:[^\s"'\`\\,;&|(){}[\]<>.:]|\\(?![nrtu"'\`\\])|[.:](?![\s"'\`\\]|$)|(?!<\/)[,;&|(){}[\]<>](?!${STOP})){1,8192})`,
  "iy"
)

/** Ends with the first character of a sign. */
const FIRST = new RegExp(String.raw`${CLOSING}[ \t\u00a0\u202f]{0,40}[^]`, "y")

/** Found where a name is followed by a plain word, as in most sentences: no sign and no secret. */
const PLAIN_WORD = new RegExp(
  String.raw`[ \t]{1,4}(?!(?:is|was|val)\b|value)(?:(?!(?:${SCHEMES})[ \t])|(?:${SCHEMES})[ \t]+)[a-z\u00c0-\u024f\u0370-\u1fff\u3040-\u30ff\u4e00-\ud7ff]+(?=[.,;!?]?(?:\s|$))`,
  "iy"
)

/** Found behind the last value of a line. */
const LINE_ENDS = /[ \t]{0,16}(?:$|\r?\n|\\{1,16}[nr]|\\{0,16}["'`])/y

const IS_PASSWORD = new RegExp(`^(?:${PASSWORD}|${PASSWORD_ABROAD}|pass|pw)$`, "i")

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

// -- reading and judging an assignment ----------------------------------------------------------------------------

/** Says whether a value under this name is a secret. */
type IsSecret = (name: string, assignment: Assignment) => boolean

/** Describes how a name is written, what may stand between it and its value, and which values are secrets. */
interface Naming {
  readonly names: RegExp
  readonly signs: ReadonlyArray<Sign>
  readonly isSecret: IsSecret
}

/** Redacts what is assigned to a secret's name: reads a name, a sign and a value, and lets `isSecret` decide. */
const redactNamed = (words: ReadonlyArray<string>, ...namings: ReadonlyArray<Naming>): Rule => ({
  words,
  steps: 6,
  find: (text, at, found) => {
    let next = at
    for (const { isSecret, names, signs } of namings) {
      const match = matchAt(names, text, at)
      const assignment = match === null ? undefined : readAssignment(text, at + match[0].length, signs)
      if (assignment === undefined) continue
      const name = match?.[1] ?? ""
      const { end, start, text: value } = assignment.value
      if (isSecret(name, assignment)) {
        found.push({ start, end, kind: kindOf(name) })
        return end
      }
      // A refused value may itself hold an assignment, unless it is too long to read again.
      next = value.length < 1024 ? start : end
    }
    return next
  }
})

const readAssignment = (text: string, at: number, signs: ReadonlyArray<Sign>): Assignment | undefined => {
  const plain = matchAt(PLAIN_WORD, text, at)?.[0]
  if (plain !== undefined && !isJumbled(plain)) return undefined
  const first = isTrueAt(FIRST, text, at) ? text.charAt(FIRST.lastIndex - 1) : ""
  for (const { kind, pattern, starts } of signs) {
    if (starts !== undefined && !starts.includes(first)) continue
    const found = matchAt(pattern, text, at)
    const value = found === null ? undefined : readValue(text, at + found[0].length)
    if (found !== null && value !== undefined) return { kind, sign: found[1] ?? "", value }
  }
  return undefined
}

const readValue = (text: string, at: number): Value | undefined => {
  const quoted = matchAt(QUOTED, text, at)
  if (quoted !== null) {
    const [, quote = "", value = ""] = quoted
    return makeValue(text, value, QUOTED.lastIndex - quote.length, true)
  }
  const bare = matchAt(BARE, text, at)
  return bare === null ? undefined : makeValue(text, bare[1] ?? "", BARE.lastIndex, false)
}

const makeValue = (text: string, value: string, end: number, isQuoted: boolean): Value => ({
  text: value,
  start: end - value.length,
  end,
  isQuoted,
  isLast: isTrueAt(LINE_ENDS, text, end)
})

const isPassword = (name: string): boolean => IS_PASSWORD.test(name)

const kindOf = (name: string): string => {
  if (isPassword(name)) return "password"
  if (/token$/i.test(name)) return "token"
  if (/^secret$/i.test(name)) return "secret"
  return /key$/i.test(name) ? "api key" : "credential"
}

/** Judges `name = value`, in any language, and `the name is value`. */
const isAssignedSecret: IsSecret = (name, { kind, sign, value }) => {
  if (kind !== "assignment") return isMentionedSecret(name, kind, value)
  // Most values are told by their letters, so names of programs and what only holds a place are looked for last.
  if (sign === "=" && name === name.toUpperCase())
    return value.text.length > 3 && isLiteral(value.text) && !isNoValue(value.text)
  return isSecretOf(name.toLowerCase(), sign, value) && !isNoValue(value.text) && !isCode(value.text)
}

const isSecretOf = (name: string, sign: string, value: Value): boolean => {
  const { isQuoted, text } = value
  if (name === "pass" && !isQuoted && sign !== "=" && !/[^\w.]/.test(text) && !isJumbled(text)) return false // tests passed
  if (name === "mnemonic") return /^(?:[a-z]{3,10} ){11,23}[a-z]{3,10}$/.test(text)
  if (isPassword(name)) return isQuoted ? isPassphrase(text) : isBarePassword(sign, value)
  const isCalledSecret = name === "secret"
  return (isCalledSecret && isQuoted && /^[A-Za-z]{8,}$/.test(text)) || isStrong(text, isCalledSecret ? 6 : 8)
}

/** Judges `--name value`. */
const isFlaggedSecret: IsSecret = (name, { value }) =>
  (isPassword(name) ? isLiteral(value.text) : isStrong(value.text, 8)) && !isNoValue(value.text)

/** Judges a value after `is`, a comma or a blank, where a plain word is likelier than a secret. */
const isMentionedSecret = (name: string, kind: Sign["kind"], { isQuoted, text }: Value): boolean => {
  if (isPassword(name) && isWordsAndNumber(text)) return true
  if (!isUnlikeWords(text) || isNoValue(text)) return false
  if (kind === "mention") return true
  return isPassword(name) ? isQuoted || !/^[a-z]+\d{0,3}$/i.test(text) : isStrong(text, 16)
}

const isBarePassword = (sign: string, { isLast, text }: Value): boolean => {
  if (text.length < 4 || !isLiteral(text)) return false
  if (/^\d+$/.test(text)) return true
  if (/^[a-z]+(?:-[a-z]+)*$/i.test(text)) {
    const words = text.split("-").length
    return words > 3 || isJumbled(text) || (words === 1 && isLast && (sign === "=" || /^[a-z]{6,}$/.test(text)))
  }
  return !/^[A-Za-z_]+$/.test(text)
}

// -- passwords that someone says ------------------------------------------------------------------------------------

/** Words for a password, wherever people write. */
const WORD = String.raw`passw(?:or)?[dt]|passphrase|passcode|\bpw\b|kennwort|mot de passe|contrase[nñ]|\bclave\b|senha|wachtwoord|l[oö]senord|adgangskode|passord|salasana|has[lł]o|heslo|jelsz[oóa]|parol|lozinka|[sş]ifre|m[aậ]t kh[aẩ]u|kata (?:sandi|laluan)|nenosiri|пароль|парол|κωδικ|סיסמ|كلمة (?:المرور|السر)|رمز|पासवर्ड|পাসওয়ার্ড|รหัสผ่าน|密码|密碼|口令|パスワード|暗証番号|비밀번호|비번|암호|zugangsdaten|zugang|\bcreds?\b|credentials|\blog[ -]?in\b|\bsign[ -]?in\b|\bpass (?=is |was )|lykilorð|loyniorð|pasahitz|contrasinal|wagwoord|fjalëkalim|f[oa]cal[ -]faire|cyfrinair|slaptažod|\bgeslo|лозинк|нууц үг|құпия ?сөз|сырсөз|серсүз|პაროლ|գաղտնաբառ|پاس ?ورڈ|گذرواژه|پټنوم|கடவுச்சொ|పాస్|రహస్య|ಪಾಸ್|ಗುಪ್ತಪದ|പാസ്|രഹസ്യ|પાસવર્ડ|ਪਾਸਵਰਡ|संकेतशब्द|මුරපද|የይለፍ|ពាក្យសម្ងាត់|ລະຫັດຜ່ານ|စကားဝှက်|pasvort|passwuert|wachtwurd|iphasiwedi|kalmar sirri|nywila|aṣ[ií]n[aà]|kodeord|palavra-passe|\bmdp\b|\bmodpas|okwuntughe|furaha sirta|jecha darbii|kecap sandi|tembung sandi|[sş]ifr[aəe]|šifra|шифра|zaporka|parool|salasõna|kupuhipa|pasiwedhi|پسورد|ପାସ|лозинк`

/** The beginning of each alternative of `WORD`, or a part that is always in it, as the pass over the text finds it. */
const SAID_WORDS =
  "passw|passphrase|passcode|pass is|pass was|pw|kennwort|mot de passe|contrase|clave|senha|wachtwoord|senord|adgangskode|passord|salasana|hasło|hasŁo|haslo|heslo|jelsz|parol|lozinka|ifre|t kh|kata |nenosiri|парол|Парол|ПАРОЛ|κωδικ|Κωδικ|ΚΩΔΙΚ|סיסמ|كلمة|رمز|पासवर्ड|পাসওয়ার্ড|รหัสผ่าน|密码|密碼|口令|パスワード|暗証番号|비밀번호|비번|암호|zugang|cred|login|log in|log-in|signin|sign in|sign-in|lykilor|loynior|pasahitz|contrasinal|wagwoord|kalim|cal faire|cal-faire|cyfrinair|slapta|geslo|озинк|ууц үг|ұпия|ырсөз|ерсүз|პაროლ|աղտնաբառ|پاس|گذرواژه|پټنوم|கடவுச்சொ|పాస్|రహస్య|ಪಾಸ್|ಗುಪ್ತಪದ|പാസ്|രഹസ്യ|પાસવર્ડ|ਪਾਸਵਰਡ|संकेतशब्द|මුරපද|የይለፍ|ពាក្យសម្ងាត់|ລະຫັດຜ່ານ|စကားဝှက်|pasvort|passwuert|wachtwurd|iphasiwedi|kalmar sirri|nywila|aṣín|aṣin|kodeord|palavra-passe|mdp|modpas|okwuntughe|furaha sirta|jecha darbii|kecap sandi|tembung sandi|šifra|ifrə|шифра|zaporka|parool|salas|kupuhipa|pasiwedhi|پسورد|ପାସ".split(
    "|"
  )

/** Ends in front of a password that someone says, or begins behind one. */
const SAID_BEFORE = new RegExp(
  String.raw`(?:${WORD})(?:[^\n\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\uffff]{0,50}[ \t\u00a0"'\`“«:：/→>]{1,6}|[^\x00-\x7f]{1,10}[\s「：]{0,2}|[^\n:(){}[\]=<>"']{0,30}[:：]\**\s{1,4})$`,
  "i"
)
const SAID_BEHIND =
  /^["'`*]{0,2} (?:(?:is|was|as|still|now) ){0,2}(?:(?:a|the|my|your|our|their) [\w ]{0,20}pass(?:word|phrase|code)|an focal faire)/
/** What follows one of these words is no password: a place, or an id. */
const OF_OTHER =
  /(?:^|[\s"'`(])(?:in|see|from|at|(?<!salasana )on|by|under|since|via|of|commit|rev|revision|version|id|ids|ticket|issue|pr|build|file|test|tests|host|user|username|code|request|error|release|branch|job|run|node|server|section|object|returns?)[\s"'`#]{1,4}$|\b(?!\w{0,30}(?:pass|pw|secret|cred))[a-z]\w{0,30}[:=]$/i
/** A sign, quotes, or a short word such as `is` in any language, in front of what it names. */
const LINKED =
  /(?:[:=：→>「（(/]|["'`*«“]|[\u0080-\uffff]|(?:^|[\s"'`])[a-z]{1,5}|pass(?:word|phrase|code)|creds?)\s{0,3}$/i
const ENGLISH = /passw|passphrase|passcode|\bpw\b|\bcred|\blog[ -]?in|\bsign[ -]?in/i
/** `user / password`, and a word for a password in the same line. */
const PAIR_BEFORE = /(?:^|\s)[\w.@-]{2,40} \/ $/
const PASSWORD_BEHIND = /^[^\n]{0,40}\bpassw/i

/** The path or the base64 that a word is the end of. A word for a password in there says nothing about it. */
const IS_PATH = /(?:^|[\s"'`:=])(?:https?:\/\/\S{1,70}|[~.]{0,2}\/(?:[a-z_.-]{2,30}\/){1,8})$/
const GLUED_PATH = /(?<=[\s"'`“«:：→>]|^)[^\s"'`“«:：→>]{0,80}\/$/

const LONGEST_BEFORE = 80
const EACH_MARK = /\[redacted [a-z ]{1,24}\]/g
const MIXED = /[\w!#$%&*?+~^=.@-]+/y

/** Redacts words of letters, digits and signs with a word for a password near them. */
export const SAID: Rule = {
  words: [MIXED_WORD],
  near: { words: SAID_WORDS, before: LONGEST_BEFORE, behind: 90 },
  find: (text, start, found) => {
    const wordEnd = isTrueAt(MIXED, text, start) ? MIXED.lastIndex : start
    const end = ".!?".includes(text.charAt(wordEnd - 1)) ? wordEnd - 1 : wordEnd
    const word = text.slice(start, end)
    const isOfWords = isWordsAndNumber(word)
    if (!/\d/.test(word) && !isJumbled(word)) return end
    if (!isOfWords && !(isIrregular(text.slice(start, wordEnd)) && isSaidPassword(word))) return start
    const near = text.slice(Math.max(0, start - LONGEST_BEFORE), start).replace(EACH_MARK, "")
    if (/[/#]$/.test(near) && IS_PATH.test(near)) return end
    const before = near.endsWith("/") ? near.replace(GLUED_PATH, "") : near
    const behind = text.slice(wordEnd, wordEnd + 60)
    if (OF_OTHER.test(before)) return end
    const isBefore = SAID_BEFORE.test(before) && (!isOfWords || LINKED.test(before) || !ENGLISH.test(before))
    const isNear = isBefore || SAID_BEHIND.test(behind) || (PAIR_BEFORE.test(before) && PASSWORD_BEHIND.test(behind))
    if (isNear) found.push({ start, end, kind: "password" })
    return end
  }
}

export const NAMED: ReadonlyArray<Rule> = [
  redactNamed(
    WORDS,
    { names: NAMES, signs: SIGNS, isSecret: isAssignedSecret },
    { names: FLAGS, signs: FLAG_SIGNS, isSecret: isFlaggedSecret }
  ),
  redactNamed(WORDS_ABROAD, { names: NAMES_ABROAD, signs: SIGNS, isSecret: isAssignedSecret })
]
