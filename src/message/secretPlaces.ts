/** Places at which a secret is one whatever it looks like: in a URL, behind an option of a command, in an armour. */

const PRIVATE_KEY = String.raw`(?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----`
export const PEM = new RegExp(
  // Up to the end mark or, in a key that was cut off, all lines of base64. Line breaks may be escaped in any way.
  String.raw`-----BEGIN ${PRIVATE_KEY}(?:(?:[^-]|-(?!----)){32,16384}-----END ${PRIVATE_KEY}|` +
    String.raw`(?:(?:\\+[nr]|[^A-Za-z0-9"'-]){1,12}[A-Za-z0-9+/=]{24,})+)`,
  "g"
)

/** The last part of the address is what lets everyone post. */
export const WEBHOOK =
  /(hooks\.slack\.com\/(?:services|workflows|triggers)\/T\w{6,}\/\w{6,}\/(?:\d{6,}\/)?|discord(?:app)?\.com\/api\/(?:v\d+\/)?webhooks\/\d{17,20}\/|\/IncomingWebhook\/|hooks\.zapier\.com\/hooks\/catch\/\d{3,}\/)([\w-]{6,})/g

export const URL_PASSWORD = /(:\/\/[^\s:@/"'`<>\\]{0,200}:)([^\s/"'`<>\\]{1,300})(?=@)/g
export const DSN_PASSWORD = /(\w:)([^\s:"'`<>\\]{1,200})(?=@(?:tcp|unix)\()/g
// What stands between a command and its option holds no further such command, so that no character is read for many.
export const CURL_USER =
  /(\bcurl\b(?:(?!\bcurl\b)[^\n|;]){0,300}?\s(?:-u|--user)[ =]?[\\"']{0,4}[^\s:"'\\]{1,100}:)([^\s"'\\]{1,200})/g
export const CLIENT_PASSWORD =
  /(\bsshpass\s+-p\s*[\\"']{0,4}|\bmysql\w*\b(?:(?!\bmysql)[^\n|;]){0,300}?\s-p[\\"']{0,4})([^\s"'\\]{1,200})/g
