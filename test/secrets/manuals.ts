/**
 * A fifth corpus: commands, files and logs as manuals of programs show them, with passwords as generators write them. Its
 * kinds were chosen before any of them was tried, and no rule was written from what is missed.
 */
import { type Draw, makeDraw } from "./draw.ts"

type Say = (secret: string, draw: Draw) => string

const UNSURE = "23456789abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"

/** Passwords as `pwgen -s`, `openssl rand -base64`, `apg` and lists of words give them. */
const generate = (draw: Draw, nth: number): string =>
  [
    () => Array.from({ length: 14 }, () => draw.pick(Array.from(UNSURE))).join(""),
    () => draw.base64(24),
    () =>
      `${draw.pick(["Jab", "Nuk", "Vop"])}${draw.pick(["mit", "ral"])}${draw.digits(2)}${draw.pick(["@", "&", "!"])}${draw.lower(4)}`,
    () => `${draw.words(1).join("")}-${draw.words(1).join("")}-${draw.digits(2)}-${draw.words(1).join("")}`
  ][nth % 4]?.() ?? ""

const COMMANDS: Readonly<Record<string, Say>> = {
  nmcli: (x) => `nmcli device wifi connect Harbour-5G password ${x}`,
  "mount.cifs": (x) => `mount -t cifs //nas/share /mnt -o username=ann,password=${x},uid=1000`,
  wget: (x) => `wget --user=ann --password='${x}' https://files.test/a.iso`,
  psql: (x) => `PGPASSWORD=${x} psql -h db.test -U app -c 'select 1'`,
  "docker run": (x) => `docker run -d --name db -e POSTGRES_PASSWORD=${x} -p 5432:5432 postgres:17`,
  mysqldump: (x) => `mysqldump -u root -p${x} shop > shop.sql`,
  rabbitmqctl: (x) => `rabbitmqctl change_password app ${x}`,
  "curl digest": (x) => `curl --digest -u ann:${x} https://api.test/v1/me`,
  "http header": (x) => `curl -H "X-Auth-Token: ${x}" https://api.test/servers`,
  "gpg batch": (x) => `gpg --batch --passphrase "${x}" -c notes.txt`,
  keytool: (x) => `keytool -genkey -alias web -keystore k.jks -storepass ${x} -keypass ${x}`,
  "svn checkout": (x) => `svn co --username ann --password ${x} https://svn.test/repo`,
  "az vm": (x) => `az vm create -n vm1 --image Ubuntu2204 --admin-username ops --admin-password "${x}"`,
  "aws rds": (x) => `aws rds modify-db-instance --db-instance-identifier d1 --master-user-password ${x}`,
  gcloud: (x) => `gcloud sql users set-password app --instance=main --password=${x}`,
  "net user": (x) => `net user ann ${x} /add`,
  "useradd chpasswd": (x) => `echo 'deploy:${x}' | sudo chpasswd`,
  "ipmitool lan": (x) => `ipmitool -I lanplus -H bmc1 -U admin -P ${x} power status`,
  kinit: (x) => `echo "${x}" | kinit ann@CORP.TEST`,
  ldapsearch: (x) => `ldapsearch -x -D cn=admin,dc=corp,dc=test -w ${x} -b dc=corp,dc=test`
}

const FILES: Readonly<Record<string, Say>> = {
  ".env": (x) => `APP_ENV=production\nDB_HOST=db\nDB_PASSWORD=${x}\nLOG=info`,
  "application.properties": (x) => `spring.mail.username=ann\nspring.mail.password=${x}`,
  "wp-config": (x) => `define( 'DB_USER', 'wp' );\ndefine( 'DB_PASSWORD', '${x}' );`,
  "settings.xml": (x) => `<server><id>nexus</id><username>ci</username><password>${x}</password></server>`,
  "web.config": (x) => `<add name="Main" connectionString="Server=sql1;Database=shop;User Id=app;Password=${x};" />`,
  wireguard: (_, { base64 }) => `[Interface]\nAddress = 10.0.0.2/32\nPrivateKey = ${base64(43)}=`,
  pgpass: (x) => `db.test:5432:shop:app:${x}`,
  netrc: (x) => `machine api.test login ann password ${x}`,
  "pgbouncer userlist": (x) => `"app" "${x}"\n; auth_file = /etc/pgbouncer/userlist.txt, plain passwords`,
  "wpa supplicant": (x) => `network={\n  ssid="Harbour"\n  psk="${x}"\n}`,
  "prometheus basic auth": (x) => `basic_auth:\n  username: scraper\n  password: ${x}`,
  "secrets.yaml": (x) => `camera_one_username: cam\ncamera_one_password: ${x}`,
  "helm values": (x) => `auth:\n  rootPassword: "${x}"\n  replicationUser: repl`,
  "appsettings.json": (x) => `{"Smtp":{"Host":"mail.test","User":"ann","Password":"${x}"}}`,
  "hcl variables": (x) => `db_username = "app"\ndb_password = "${x}"`,
  "ansible inventory": (x) => `web1 ansible_host=10.0.0.4 ansible_user=ops ansible_ssh_pass=${x}`,
  "shared secret": (x) => `shared_secret: ${x}`,
  pureftpd: (x) => `MYSQLUser ftp\nMYSQLPassword ${x}\nMYSQLDatabase ftpd`,
  "snmp community": (x) => `createUser monitor SHA "${x}" AES`,
  "kubernetes secret": (x) => `kind: Secret\nstringData:\n  password: ${x}`
}

