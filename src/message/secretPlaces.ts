/** Places at which a secret is one whatever it looks like: in a URL, behind an option of a command, in an armour. */
import * as Array from "effect/Array"

const PRIVATE_KEY = String.raw`(?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----`
export const PEM = new RegExp(
  // Up to the end mark or, in a key that was cut off, all lines of base64. Line breaks may be escaped in any way.
  String.raw`-----BEGIN ${PRIVATE_KEY}(?:(?:[^-]|-(?!----)){32,16384}-----END ${PRIVATE_KEY}|` +
    String.raw`(?:(?:\\+[nr]|[^A-Za-z0-9"'-]){1,12}[A-Za-z0-9+/=]{24,})+)`,
  "g"
)

/** A place of passwords: texts of which one must be there at all, parted by commas, and an expression for what stands before and for the value. */
export type Place = readonly [hints: string, pattern: RegExp]

const QUOTES = String.raw`[\\"']{0,4}`
const VALUE = String.raw`([^\s"'\\|;]{1,200})`

/**
 * The value of an option of one of the commands. What stands between holds no further such command, so that no character
 * is read for many.
 */
const afterOption = (commands: string, options: string): RegExp =>
  new RegExp(
    String.raw`(\b(?:${commands})\b(?:(?!\b(?:${commands})\b)(?:[^\n|;\\]|\\[^])){0,300}?\s(?:${options})${QUOTES})${VALUE}`,
    "g"
  )

const after = (before: string): RegExp => new RegExp(`(${before}${QUOTES})${VALUE}`, "gi")

const USER = String.raw`[^\s:"'\\]{1,100}:`

