/** Recognizes secrets by their place, whatever they look like: in a URL, behind an option of a command, in an armour. */
import { SAID } from "./secretNames.ts"
import {
  isJumbled,
  isPasswordAtPlace,
  isSaidPassword,
  isStrongInUrl,
  isTrueAt,
  isUnlikeWords,
  isWordsAndNumber,
  matchAt,
  type Near,
  type Rule
} from "./secretValues.ts"

/**
 * The words at one of which a place begins, parted by commas, and the expression for what stands there, whose only group
 * is the secret. A word may hold no comma.
 */
type Place = readonly [words: string, pattern: RegExp]

const QUOTES = String.raw`[\\"']{0,4}`
const VALUE = String.raw`([^\s"'\\|;]{1,200})`

/**
 * The value of an option of one of the commands. What stands between holds no further such command, so that no character
 * is read for many.
 */
const afterOption = (commands: string, options: string): RegExp =>
  new RegExp(
    String.raw`(?:${commands})\b(?:(?!\b(?:${commands})\b)(?:[^\n|;\\]|\\[^])){0,300}?\s(?:${options})${QUOTES}${VALUE}`,
    "y"
  )

const after = (before: string): RegExp => new RegExp(`${before}${QUOTES}${VALUE}`, "iy")

const USER = String.raw`[^\s:"'\\]{1,100}:`