const CODE_AND_LOGS: Readonly<Record<string, Say>> = {
  "DB-API": (x) => `conn = psycopg2.connect(host="db", user="app", password="${x}")`,
  "JDBC call": (x) => `DriverManager.getConnection("jdbc:mysql://db/shop", "app", "${x}"); // user, password`,
  "URL of a queue": (x) => `amqp://app:${encodeURIComponent(x)}@mq.test:5672/vhost`,
  "Go struct": (x) => `cfg := Config{User: "app", Password: "${x}", Port: 5432}`,
  "PHP PDO": (x) => `$password = '${x}';\n$pdo = new PDO($dsn, $user, $password);`,
  "environment of a process": (x) => `Env: [PATH=/usr/bin SMTP_PASS=${x} TZ=UTC]`,
  "log of a login": (x) => `DEBUG login attempt user=ann password=${x} ip=10.0.0.8`,
  "SQL update": (x) => `UPDATE users SET password = '${x}' WHERE id = 7;`,
  "form data": (x) => `username=ann&password=${encodeURIComponent(x)}&remember=1`,
  "PowerShell variable": (x) =>
    `$cred = New-Object PSCredential("ann", (ConvertTo-SecureString "${x}" -AsPlainText -Force))`,
  "GraphQL variables": (x) =>
    `{"query":"mutation($p:String!){login(password:$p)}","variables":{"p":"${x}","password":"${x}"}}`,
  "test fixture": (x) => `await page.getByLabel("Password").fill("${x}")`
}

const SENTENCES: Readonly<Record<string, Say>> = {
  "English, reset": (x) => `I reset your password to ${x}, change it at the first login.`,
  "English, note": (x) => `db admin pw = ${x} (rotate on friday)`,
  "English, quoted": (x) => `Use the passphrase "${x}" for the backup drive.`,
  "English, list": (x) => `- user: ann\n- pass: ${x}\n- host: db.test`,
  Dutch: (x) => `het wachtwoord van de router is nu ${x}`,
  Swedish: (x) => `lösenordet till servern är ${x}`,
  Czech: (x) => `heslo k databázi je ${x}`,
  Hungarian: (x) => `a szerver jelszava: ${x}`,
  Greek: (x) => `ο νέος κωδικός είναι ${x}`,
  Hebrew: (x) => `הסיסמה החדשה היא ${x}`,
  Persian: (x) => `رمز عبور جدید ${x} است`,
  Thai: (x) => `รหัสผ่านใหม่คือ ${x} ครับ`
}

const TOKENS: Readonly<Record<string, (draw: Draw) => string>> = {
  "OpenAI project": ({ url64 }) => `sk-proj-${url64(74)}`,
  Anthropic: ({ url64 }) => `sk-ant-api03-${url64(93)}AA`,
  GitLab: ({ url64 }) => `glpat-${url64(20)}`,
  npm: ({ alnum }) => `npm_${alnum(36)}`,
  Slack: ({ alnum, digits }) => `xoxp-${digits(12)}-${digits(12)}-${digits(12)}-${alnum(32)}`,
  Bitly: ({ hex }) => `R_${hex(32)}`,
  Asana: ({ digits, hex }) => `1/${digits(16)}:${hex(32)}`,
  Ayrshare: ({ upper }) => [7, 7, 7, 7].map(upper).join("-"),
  Apify: ({ alnum }) => `apify_api_${alnum(36)}`,
  Nightfall: ({ alnum }) => `NF-${alnum(32)}`,
  Mergent: ({ alnum }) => `mgt_prod_${alnum(40)}`,
  Convex: ({ base64 }) => `prod:quick-otter-${base64(60)}`
}