const ALL: ReadonlyArray<Place> = [
  // The last part of the address is what lets everyone post.
  [
    "hooks.,webhook,IncomingWebhook",
    /(hooks\.slack\.com\/(?:services|workflows|triggers)\/T\w{6,}\/\w{6,}\/(?:\d{6,}\/)?|discord(?:app)?\.com\/api\/(?:v\d+\/)?webhooks\/\d{17,20}\/|\/IncomingWebhook\/|hooks\.zapier\.com\/hooks\/catch\/\d{3,}\/)([\w-]{6,})/g
  ],
  ["@", /(:\/\/[^\s:@/"'`<>\\]{0,200}:)([^\s/"'`<>\\]{1,300})(?=@)/g],
  ["@", /(\w:)([^\s:"'`<>\\]{1,200})(?=@(?:tcp|unix)\()/g],
  ["@", /((?:\bsqlplus\s+(?:-\w+\s+)?|jdbc:oracle:thin:)\w{1,60}\/)([^\s"'`<>\\@/]{1,200})(?=@)/g],
  [
    "curl,http ,https -",
    afterOption("curl|https?", String.raw`(?:-[uUa]|--user|--proxy-user|--auth)[ =]?${QUOTES}${USER}`)
  ],
  ["sshpass", after(String.raw`\bsshpass\s+-p\s*`)],
  ["mysql,mariadb", afterOption(String.raw`mysql\w*|mariadb\w*`, "-p")],
  [
    "login",
    afterOption(
      String.raw`(?:docker|podman|nerdctl|buildah|skopeo|helm|az|oc|crane|oras)(?:\s+registry)?\s+login`,
      String.raw`-p\s+`
    )
  ],
  [
    "mongo,cqlsh,rabbitmqadmin,ncftp",
    afterOption(String.raw`mongo\w*|cqlsh|rabbitmqadmin|ncftp\w*`, String.raw`-p\s+`)
  ],
  ["redis-cli", afterOption("redis-cli", String.raw`(?:-a|--pass|AUTH|auth)\s+`)],
  ["-P", afterOption("zip|unzip|sqlcmd|bcp|t?isql", String.raw`-P\s*`)],
  ["7z,rar ", afterOption("7z[arz]?|rar|unrar", "-p(?!-)")],
  ["ldap", afterOption(String.raw`ldap\w+`, String.raw`-w\s+`)],
  ["openssl", afterOption("openssl", String.raw`(?:-k\s+|-pass(?:in|out)?\s+${QUOTES}pass:)`)],
  ["smbclient,rpcclient", afterOption("smbclient|rpcclient", String.raw`-U\s*${QUOTES}[^\s%"']{1,60}%`)],
  ["freerdp,rdesktop", afterOption("[xw]?l?freerdp|rdesktop", String.raw`(?:\/p:|-p\s+)`)],
  ["lftp", afterOption("lftp", String.raw`-u\s*${QUOTES}[^\s,"']{1,60},`)],
  ["htpasswd", after(String.raw`\bhtpasswd\s+-\w*b\w*\s+\S{1,100}\s+[\w.@-]{1,60}\s+`)],
  ["keypass,storepass", after(String.raw`\s-(?:(?:src|dest)?store|key)pass(?:word)?\s+`)],
  ["rabbitmqctl", after(String.raw`\brabbitmqctl\s+(?:add_user|change_password)\s+${QUOTES}[\w.@-]{1,60}${QUOTES}\s+`)],
  ["net use,net user,NET USE,Net use", after(String.raw`\bnet\s+user\s+[\w.-]{1,60}\s+(?!\/)`)],
  ["net use,net user,NET USE,Net use", after(String.raw`\bnet\s+use\b[^\n|;]{0,120}?\/user:\S{1,80}\s+(?!\/)`)],
  ["net use,net user,NET USE,Net use", /(\bnet\s+use\s+(?:[A-Z]:\s+)?\\\\\S{1,100}\s+(?!\/))([^\s"'|;]{1,200})/gi],
  ["wpa_passphrase", after(String.raw`\bwpa_passphrase\s+${QUOTES}[^\s"']{1,60}${QUOTES}\s+`)],
  ["vault,wandb", after(String.raw`\b(?:vault|wandb)\s+login\s+(?!-)`)],
  ["secret set", afterOption("secret set", String.raw`(?:--body|-b)[ =]`)],
  ["from-literal,kv put", after(String.raw`(?:--from-literal=${QUOTES}|\bkv\s+put\s+\S{1,100}\s+)[\w.-]{1,60}=`)],
  [
    "|",
    /(\b(?:echo|printf)\s+(?:-\w+\s+)?(?:\\?["']%s(?:\\+n)?\\?["']\s+)?\\?["']?(?:[\w.-]{1,40}:(?=[^\n|]{1,200}chpasswd))?)([^\s"'|]{1,200})(?=\\?["']?\s*\|\s*(?:sudo\s+(?:-S\b|chpasswd|passwd)|chpasswd|passwd|cryptsetup|(?:[\w-]+\s+){1,3}login\b))/g
  ],
  ["<<<", /(\bsudo\s+-S\b[^\n|;]{0,100}?<<<\s*\\?["']?)([^\s"'|\\]{1,200})/g],
  [
    "IDENTIFIED,identified,Identified",
    /(\bidentified\s+(?:with\s+\w{1,40}\s+)?by\s+\\?["'])([^"'\n]{1,200}?)(?=\\?["'])/gi
  ],
  ["passw,Passw,PASSW", /(\bpassw(?:or)?d\w{0,16}\s*=\s*N')([^'\n]{1,200})(?=')/gi],
  ["passw,Passw,PASSW", /(passw(?:or)?d\(\s{0,3}\\?["'])([^"'\\\n\s]{3,100})(?=\\?["'])/gi],
  ["SecureString", /(ConvertTo-SecureString\s+(?:-String\s+)?["'])([^"'\n]{1,200})(?=["'])/gi],
  [
    "passw,Passw,PASSW",
    /(passw(?:or)?d?[^\n]{0,40}?\.(?:fill|type|send_?keys|pressSequentially|setValue)\(\s{0,3}\\?["'])([^"'\n]{1,200}?)(?=\\?["'])/gi
  ],
  [
    "passw,Passw,PASSW",
    /(passw(?:or)?d?[^"'\n]{0,30}\\{0,3}["']\s?(?:,\s?\\{0,3}["']\w{1,20}\\{0,3}["']\s?:\s?\\{0,3}["'][^"'\n]{0,60}["']){0,3},\s?\\{0,3}["'](?:text|value|default)\\{0,3}["']\s?:\s?\\{0,3}["'])([^"'\n]{3,200}?)(?=\\{0,3}["'])/gi
  ],
  [
    "passw,Passw,PASSW",
    /(["']value\\{0,3}["']\s?:\s?\\{0,3}["'])([^"'\n]{1,200}?)(?=\\{0,3}["'],\s?\\{0,3}["'](?:name|key)\\{0,3}["']\s?:\s?\\{0,3}["'][^"'\n]{0,40}passw)/gi
  ],
  ["<input,<INPUT", /(<input\b(?=[^>\n]{0,300}(?:passw|name=["']pw))[^>\n]{0,300}?\bvalue=["'])([^"'\n]{1,200})/gi],
  ["passw,Passw,PASSW", /(passw(?:or)?d[^\n]{0,10}["']\s{1,8}(?:send|typed?)\s+\\?["'])([^"'\s\\]{1,200})/gi],
  ["passw,Passw,PASSW", /(passw(?:or)?d["'*`]{0,3}\s?<\/\w{1,10}>\s{0,8}<\w{1,10}>)([^<>\s]{1,200})/gi],
  ["passw,Passw,PASSW", /(\bname=["'][^"'\n]{0,60}passw(?:or)?d["']\s?>\s{0,8}(?:<value>)?)([^<>\s]{1,200})(?=<)/gi],
  ["passw,Passw,PASSW", /(passw(?:or)?d>\s{0,8}<value>)([^<>\s]{1,200})(?=<)/gi],
  [
    "stringData",
    /(\bstringData:\s{1,12}(?:[\w.-]{1,60}:\s\S{1,200}\s{1,12}){0,3}[\w.-]{1,60}:\s["']?)([^\s"']{1,200})/g
  ],
  ["WIFI:", /(\bWIFI:[^\n]{0,100}?;P:)([^;\n]{1,100})/g],
  [":5432:,:3306:,pgpass", /((?:^|\s)[\w.*-]{1,80}:\d{4,5}:[\w*-]{1,60}:[\w*-]{1,60}:)([^\s:"'\\]{4,100})(?=\s|$)/gm],
  ["chpasswd:", /(\bchpasswd:\s{1,8}list:\s\|\s{1,8}[\w-]{1,40}:)([^\s"']{1,200})/g],
  [":$1$,:$2,:$5$,:$6$,:$y$,:$apr1$", /(:)(\$(?:apr1|1|2[aby]?|5|6|y)\$[\w./$=,-]{30,200})/g],
  ["kty", /("(?:d|k|p|q|dp|dq|qi)"\s?:\s?")([\w-]{20,2000})/g],
  ["Private-Lines", /(\bPrivate-Lines: \d{1,3}\s{1,4})([A-Za-z0-9+/=]{20,100}(?:\r?\n[A-Za-z0-9+/=]{4,100}){0,60})/g],
  [
    "PRIVATE KEY",
    /()((?<![A-Za-z0-9+/]{40}={0,2}\r?)(?:(?:^|\n)[^\n]{0,60}?[A-Za-z0-9+/]{40,80}={0,2}\r?){1,400})(?=\n[^\n]{0,60}-----END [A-Z ]{0,40}PRIVATE KEY)/g
  ],
  ["Wallet(,accounts:", /(\b(?:Wallet\(|accounts:?\s?\[)\s?["'])((?:0x)?[0-9a-fA-F]{64})(?=["'])/g],
  ["Digest,AWS4", /(\b(?:Digest|AWS4-HMAC-SHA256)\b[^\n]{0,400}?\b(?:response="|Signature=))([0-9a-f]{32,128})/g],
  ["sentry", /(:\/\/)([0-9a-f]{32})(?=@[\w.-]{1,80}sentry)/g],
  [":x-oauth-basic@", /(:\/\/)([\w-]{20,200})(?=:x-oauth-basic@)/g],
  ["AKIA", /(\bAKIA[A-Z0-9]{16},)([A-Za-z0-9+/]{40})(?![A-Za-z0-9+/])/g],
  ["algoliasearch,twilio", /(\b(?:algoliasearch|twilio(?:\.Client)?)\(\s?["']\w{2,40}["'],\s?["'])([0-9a-f]{32})/gi],
  [
    "/reset,/magic/,/invite/,/verify/,password-reset/",
    /(\/(?:reset-password|password-reset|reset|magic|invite|verify)\/)([\w-]{24,200})(?![\w.-])/g
  ],
  [
    "phrase,mnemonic",
    /((?:(?:seed|recovery|secret|backup)[ _]phrase|mnemonic)["']?(?:\s(?:is|was))?\s?[:=]\s?["']?)((?:[a-z]{3,10} ){11,23}[a-z]{3,10})/gi
  ],
  [
    "codes:,Codes:,CODES:,codes are",
    /((?:recovery|backup)[ -]codes?:\s{1,4}(?:\d{1,2}[.)]\s)?)([A-Za-z0-9]{4,8}[ -][A-Za-z0-9]{4,8}(?:\s{1,4}(?:\d{1,2}[.)]\s)?[A-Za-z0-9]{4,8}[ -][A-Za-z0-9]{4,8}){0,15})/gi
  ],
  ["TOTP,2FA,OTP", /(\b(?:TOTP|2FA|OTP)\b[ \w]{0,16}(?::|=|\sis)\s?)([A-Z2-7]{16,64})\b/gi],
  [
    "PIN is,PIN was,code is,code was",
    /(\b(?:PIN|(?:pass|verification|security|one[- ]time) ?code)\s(?:is|was)\s)(\d{4,10})\b/g
  ]
]

/** The places by what must be in the text, so that it is looked for once. Most of it is rare, a single sign is not. */
const BY_HINTS = Object.entries(Array.groupBy(ALL, ([hints]) => hints)).map(
  ([hints, places]) => [hints.split(","), places.map(([, pattern]) => pattern)] as const
)
export const [RARE, COMMON] = Array.partition(BY_HINTS, ([hints]) => hints.join("").length === 1)

/** Found in every text with a rare hint, at less cost than each by itself. */
export const HINT = new RegExp(
  RARE.flatMap(([hints]) => hints.map((hint) => hint.replaceAll(/[$|(]/g, String.raw`\$&`))).join("|")
)

/** Words for a password, wherever people write. */
const WORD = String.raw`passw(?:or)?[dt]|passphrase|passcode|\bpw\b|kennwort|mot de passe|contrase[nñ]|\bclave\b|senha|wachtwoord|l[oö]senord|adgangskode|passord|salasana|has[lł]o|heslo|jelsz[oó]|parol|lozinka|[sş]ifre|m[aậ]t kh[aẩ]u|kata (?:sandi|laluan)|nenosiri|пароль|парол|κωδικ|סיסמ|كلمة (?:المرور|السر)|رمز|पासवर्ड|পাসওয়ার্ড|รหัสผ่าน|密码|密碼|口令|パスワード|暗証番号|비밀번호|비번|암호|zugangsdaten|zugang|\bcreds?\b|credentials|\blog ?in\b|\bsign ?in\b`

/** Ends in front of a password that someone says, or begins behind one. */
export const SAID_BEFORE = new RegExp(
  String.raw`(?:${WORD})(?:[^\n\u0e00-\uffff]{0,50}[ \t\u00a0"'\`“«:：/→>]{1,6}|[^\x00-\x7f]{1,10}[\s「：]{0,2}|[^\n:(){}[\]=<>"']{0,30}[:：]\**\s{1,4})$`,
  "i"
)
export const SAID_BEHIND = /^ (?:as )?(?:a|the|my|your) [\w ]{0,12}password/

/** A column with passwords: its head, and the value in the first row. */
export const COLUMNS: ReadonlyArray<RegExp> = ["|", ",", String.raw`\t`].flatMap((sign) =>
  [0, 1, 2, 3].map((nth) => {
    const cells = String.raw`(?:[^${sign}\n]{0,60}[${sign}]){${nth + (sign === "|" ? 1 : 0)}}`
    return new RegExp(
      String.raw`(passw(?:or)?[dt](?<=^${cells}[ "'*]{0,3}passw(?:or)?[dt])["'* ]{0,40}(?:[${sign}][^\n]{0,200})?\r?\n(?:[-|:+ \t]{3,200}\r?\n)?${cells}[ "'\`]{0,30})([^\s"'\`|,;]{4,200})`,
      "gim"
    )
  })
)

/** Parameters of a query that let their bearer in, and the fields of a cookie. */
export const PARAMETER =
  /([?&#;](?:key|sig|signature|code|appid|api_?key|x-goog-signature|x-amz-signature|x-amz-security-token)=)([\w%.~+/-]{16,}={0,2})/gi
export const COOKIE = /((?:\bcookie\\{0,3}["']?\s?[:=]\s?|(?:\s-b|--cookie)[ =])\\{0,3}["']?)([^\n"']{10,4000})/gi
export const COOKIE_FIELD = /([\w.-]{1,60}=)([^;\s"'\\]{16,})/g

/** Found behind the head of a column, or in its last place. */
export const COLUMN_HINT =
  /^(?:[|"]|[\w-]{1,30}["']?[\t;,] ?|(?=passw))[^\n(){}=]{0,100}(?<![^\W_])passw(?:or)?[dt]["'* ]{0,40}(?:[|,\t][^\n(){}=]{0,200})?\r?$/im

export const BEARER = /(\bbearer\s+)([\w.~+/:-]{16,}={0,2})/gi