/** A word for a password near them is part of the expressions. They begin at another word, which is rarer there. */
const NEAR_PASSWORD: ReadonlyArray<Place> = [
  ["n'", /(?<=\bpassw(?:or)?d\w{0,16}\s{0,9}=\s{0,9})N'([^'\n]{1,200})(?=')/iy],
  ["password(,passwd(", /passw(?:or)?d\(\s{0,3}\\?["']([^"'\\\n\s]{3,100})(?=\\?["'])/iy],
  [
    ".fill(,.type(,.sendkeys(,.send_keys(,.presssequentially(,.setvalue(",
    /(?<=passw(?:or)?d?[^\n]{0,40})\.\w{4,17}\(\s{0,3}\\?["']([^"'\n]{1,200}?)(?=\\?["'])/iy
  ],
  [
    "text,value,default",
    /(?<=passw(?:or)?d?[^"'\n]{0,30}\\{0,3}["']\s?(?:,\s?\\{0,3}["']\w{1,20}\\{0,3}["']\s?:\s?\\{0,3}["'][^"'\n]{0,60}["']){0,3},\s?\\{0,3}["'])(?:text|value|default)\\{0,3}["']\s?:\s?\\{0,3}["']([^"'\n]{3,200}?)(?=\\{0,3}["'])/iy
  ],
  [
    "value",
    /(?<=["'])value\\{0,3}["']\s?:\s?\\{0,3}["']([^"'\n]{1,200}?)(?=\\{0,3}["'],\s?\\{0,3}["'](?:name|key)\\{0,3}["']\s?:\s?\\{0,3}["'][^"'\n]{0,40}passw)/iy
  ],
  ["<input", /<input\b(?=[^>\n]{0,300}(?:passw|name=["']pw))[^>\n]{0,300}?\bvalue=["']([^"'\n]{1,200})/iy],
  ["send,type", /(?<=assw(?:or)?d[^\n]{0,10}["'][\s;]{1,8})(?:send|typed?)\s+\\?["']([^"'\s\\]{1,200})/iy],
  // A value that stands in for a variable.
  [
    ".fetch(,getenv(",
    /(?<=passw(?:or)?d[^\n]{0,60})(?:\.fetch|getenv|\.get|\benv)\(\s?\\{0,3}["'][^"'\n]{1,60}["'],\s?\\{0,3}["']([^"'\n]{1,200}?)(?=\\{0,3}["'])/iy
  ],
  ["</", /(?<=passw(?:or)?d["'*`]{0,3}\s?)<\/\w{1,10}>\s{0,8}<\w{1,10}>([^<>\s]{1,200})/iy],
  ["\">,'>,\" >,' >", /(?<=\bname=["'][^"'\n]{0,60}passw(?:or)?d)["']\s?>\s{0,8}(?:<value>)?([^<>\s]{1,200})(?=<)/iy],
  ["<value>", /(?<=passw(?:or)?d>\s{0,8})<value>([^<>\s]{1,200})(?=<)/iy]
]

/** The expressions above read no farther. */
const PASSWORD_NEAR: Near = { words: ["assw", 'name="pw', "name='pw"], before: 400, behind: 400 }

const PLACES: ReadonlyArray<Place> = [
  // The last part of the address is what lets everyone post.
  [
    "hooks.slack.com/,discord.com/api/,discordapp.com/api/,/incomingwebhook/,hooks.zapier.com/",
    /(?:hooks\.slack\.com\/(?:services|workflows|triggers)\/T\w{6,}\/\w{6,}\/(?:\d{6,}\/)?|discord(?:app)?\.com\/api\/(?:v\d+\/)?webhooks\/\d{17,20}\/|\/IncomingWebhook\/|hooks\.zapier\.com\/hooks\/catch\/\d{3,}\/)([\w-]{6,})/y
  ],
  ["://,:\\/\\/", /:(?:\/\/|\\\/\\\/)[^\s:@/"'`<>\\]{0,200}:([^\s/"'`<>\\]{1,300})(?=@)/y],
  [
    "sqlplus,jdbc:oracle:thin:",
    /(?:\bsqlplus\s+(?:-\w+\s+)?|jdbc:oracle:thin:)\w{1,60}\/([^\s"'`<>\\@/]{1,200})(?=@)/y
  ],
  [
    "curl,http ,https ",
    afterOption("curl|https?(?= )", String.raw`(?:-[uUa]|--user|--proxy-user|--auth)[ =]?${QUOTES}${USER}`)
  ],
  ["sshpass", after(String.raw`\bsshpass\s+-p\s*`)],
  ["mysql,mariadb", afterOption(String.raw`mysql\w*|mariadb\w*`, "-p")],
  [
    "login",
    new RegExp(
      String.raw`(?<=\b(?:docker|podman|nerdctl|buildah|skopeo|helm|az|oc|crane|oras)(?:\s{1,9}registry)?\s{1,9})${afterOption("login", String.raw`-p\s+`).source}`,
      "y"
    )
  ],
  [
    "mongo,cqlsh,rabbitmqadmin,ncftp",
    afterOption(String.raw`mongo\w*|cqlsh|rabbitmqadmin|ncftp\w*`, String.raw`-p\s+`)
  ],
  ["redis-cli", afterOption("redis-cli", String.raw`(?:-a|--pass|AUTH|auth)\s+`)],
  ["zip,unzip,sqlcmd,bcp,isql,tisql", afterOption("zip|unzip|sqlcmd|bcp|t?isql", String.raw`-P\s*`)],
  ["7z,rar ,unrar", afterOption("7z[arz]?|rar|unrar", "-p(?!-)")],
  ["ldap", afterOption(String.raw`ldap\w+`, String.raw`-w\s+`)],
  ["openssl", afterOption("openssl", String.raw`(?:-k\s+|-pass(?:in|out)?\s+${QUOTES}pass:)`)],
  ["smbclient,rpcclient", afterOption("smbclient|rpcclient", String.raw`-U\s*${QUOTES}[^\s%"']{1,60}%`)],
  ["freerdp,xfreerdp,wlfreerdp,rdesktop", afterOption("[xw]?l?freerdp|rdesktop", String.raw`(?:\/p:|-p\s+)`)],
  ["lftp", afterOption("lftp", String.raw`-u\s*${QUOTES}[^\s,"']{1,60},`)],
  ["ipmitool,mosquitto_", afterOption(String.raw`ipmitool|mosquitto_\w{3,4}`, String.raw`-P\s+`)],
  ["snmp", afterOption(String.raw`snmp\w+`, String.raw`-[AX]\s+`)],
  ["alias set", /(?<=\bmc\s{1,4})alias\s+set\s+\S{1,60}\s+\S{1,200}\s+\S{1,100}\s+["']?([^\s"'|;]{4,200})/y],
  ["plink,pscp,psftp,putty", afterOption("plink|pscp|psftp|putty", String.raw`-pw\s+`)],
  ["psexec,evil-winrm,crackmapexec,netexec", afterOption("psexec|evil-winrm|crackmapexec|netexec", String.raw`-p\s+`)],
  ["ssh-keygen", afterOption("ssh-keygen", String.raw`-[NP]\s+`)],
  ["signtool", afterOption("signtool", String.raw`\/p\s+`)],
  ["/pass:,/pwd:", after(String.raw`\/(?:pass|pwd):`)],
  [
    "setx ,setenv ,set -x ,set -gx ,set -ux ",
    after(
      String.raw`\b(?:setx|setenv|set\s-[gu]?x)\s+\w{0,60}(?:passw(?:or)?d|passphrase|pwd|secret|token|[a-z]_?key)\s+`
    )
  ],
  ["password", /(?<=\bmachine\s{1,8}\S{1,100}\s{1,8}login\s{1,8}\S{1,80}\s{1,8})password\s{1,8}(\S{1,200})/y],
  [
    "</key>,</name>",
    /(?<=(?:passw(?:or)?d|passphrase|secret|token|(?:api|access|private|auth)[ _-]?key))<\/(?:key|name)>\s{0,12}<(?:string|value)>([^<>\s]{1,200})(?=<)/iy
  ],
  ["htpasswd", after(String.raw`\bhtpasswd\s+-\w*b\w*\s+\S{1,100}\s+[\w.@-]{1,60}\s+`)],
  ["keypass,storepass", after(String.raw`(?<=\s-(?:src|dest)?)(?:store|key)pass(?:word)?\s+`)],
  ["rabbitmqctl", after(String.raw`\brabbitmqctl\s+(?:add_user|change_password)\s+${QUOTES}[\w.@-]{1,60}${QUOTES}\s+`)],
  ["net user", after(String.raw`\bnet user\s+[\w.-]{1,60}\s+(?!\/)`)],
  ["net use", after(String.raw`\bnet use\b[^\n|;]{0,120}?\/user:\S{1,80}\s+(?!\/)`)],
  ["net use", /\bnet use\s+(?:[A-Z]:\s+)?\\\\\S{1,100}\s+(?!\/)([^\s"'|;]{1,200})/iy],
  ["wpa_passphrase", after(String.raw`\bwpa_passphrase\s+${QUOTES}[^\s"']{1,60}${QUOTES}\s+`)],
  ["vault login,wandb login", after(String.raw`\b(?:vault|wandb) login\s+(?!-)`)],
  // Stores of secrets, whatever they call the value.
  [
    "put-parameter,put-secret-value,create-secret,secret set,secret create,secrets create,secret put,secrets set,secret add",
    afterOption(
      "put-parameter|put-secret-value|create-secret|secrets? (?:set|create|put|add)",
      String.raw`(?:--(?:value|secret-string|secret-value|string|data|text|plaintext))[ =]`
    )
  ],
  ["setuser", /(?<=\bACL\s{1,4})SETUSER\b[^\n]{0,200}?\s["']?>([^\s"']{1,200})/iy],
  ["identify", /\bIDENTIFY\s+(?:[\w[\]{}|^-]{1,30}\s+)?(\S{4,100})(?=\s|$)/y],
  ["rclone", /\brclone\s+config\s[^\n|;]{0,200}?\spass(?:word2?)?[ =]["']?([^\s"']{1,200})/y],
  ["rootpw", /\brootpw\s+(?:--\w+\s+){0,3}([^\s"'-][^\s"']{3,200})/y],
  [
    "{plain,{clear,{ssha,{sha,{md5,{crypt,{cram,{argon,{blf,{pbkdf",
    /\{(?:PLAIN(?:-MD5)?|CLEAR(?:TEXT)?|S?SHA\d{0,3}(?:-CRYPT)?|S?MD5(?:-CRYPT)?|CRYPT|CRAM-MD5|ARGON2I?D?|BLF-CRYPT|PBKDF2)(?:\.(?:b64|hex))?\}([^\s:"',;]{4,200})/iy
  ],
  // The secrets of CHAP and PAP: client, server, secret.
  [
    "\" * \",\t*\t,' * '",
    /(?<=["'\w])(?:["']? \* ["']?|["']?\t\*\t["']?)([^\s"']{4,200})(?=["']?(?:\s+(?:\*|\d|$)))/my
  ],
  ["secret set", afterOption("secret set", String.raw`(?:--body|-b)[ =]`)],
  ["--from-literal=,kv put", after(String.raw`(?:--from-literal=${QUOTES}|\bkv put\s+\S{1,100}\s+)[\w.-]{1,60}=`)],
  [
    "echo,printf",
    /\b(?:echo|printf)\s+(?:-\w+\s+)?(?:\\?["']%s(?:\\+n)?\\?["']\s+)?\\?["']?(?:[\w.-]{1,40}:(?=[^\n|]{1,200}chpasswd))?([^\s"'|]{1,200})(?=\\?["']?\s*\|\s*(?:sudo\s+(?:-S\b|chpasswd|passwd)|chpasswd|passwd|cryptsetup|kinit|(?:[\w-]+\s+){1,3}login\b))/y
  ],
  ["sudo", /\bsudo\s+-S\b[^\n|;]{0,100}?<<<\s*\\?["']?([^\s"'|\\]{1,200})/y],
  ["identified", /\bidentified\s+(?:with\s+\w{1,40}\s+)?by\s+\\?["']([^"'\n]{1,200}?)(?=\\?["'])/iy],
  ["getconnection(", /\bgetConnection\(\s?[^\s,]{1,200},\s?["'][^"'\n]{1,60}["'],\s?["']([^"'\n]{1,200})(?=["'])/iy],
  ["convertto-securestring", /ConvertTo-SecureString\s+(?:-String\s+)?["']([^"'\n]{1,200})(?=["'])/iy],
  [
    "stringdata:",
    /\bstringData:\s{1,12}(?:[\w.-]{1,60}:\s\S{1,200}\s{1,12}){0,3}[\w.-]{1,60}:\s["']?([^\s"']{1,200})/y
  ],
  ["wifi:", /\bWIFI:[^\n]{0,100}?;P:([^;\n]{1,100})/y],
  [
    ":5432:,:5433:,:6432:,:3306:",
    /(?<=(?:^|\s)[\w.*-]{1,80}):\d{4}:[\w*-]{1,60}:[\w*-]{1,60}:([^\s:"'\\]{4,100})(?=\s|$)/my
  ],
  ["chpasswd:", /\bchpasswd:\s{1,8}list:\s\|\s{1,8}[\w-]{1,40}:([^\s"']{1,200})/y],
  [":$1$,:$2,:$5$,:$6$,:$y$,:$apr1$", /:(\$(?:apr1|1|2[aby]?|5|6|y)\$[\w./$=,-]{30,200})/y],
  ["private-lines", /\bPrivate-Lines: \d{1,3}\s{1,4}([A-Za-z0-9+/=]{20,100}(?:\r?\n[A-Za-z0-9+/=]{4,100}){0,60})/y],
  ["wallet(,accounts", /\b(?:Wallet\(|accounts:?\s?\[)\s?["']((?:0x)?[0-9a-fA-F]{64})(?=["'])/y],
  ["digest,aws4", /\b(?:Digest|AWS4-HMAC-SHA256)\b[^\n]{0,400}?\b(?:response="|Signature=)([0-9a-f]{32,128})/y],
  ["://", /:\/\/([0-9a-f]{32})(?=@[\w.-]{1,80}sentry)/y],
  ["://", /:\/\/([\w-]{20,200})(?=:x-oauth-basic@)/y],
  ["akia", /\bAKIA[A-Z0-9]{16},([A-Za-z0-9+/]{40})(?![A-Za-z0-9+/])/y],
  ["algoliasearch(,twilio", /\b(?:algoliasearch|twilio(?:\.Client)?)\(\s?["']\w{2,40}["'],\s?["']([0-9a-f]{32})/iy],
  [
    "/reset,/password-reset/,/magic/,/invite/,/verify/",
    /\/(?:reset-password|password-reset|reset|magic|invite|verify)\/([\w-]{24,200})(?![\w.-])/y
  ],
  [
    "phrase,mnemonic",
    /(?:(?<=(?:seed|recovery|secret|backup)[ _])phrase|mnemonic)["']?(?:\s(?:is|was))?\s?[:=]\s?["']?((?:[a-z]{3,10} ){11,23}[a-z]{3,10})/iy
  ],
  [
    "code:,codes:",
    /(?<=(?:recovery|backup)[ -])codes?:\s{1,4}(?:\d{1,2}[.)]\s)?([A-Za-z0-9]{4,8}[ -][A-Za-z0-9]{4,8}(?:\s{1,4}(?:\d{1,2}[.)]\s)?[A-Za-z0-9]{4,8}[ -][A-Za-z0-9]{4,8}){0,15})/iy
  ],
  ["totp,2fa,otp", /\b(?:TOTP|2FA|OTP)\b[ \w]{0,16}(?::|=|\sis)\s?([A-Z2-7]{16,64})\b/iy],
  [
    "pin is,pin was,code is,code was",
    /(?:\bPIN|(?<=\b(?:pass|verification|security|one[- ]time) ?)code)\s(?:is|was)\s(\d{4,10})\b/y
  ]
]

/** The password of a device's configuration, behind the number that says how it is written. */
const DEVICE = /\b(?:password|secret|key-string|key)\s[0-9]\s(\S{1,200})/iy

/** True for an irregular word with signs, or one in no order of letters, which is no path, port or project. */
const isSaidAsOption: Judge = (value) =>
  isWordsAndNumber(value) ||
  (isPasswordAtPlace(value) && isSaidPassword(value) && (isJumbled(value) || /[!@#$%^&*]/.test(value)))

// -- rules ----------------------------------------------------------------------------------------------------------

type Judge = (value: string) => boolean

/** Redacts the group of the pattern if it is a secret. The pattern ends with it. */
const redactGroup = (
  words: ReadonlyArray<string>,
  pattern: RegExp,
  kind: string,
  isSecret: Judge,
  near?: Near
): Rule => ({
  words,
  ...(near === undefined ? {} : { near }),
  steps: 3,
  find: (text, at, found) => {
    const value = matchAt(pattern, text, at)?.[1]
    if (value === undefined || !isSecret(value)) return at
    const end = pattern.lastIndex
    found.push({ start: end - value.length, end, kind })
    return end
  }
})

/** Redacts what the first group of the pattern finds before a place; the second stands between. */
const redactBefore = (words: ReadonlyArray<string>, pattern: RegExp): Rule => ({
  words,
  steps: 12,
  find: (text, at, found) => {
    const [, value, between = ""] = matchAt(pattern, text, at) ?? []
    if (value === undefined || !isPasswordAtPlace(value)) return at
    const end = at - between.length
    found.push({ start: end - value.length, end, kind: "password" })
    return at
  }
})

/** Redacts the first value of a column of passwords: below its head, in the same column. */
const redactColumn: Rule = {
  words: ["passw"],
  find: (text, at, found) => {
    const line = text.slice(Math.max(0, at - LONGEST_HEAD), at)
    const head = line.slice(line.lastIndexOf("\n") + 1)
    if (!isTrueAt(HEAD, text, at) || (head === line && at > LONGEST_HEAD)) return at
    for (const sign of COLUMNS.keys()) {
      const nth = head.split(sign).length - 1
      if (nth > 4 || !/^[ "'*]{0,3}$/.test(head.slice(head.lastIndexOf(sign) + 1)) || (sign === "|" && nth === 0))
        continue
      const pattern = COLUMNS.get(sign)?.[nth]
      const value = pattern === undefined ? undefined : matchAt(pattern, text, at)?.[1]
      if (pattern === undefined || value === undefined || !isUnlikeWords(value)) continue
      const end = pattern.lastIndex
      found.push({ start: end - value.length, end, kind: "password" })
      return end
    }
    return at
  }
}

const LONGEST_HEAD = 250
const HEAD = /passw(?:or)?[dt]["'* ]{0,40}(?:\r?\n|[|,\t])/iy

const makeColumn = (sign: string, nth: number): RegExp => {
  const cells = String.raw`(?:[^${sign}\n]{0,60}[${sign}]){${nth}}`
  return new RegExp(
    String.raw`passw(?:or)?[dt]["'* ]{0,40}(?:[${sign}][^\n]{0,200})?\r?\n(?:[-|:+ \t]{3,200}\r?\n)?${cells}[ "'\`]{0,30}([^\s"'\`|,;]{4,200})`,
    "iy"
  )
}

/** By the sign that parts them, the expression for each column that a head may stand in. */
const COLUMNS: ReadonlyMap<string, ReadonlyArray<RegExp>> = new Map(
  ["|", ",", "\t"].map((sign) => [sign, Array.from({ length: 5 }, (_, nth) => makeColumn(sign, nth))])
)

/** The password of an address, which is known by what follows it, and a key whose beginning was cut off. */
const BEFORE_PLACES: ReadonlyArray<Rule> = [
  redactBefore(["@tcp(", "@unix("], /(?<=\w:([^\s:"'`<>\\]{1,200}))@/y),
  redactBefore(
    ["-----end "],
    /(?<=((?<![A-Za-z0-9+/]{40}={0,2}\r?)(?:(?:^|\n)(?:(?!--)[^\n]){0,60}?[A-Za-z0-9+/]{40,80}={0,2}\r?){1,400})(\n[^\n]{0,60}))-----END [A-Z ]{0,40}PRIVATE KEY/y
  )
]

const PEM_BEGINNING = String.raw`-----BEGIN (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----`
const PEM = new RegExp(
  // Up to the end mark or, in a key that was cut off, all lines of base64. Line breaks may be escaped in any way.
  String.raw`(${PEM_BEGINNING}(?:(?:[^-]|-(?!----)){32,16384}-----END (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----|` +
    String.raw`(?:(?:\\+[nr]|[^A-Za-z0-9"'-]){1,12}[A-Za-z0-9+/=]{24,})+))`,
  "y"
)

/** Redacts each field of a cookie that is too irregular to be a word. */
const redactCookies: Rule = {
  words: ["cookie", "-b ", "-b="],
  find: (text, at, found) => {
    const cookie = matchAt(COOKIE, text, at)?.[1]
    if (cookie === undefined) return at
    const end = COOKIE.lastIndex
    const from = end - cookie.length
    for (const { 0: field, index } of cookie.matchAll(COOKIE_FIELD)) {
      const value = field.slice(field.indexOf("=") + 1)
      const start = from + index + field.length - value.length
      if (isStrongInUrl(value)) found.push({ start, end: start + value.length, kind: "cookie" })
    }
    return end
  }
}

const COOKIE = /(?:\bcookie\\{0,3}["']?\s?[:=]\s?|(?:(?<=\s)-b|(?<=--)cookie)[ =])\\{0,3}["']?([^\n"']{10,4000})/iy
const COOKIE_FIELD = /[\w.-]{1,60}=[^;\s"'\\]{16,}/g

/** Redacts the private parts of a key in JSON. */
const redactJsonKey: Rule = {
  words: ['"kty"'],
  find: (text, at, found) => {
    const from = Math.max(0, at - LONGEST_JSON_KEY)
    const begin = from + text.slice(from, at).lastIndexOf("{") + 1
    const rest = text.slice(begin, at + LONGEST_JSON_KEY)
    const end = rest.indexOf("}", at - begin)
    for (const { 0: all, 1: value = "", index } of rest.slice(0, end < 0 ? undefined : end).matchAll(JSON_KEY_PART)) {
      const start = begin + index + all.length - value.length
      if (isPasswordAtPlace(value)) found.push({ start, end: start + value.length, kind: "password" })
    }
    return begin + (end < 0 ? rest.length : end)
  }
}

const LONGEST_JSON_KEY = 6_000
const JSON_KEY_PART = /"(?:d|k|p|q|dp|dq|qi)"\s?:\s?"([\w-]{20,2000})/g

/** True for base64 of a printable `user:password`, which no word happens to be. */
const isUserAndPassword = (value: string): boolean => {
  const bare = value.replace(/={1,2}$/, "")
  return bare.length % 4 !== 1 && /^(?=[ -~]+$).[^:]*:./.test(atob(bare))
}

const BASIC = /(?:\bbasic\s+|auth\\{0,3}["']\s*:\s*\\{0,3}["'])([A-Za-z0-9+/]{6,}={0,2})/iy
const BEARER = /\bbearer\s+([\w.~+/:-]{16,}={0,2})/iy
/** Parameters of a query that let their bearer in. */
const PARAMETER =
  /(?<=(?:[?&#;]|%3F|%26|%23)(?:api_?|x-goog-|x-amz-|x-amz-security-)?)(?:key|sig|signature|code|appid|token|auth)(?:=|%3D)([\w%.~+/-]{16,}={0,2})/iy
/** A token in the place of the user. */
const USER_TOKEN = /:\/\/([\w.~-]{16,200})(?=@[\w.-]{1,80})/y

/** In front of names, */
export const AT_PLACES: ReadonlyArray<Rule> = [
  redactGroup(["-----begin "], PEM, "private key", (block) => /[A-Za-z0-9+/]{24}/.test(block)),
  ...PLACES.map(([words, pattern]) => redactGroup(words.split(","), pattern, "password", isPasswordAtPlace)),
  ...BEFORE_PLACES,
  ...NEAR_PASSWORD.map(([words, pattern]) =>
    redactGroup(words.split(","), pattern, "password", isPasswordAtPlace, PASSWORD_NEAR)
  ),
  redactGroup(
    ["password", "secret", "key"].flatMap((name) => Array.from("056789", (type) => `${name} ${type} `)),
    DEVICE,
    "password",
    isUnlikeWords
  ),
  redactJsonKey,
  // Whatever the command, nothing else that looks so stands behind this option.
  redactGroup([" -p "], /(?<=\S) -p\s+["']?([^\s"'\\|;]{8,60})/y, "password", isSaidAsOption),
  redactGroup(
    "key=,sig=,signature=,code=,appid=,token=,auth=,key%3d,sig%3d,token%3d".split(","),
    PARAMETER,
    "credential",
    isStrongInUrl
  ),
  redactGroup(["://"], USER_TOKEN, "credential", isStrongInUrl),
  redactCookies,
  redactGroup(["basic", "auth"], BASIC, "credential", isUserAndPassword)
]

/** and behind them. */
export const NEAR_WORDS: ReadonlyArray<Rule> = [
  redactGroup(["bearer"], BEARER, "credential", isStrongInUrl),
  redactColumn,
  SAID
]