const INNOCENT: Readonly<Record<string, (draw: Draw) => string>> = {
  "git log": ({ hex }) => `commit ${hex(40)}\nAuthor: Ann <ann@corp.test>`,
  "docker image": ({ hex }) => `postgres@sha256:${hex(64)}`,
  "npm lock": ({ base64 }) => `"integrity": "sha512-${base64(86)}=="`,
  "pip hash": ({ hex }) => `--hash=sha256:${hex(64)}`,
  "cargo lock": ({ hex }) => `checksum = "${hex(64)}"`,
  "go sum": ({ base64 }) => `golang.org/x/net v0.30.0 h1:${base64(43)}=`,
  uuid: ({ uuid }) => `request_id=${uuid()} status=200`,
  "trace parent": ({ hex }) => `traceparent: 00-${hex(32)}-${hex(16)}-01`,
  "tool call": ({ alnum }) => `"tool_call_id":"call_${alnum(24)}"`,
  "anthropic tool use": ({ alnum }) => `"id":"toolu_01${alnum(22)}"`,
  "response of a model": ({ hex }) => `"id":"resp_${hex(50)}"`,
  "stripe payment": ({ alnum }) => `pi_3${alnum(23)} succeeded`,
  "clerk user": ({ alnum }) => `user_2${alnum(26)} signed in`,
  ulid: ({ upper }) => `event 01J${upper(23)} stored`,
  "type id": ({ lower }) => `order_01h${lower(23)}`,
  "kubernetes pod": ({ hex, lower }) => `deployment-web-${hex(9)}-${lower(5)} Running`,
  "bundle of a page": ({ alnum }) => `<script src="/assets/index-${alnum(8)}.js">`,
  "google document": ({ url64 }) => `https://docs.google.com/document/d/1${url64(43)}/edit`,
  "video address": ({ url64 }) => `https://youtu.be/${url64(11)}`,
  "public key": ({ base64 }) => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${base64(43)} ann@laptop`,
  fingerprint: ({ base64 }) => `SHA256:${base64(43)} ann@laptop (ED25519)`,
  certificate: ({ base64 }) => `-----BEGIN CERTIFICATE-----\n${base64(64)}\n-----END CERTIFICATE-----`,
  "wireguard peer": ({ base64 }) => `PublicKey = ${base64(43)}=`,
  "bitcoin transaction": ({ hex }) => `tx ${hex(64)} has 3 confirmations`,
  "content id": ({ lower }) => `ipfs://bafybei${lower(52)}`,
  "mac address": ({ hex }) => `link/ether ${[2, 2, 2, 2, 2, 2].map(hex).join(":")} brd ff:ff:ff:ff:ff:ff`,
  "password prompt": () => "ann@db.test's password:",
  "password policy": ({ digits }) => `password_min_length=1${digits(1)} password_history=5`,
  "password file": ({ lower }) => `password_file: /run/secrets/${lower(6)}_password`,
  "password from vault": ({ lower }) => `password: "{{ vault_${lower(6)}_password }}"`,
  "password of a variable": ({ upper }) => `--password="$${upper(1).replace(/\d/, "X")}_PASSWORD"`,
  "password argument": ({ pick }) => `def login(user: str, password: ${pick(["str", "SecretStr", "bytes"])} = None):`,
  "password hash function": ({ pick }) => `password = ${pick(["hash_password", "bcrypt.hash", "make_password"])}(raw)`,
  "wrong password": ({ digits }) =>
    `Failed password for invalid user ann from 10.0.0.${digits(2)} port 51${digits(3)} ssh2`,
  "password in a column": () => "| id | email | password_hash | created_at |",
  "token limit": ({ digits }) => `max_tokens=${digits(4)} prompt_tokens=${digits(4)} total_tokens=${digits(5)}`,
  "token of a language": ({ pick }) => `unexpected token '${pick(["}", ")", "=>"])}' at line 12`,
  "next page": ({ base64 }) => `"nextPageToken": "${base64(20)}"`,
  "csrf field": () => '<input type="hidden" name="csrf_token" value="{{ csrf_token() }}">',
  "key of a map": ({ lower }) => `cache_key=user:${lower(6)}:profile`,
  "primary key": ({ pick }) => `PRIMARY KEY (${pick(["tenant_id, id", "id", "order_id, line"])})`,
  "key code": ({ pick }) => `if (event.key === "${pick(["Enter", "Escape", "ArrowDown"])}") submit()`,
  "secret reference": ({ lower }) => `secretKeyRef: { name: db-${lower(4)}, key: password }`,
  "secret in an action": ({ pick }) => `token: \${{ secrets.${pick(["GITHUB_TOKEN", "NPM_TOKEN", "DEPLOY_KEY"])} }}`,
  "secret name": ({ lower }) => `arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/${lower(6)}-AbCdEf`,
  "test name": ({ pick }) => `it("${pick(["rejects", "accepts"])} a password of 12 characters", async () => {`,
  "long test name": ({ pick }) => `test_shouldReturn404When${pick(["User", "Token", "Password"])}IsNotFoundIn2Shards`,
  "camel identifier": ({ pick }) => `api_getUserProfileV2${pick(["WithRoles", "WithTeams", "WithOrders"])}ById`,
  "css class": ({ alnum }) => `class="header_navLink__${alnum(5)} active"`,
  "hash of a file": ({ hex }) => `${hex(32)}  dist.tar.gz`,
  "etag header": ({ hex }) => `ETag: "${hex(32)}-12"`,
  "s3 object": ({ hex, digits }) => `s3://logs/2026/11/${digits(2)}/${hex(16)}.gz`,
  "sentence about rotation": ({ digits }) =>
    `We rotate the API key every ${digits(2)} days and revoke the old token at once.`,
  "german rule": ({ digits }) => `Das Passwort braucht ${digits(2)} Zeichen und eine Ziffer.`,
  "french rule": () => "Le mot de passe doit contenir une majuscule et 2 chiffres.",
  "russian rule": ({ digits }) => `Пароль должен быть не короче ${digits(2)} символов, ошибка E10${digits(2)}.`,
  "spanish rule": ({ digits }) => `La contraseña caduca en ${digits(2)} días, consulte KB-20${digits(2)}.`,
  "chinese rule": ({ digits }) => `密码必须包含 ${digits(2)} 个字符，参见 RFC-82${digits(2)}。`,
  "version list": ({ digits }) => `node v22.${digits(2)}.0, npm 10.${digits(1)}.2, tsc 5.${digits(1)}.3`,
  "option list": ({ digits }) => `--keep-alive=${digits(2)} --max-old-space-size=${digits(4)} --trace-warnings`,
  "cron line": ({ digits }) => `${digits(1)} 3 * * 1 /usr/local/bin/rotate-passwords.sh >> /var/log/rotate.log`,
  "mail address": ({ digits }) => `password reset sent to ann.b${digits(2)}@corp.test at 12:0${digits(1)}`,
  "branch name": ({ digits }) => `git switch feature/PROJ-${digits(4)}-password-reset-v2`,
  "stack of a call": ({ digits }) => `at verifyPassword (/app/src/auth/password.ts:${digits(2)}:14)`
}

const AROUND: ReadonlyArray<(token: string) => string> = [
  (token) => `[12:01:07] GET /v1/me 401, tried ${token}`,
  (token) => `try it with "${token}" please`
]

/** A text with the secret in it, by its group. */
export interface ManualSecret {
  readonly group: string
  readonly text: string
  readonly secret: string
}

const say = (group: string, kinds: Readonly<Record<string, Say>>): ReadonlyArray<ManualSecret> =>
  Object.entries(kinds).flatMap(([kind, write]) =>
    Array.from({ length: 4 }, (_, nth) => {
      const draw = makeDraw(`fifth ${kind} ${nth}`)
      const text = write(generate(draw, nth), makeDraw(`fifth text ${kind} ${nth}`))
      const key = kind === "wireguard" ? `${makeDraw(`fifth text ${kind} ${nth}`).base64(43)}=` : undefined
      return { group, text, secret: key ?? generate(makeDraw(`fifth ${kind} ${nth}`), nth) }
    })
  )

/** Four draws of each kind, two of a token. */
export const FROM_MANUALS: ReadonlyArray<ManualSecret> = [
  ...say("commands", COMMANDS),
  ...say("files", FILES),
  ...say("code and logs", CODE_AND_LOGS),
  ...say("sentences", SENTENCES),
  ...Object.entries(TOKENS).flatMap(([kind, make]) =>
    AROUND.map((write, nth) => {
      const secret = make(makeDraw(`fifth ${kind} ${nth}`))
      return { group: "tokens, unnamed", text: write(secret), secret }
    })
  )
]

/** Six draws of each kind; fewer of a kind that draws little. */
export const MANUAL_INNOCENTS: ReadonlyArray<string> = Array.from(
  new Set(
    Object.entries(INNOCENT).flatMap(([kind, make]) =>
      Array.from({ length: 6 }, (_, nth) => make(makeDraw(`fifth innocent ${kind} ${nth}`)))
    )
  )
)
