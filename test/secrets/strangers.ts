/**
 * A sixth corpus, of what the redaction has no words for: passwords as managers of passwords make them, said in sentences
 * that call them by other names; tokens of vendors that no rule lists, some of which do not exist; and look-alikes from
 * the work of agents. It was drawn before any of it was tried. Its characters come from hashes.
 */
import { createHash } from "node:crypto"

/** Draws from hashes of a seed and a count. */
interface Dice {
  readonly pick: <A>(from: ReadonlyArray<A>) => A
  readonly of: (alphabet: string, n: number) => string
}

const rollDice = (seed: string): Dice => {
  let count = 0
  const next = (below: number): number =>
    createHash("sha256").update(`${seed}/${count++}`).digest().readUInt32BE(0) % below
  const pick = <A>(from: ReadonlyArray<A>): A => {
    const picked = from[next(from.length)]
    if (picked === undefined) throw new Error("nothing to pick from")
    return picked
  }
  return { pick, of: (alphabet, n) => Array.from({ length: n }, () => alphabet.charAt(next(alphabet.length))).join("") }
}

const az = "abcdefghijklmnopqrstuvwxyz"
const AZ = az.toUpperCase()
const nr = "0123456789"
const hx = `${nr}abcdef`
const b36 = az + nr
const b62 = AZ + b36
const b64 = `${b62}+/`
const u64 = `${b62}-_`
const b58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
const b32 = `${AZ}234567`
const nix = "0123456789abcdfghijklmnpqrsvwxyz"

const hard = (dice: Dice, n: number) => dice.of("bcdfghkmnpqrstvwxz", n)
const soft = (dice: Dice) => dice.of("aeiouy", 1)
const syllable = (dice: Dice) => hard(dice, 1) + soft(dice) + hard(dice, 1)

/** What managers of passwords, browsers and operating systems suggest. */
const SUGGESTED: ReadonlyArray<(dice: Dice) => string> = [
  // A browser
  (dice) => dice.of(b62, 15),
  // A phone: three parts of pronounceable letters, with one digit and one capital
  (dice) =>
    `${syllable(dice)}${syllable(dice)}-${syllable(dice)}${dice.of(nr, 1)}${dice.of(AZ, 1)}${soft(dice)}-${syllable(dice)}${syllable(dice)}`,
  // A manager, with signs
  (dice) => `${dice.of(b62, 4)}${dice.of("!@#$%^&*", 1)}${dice.of(b62, 5)}${dice.of("!@#$%^&*", 1)}${dice.of(b62, 5)}`,
  // A router's label
  (dice) => dice.of("abcdefghkmnpqrstuvwxyz23456789", 12),
  // Words with a number
  (dice) =>
    ["Tundra", "Basket", "Rivet", "Mango", "Quartz", "Pylon"]
      .filter(() => dice.of("01", 1) === "1")
      .slice(0, 2)
      .concat("Copper", "Lagoon")
      .slice(0, 3)
      .join(".") + dice.of(nr, 2),
  // One that somebody thought of
  (dice) => `${dice.pick(["Gr3mlin", "R0cket", "b1rdcage", "Kn1ght"])}${dice.of(nr, 2)}${dice.of("!?#", 1)}`
]

type Say = (secret: string) => string

const SENTENCES: Readonly<Record<string, Say>> = {
  "sign-in": (x) => `The sign-in for the label printer is "ops" with ${x}, at least until Monday.`,
  unlock: (x) => `You can unlock the archive with the passphrase ${x} and then copy it over.`,
  "asks for it": (x) => `When it asks for the password, type ${x} and press enter.`,
  "then value first": (x) => `${x} is the root password of the old box, please change it.`,
  mail: (x) => `Hi Ann,\n\nyour temporary password: ${x}\n\nPlease change it.\nIT`,
  chat: (x) => `sure, wifi pass is ${x}`,
  slack: (x) => `<@U02AB> staging creds: admin / ${x}`,
  ticket: (x) => `Steps: 1. open /admin 2. log in as demo with password ${x} 3. see error`,
  "set to": (x) => `I've set the database password to ${x} in the compose file.`,
  changed: (x) => `Password changed from the default to ${x}.`,
  parenthesis: (x) => `Log in with the service account (password ${x}) and rerun the job.`,
  comma: (x) => `Use user deploy, password ${x}, on port 2222.`,
  backticks: (x) => `The keystore password is \`${x}\` for now.`,
  bold: (x) => `Your new passcode is **${x}**.`,
  asked: (x) => `is ${x} still the password for jenkins?`,
  remember: (x) => `Remember the following credentials for the test shop: shopper@mail.test ${x}`,
  German: (x) => `Das Kennwort für den Fileserver wurde auf ${x} geändert.`,
  "German, login": (x) => `Die Zugangsdaten lauten admin und ${x}.`,
  French: (x) => `Le mot de passe du NAS est désormais ${x}, merci de le noter.`,
  Spanish: (x) => `cambié la contraseña del router a ${x} esta mañana`,
  Italian: (x) => `La password del gestionale adesso è ${x}`,
  Portuguese: (x) => `a senha do banco de homologação ficou ${x}`,
  Polish: (x) => `nowe hasło do panelu to ${x}`,
  Turkish: (x) => `sunucunun yeni şifresi ${x} oldu`,
  Russian: (x) => `пароль от тестового сервера сменили на ${x}`,
  Ukrainian: (x) => `пароль до бази тепер ${x}`,
  Chinese: (x) => `测试环境的密码改成了${x}，请更新配置`,
  Japanese: (x) => `テスト環境のパスワードは ${x} に変更しました`,
  Korean: (x) => `테스트 서버 비밀번호를 ${x} 로 바꿨어요`,
  Vietnamese: (x) => `mật khẩu wifi văn phòng là ${x}`,
  Indonesian: (x) => `kata sandi server diganti menjadi ${x}`,
  Arabic: (x) => `كلمة المرور الجديدة هي ${x} للخادم`
}

const COMMANDS: Readonly<Record<string, Say>> = {
  restic: (x) => `RESTIC_PASSWORD='${x}' restic -r sftp:nas:/backup snapshots`,
  borg: (x) => `export BORG_PASSPHRASE="${x}"`,
  pg_dump: (x) => `pg_dump "host=db user=app password=${x} dbname=shop" > shop.sql`,
  "expect script": (x) => `expect -c 'spawn ssh ann@h; expect "assword:"; send "${x}\\r"; interact'`,
  grafana: (x) => `grafana-cli admin reset-admin-password '${x}'`,
  keycloak: (x) => `kcadm.sh config credentials --server http://k:8080 --realm master --user admin --password '${x}'`,
  mc: (x) => `mc alias set store https://s3.test AKUSER '${x}'`,
  "snmpwalk -A": (x) => `snmpwalk -v3 -u mon -l authPriv -a SHA -A '${x}' host`,
  cypher: (x) => `cypher-shell -u neo4j -p '${x}' 'match (n) return count(n)'`,
  influx: (x) => `influx setup --username ann --password '${x}' --org o --bucket b -f`,
  "kubectl create": (x) => `kubectl create secret generic db --from-literal=password='${x}'`,
  htpasswd: (x) => `htpasswd -bB /etc/nginx/.htpasswd ann '${x}'`
}

const FILES: Readonly<Record<string, Say>> = {
  ini: (x) => `[smtp]\nhost = mail.test\nuser = ann\npasswd = ${x}\n`,
  toml: (x) => `[database]\nuser = "app"\npassword = "${x}"\npool = 5`,
  "compose environment": (x) => `    environment:\n      - MARIADB_ROOT_PASSWORD=${x}\n      - TZ=UTC`,
  "redis.conf": (x) => `port 6379\nrequirepass ${x}\nappendonly yes`,
  fstab: (x) => `//nas/share /mnt cifs username=ann,password=${x},uid=1000 0 0`,
  "kotlin properties": (x) => `signing.keyId=A1B2C3D4\nsigning.password=${x}`,
  "odbc.ini": (x) => `[shop]\nDriver=PostgreSQL\nUID=app\nPWD=${x}`,
  json5: (x) => `{ ldap: { bindDN: 'cn=ro', bindCredentials: '${x}' } }`,
  "unattend.xml": (x) => `<AutoLogon><Password><Value>${x}</Value><PlainText>true</PlainText></Password></AutoLogon>`,
  "tomcat-users": (x) => `<user username="admin" password="${x}" roles="manager-gui"/>`,
  "my.cnf": (x) => `[client]\nuser=root\npassword="${x}"`,
  "markdown table": (x) => `| system | user | password |\n| --- | --- | --- |\n| jira | bot | ${x} |`
}

const TRACES: Readonly<Record<string, Say>> = {
  "curl trace": (x) => `> Authorization: Basic ${Buffer.from(`ann:${x}`).toString("base64")}`,
  "arguments of a tool": (x) => JSON.stringify({ name: "login", arguments: { username: "ann", password: x } }),
  "nested JSON": (x) => JSON.stringify({ arguments: JSON.stringify({ user: "ann", password: x }) }),
  "python dict": (x) => `{'host': 'db', 'user': 'app', 'password': '${x}'}`,
  "ruby hash": (x) => `{:user=>"app", :password=>"${x}"}`,
  "java toString": (x) => `Account[user=ann, password=${x}, roles=[ADMIN]]`,
  "diff line": (x) => `-  password: "old"\n+  password: "${x}"`,
  "typed in a browser": (x) => `browser_type({"element":"Password field","ref":"e14","text":"${x}"})`,
  "seed of a test": (x) => `User.create!(email: "a@b.test", password: "${x}")`,
  "terminal echo": (x) => `$ export DB_PASS=${x}\n$ make migrate`
}

const TOKENS: Readonly<Record<string, (dice: Dice) => string>> = {
  Inngest: ({ of }) => `signkey-prod-${of(hx, 64)}`,
  Stytch: ({ of }) => `secret-live-${of(u64, 31)}=`,
  Xata: ({ of }) => `xau_${of(b62, 36)}`,
  Polar: ({ of }) => `polar_oat_${of(b62, 43)}`,
  Paddle: ({ of }) => `pdl_live_apikey_01${of(b36, 24)}_${of(b62, 22)}_${of(b62, 3)}`,
  Nomic: ({ of }) => `nk-${of(u64, 43)}`,
  Porkbun: ({ of }) => `sk1_${of(hx, 64)}`,
  Svix: ({ of }) => `testsk_${of(b62, 32)}.eu`,
  ElevenLabs: ({ of }) => `sk_${of(hx, 48)}`,
  Braintrust: ({ of }) => `sk-${of(b62, 48)}`,
  "Weights & Biases": ({ of }) => `wandb_v1_${of(b62, 27)}_${of(b62, 40)}`,
  Mollie: ({ of }) => `live_${of(b62, 30)}`,
  Adyen: ({ of }) => `AQE${of(b62, 60)}-${of(b64, 43)}=-${of(b62, 16)}`,
  "no vendor, dotted": ({ of }) => `${of(b62, 24)}.${of(u64, 48)}`,
  "no vendor, bare": ({ of }) => of(b62, 40),
  "no vendor, longer": ({ of }) => of(u64, 64),
  "no vendor, capitals": ({ of }) => `QX${of(b32, 30)}`,
  "no vendor, short name": ({ of }) => `zq.${of(b62, 32)}`,
  "no vendor, three parts": ({ of }) => `acx-${of(b36, 8)}-${of(b62, 28)}`,
  "no vendor, checksum": ({ of }) => `ferry_${of(b62, 30)}_${of(hx, 6)}`,
  "no vendor, base64": ({ of }) => `${of(b64, 43)}=`,
  "no vendor, colon": ({ of }) => `${of(b36, 12)}:${of(b62, 32)}`,
  Laravel: ({ of }) => `base64:${of(b64, 43)}=`,
  Sanctum: ({ of }) => `${of(nr, 3)}|${of(b62, 48)}`
}

/** How an agent comes across a token: nothing says what it is. */
const AROUND: ReadonlyArray<Say> = [
  (x) => `I put ${x} into the settings page and it works now.`,
  (x) => `$ cat ~/.config/tool/auth\n${x}\n$ exit`
]

const INNOCENT: Readonly<Record<string, (dice: Dice) => string>> = {
  "password and a commit": ({ of }) => `The password reset was fixed in ${of(hx, 9)}, see the log.`,
  "password and a version": ({ of }) =>
    `Password hashing moved to argon2-${of(nr, 1)}.${of(nr, 2)}.1-rc${of(nr, 1)} last week.`,
  "password and a ticket": ({ of }) => `The password prompt is broken, see AUTH-${of(nr, 4)} and PR #${of(nr, 3)}.`,
  "password and a file": ({ of }) => `Password tests are in test_auth_2fa_v${of(nr, 1)}.py and Login2FA.spec.ts.`,
  "login and a date": ({ of }) =>
    `The last login was 2026-11-${of("12", 1)}${of("12345678", 1)}T0${of(nr, 1)}:15:00Z from 10.0.${of(nr, 1)}.8.`,
  "login and an object": ({ of }) => `login failed for user 65f1${of(hx, 20)} with code E11000`,
  "credentials of a region": ({ of }) =>
    `credentials for eu-west-${of("123", 1)} expired, request id ${of(hx, 8)}-${of(hx, 4)}-4${of(hx, 3)}-a${of(hx, 3)}-${of(hx, 12)}`,
  "passphrase and a cipher": () => "The passphrase is hashed with PBKDF2-HMAC-SHA256 at 600000 rounds.",
  "password and a browser": ({ of }) => `Chrome${of(nr, 3)} asks to save the password on Windows11.`,
  "password and a test name": ({ of }) => `FAIL should_reject_password_with_8_chars_v${of(nr, 1)} (Auth2FATest)`,
  "password and a variable": ({ of }) => `the password comes from DB_PASS_${of(nr, 1)} or from user1Password`,
  "login and a host": ({ of }) => `login on web${of(nr, 2)}-eu.corp.test works, on db-${of(nr, 2)}b it does not`,
  "sign-in and an error": ({ of }) => `Sign in returns AADSTS5${of(nr, 4)} and 0x8007${of(hx, 4)}.`,
  German: ({ of }) => `Das Passwort steht in Abschnitt 4.${of(nr, 1)}b, Vorlage P12-${of(nr, 3)}.`,
  French: ({ of }) => `Le mot de passe est géré par libpam-${of(nr, 1)}.${of(nr, 1)}.0 sous Debian${of(nr, 2)}.`,
  ULID: ({ of }) => `order 01J${of("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 23)} shipped`,
  KSUID: ({ of }) => `event 2${of(b62, 26)} was seen twice`,
  nanoid: ({ of }) => `room id ${of(u64, 21)}`,
  "object id": ({ of }) => `ObjectId("65f1${of(hx, 20)}")`,
  "git describe": ({ of }) => `v2.${of(nr, 1)}.0-14-g${of(hx, 7)}`,
  "Rust symbol": ({ of }) => `_ZN4core3fmt9Formatter9write_str17h${of(hx, 16)}E`,
  "C++ symbol": ({ of }) => `undefined reference to _ZNSt6vectorIiSaIiEE9push_backERKi${of(nr, 1)}`,
  "nix store": ({ of }) => `/nix/store/${of(nix, 32)}-openssl-3.0.${of(nr, 1)}`,
  "CSS modules": ({ of }) => `<div class="Button_root__${of(b62, 5)} Card_body__${of(b62, 5)}">`,
  tailwind: ({ of }) => `class="w-[${of(nr, 3)}px] bg-[#${of(hx, 6)}] grid-cols-[1fr_2fr]"`,
  "Solana address": ({ of }) => `sent to ${of(b58, 44)}`,
  bech32: ({ of }) => `bc1q${of("qpzry9x8gf2tvdw0s3jn54khce6mua7l", 38)}`,
  "IPFS v0": ({ of }) => `ipfs cat Qm${of(b58, 44)}`,
  "X-Ray": ({ of }) => `Root=1-${of(hx, 8)}-${of(hx, 24)};Sampled=1`,
  CloudFront: ({ of }) => `distribution E${of(AZ + nr, 13)} deployed`,
  "Cf-Ray": ({ of }) => `cf-ray: ${of(hx, 16)}-FRA`,
  "relay id": ({ of }) => `"id":"${Buffer.from(`Repository:${of(nr, 9)}`).toString("base64")}"`,
  cursor: ({ of }) => `"endCursor": "${Buffer.from(`cursor:v2:${of(nr, 12)}`).toString("base64")}"`,
  "model name": ({ pick }) =>
    pick(["claude-3-5-sonnet-20241022", "gpt-4o-mini-2024-07-18", "Llama-3.1-8B-Instruct-Q4_K_M.gguf"]),
  "part number": ({ of }) => `U3 is an STM32F4${of(nr, 2)}VGT6, R12 a RC0603FR-07${of(nr, 2)}KL`,
  "MAC and IPv6": ({ of }) => `${of(hx, 2)}:${of(hx, 2)}:5e:00:53:af fe80::${of(hx, 4)}:${of(hx, 4)}`,
  "TLS fingerprint": ({ of }) => Array.from({ length: 20 }, () => of("0123456789ABCDEF", 2)).join(":"),
  DNA: ({ of }) => `>seq1\n${of("ACGT", 60)}`,
  protein: ({ of }) => `MK${of("ACDEFGHIKLMNPQRSTVWY", 48)}`,
  SMILES: () => "CC(C)CC1=CC=C(C=C1)C(C)C(=O)O and CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
  chess: () => "1.e4 e5 2.Nf3 Nc6 3.Bb5 a6 4.Ba4 Nf6 5.O-O Be7 6.Re1 b5 7.Bb3 d6",
  "minified code": ({ of }) => `function a${of(az, 1)}(e,t){return e.b3(t.C4d,n2[0])?x9(t):void 0}var Zt=Kr7,q2=!0`,
  "regular expression": () => String.raw`const re = /^(?:[A-Z]{2}\d{2}[ -]?)(?=(?:[A-Z0-9]){9,30}$)/i`,
  pod: ({ of }) => `auth-service-${of(b36, 10)}-${of(b36, 5)} 1/1 Running`,
  "container name": ({ of }) => `${of(hx, 12)}   postgres:17   "docker-entrypoint.s…"   shop_db_1`,
  AMI: ({ of }) => `ami-0${of(hx, 16)} vpc-${of(hx, 17)} subnet-0${of(hx, 16)}`,
  "S3 version": ({ of }) => `x-amz-version-id: ${of(b62, 32)}`,
  "S3 host id": ({ of }) => `x-amz-id-2: ${of(b64, 75)}=`,
  "session of a log": ({ of }) => `session=${of(b62, 20)} step=3 took=12ms`,
  picture: ({ of }) => `"data:image/png;base64,iVBORw0KGgo${of(b64, 180)}=="`,
  "base64 of a font": ({ of }) => `src: url(data:font/woff2;base64,d09GMg${of(b64, 120)})`,
  "source map": ({ of }) => `"mappings":"AAAA;${of("ACEGIKMOQS", 6)},${of("ACEGIKMOQS", 4)};AAC${of("ACEGIKMOQS", 4)}"`,
  yarn: ({ of }) => `checksum: 10c0/${of(hx, 128)}`,
  "lock of uv": ({ of }) =>
    `{ url = "https://files.pythonhosted.org/packages/${of(hx, 2)}/${of(hx, 2)}/${of(hx, 60)}/a-1.0-py3-none-any.whl" }`,
  "docker layer": ({ of }) => `#7 sha256:${of(hx, 64)} 3.2MB / 31.4MB 0.4s`,
  "call of a tool": ({ of }) => `call_${of(b62, 24)} toolu_01${of(b62, 22)} fc_${of(hx, 48)}`,
  "answer of a model": ({ of }) => `resp_${of(hx, 48)} gen-17${of(nr, 8)}-${of(b62, 20)}`,
  "mail id": ({ of }) => `Message-ID: <CA+${of(u64, 40)}@mail.gmail.test>`,
  "DKIM signature": ({ of }) => `DKIM-Signature: v=1; d=mail.test; b=${of(b64, 86)}==`,
  "public key of WireGuard": ({ of }) => `PublicKey = ${of(b64, 43)}=`,
  "known hosts": ({ of }) => `|1|${of(b64, 27)}=|${of(b64, 27)}= ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${of(b64, 43)}`,
  "Play link": ({ of }) => `https://go.dev/play/p/${of(b62, 11)} https://youtu.be/${of(u64, 11)}`,
  "sheet of a drive": ({ of }) => `https://drive.test/file/d/1${of(u64, 32)}/view`,
  gist: ({ of }) => `https://gist.github.com/ann/${of(hx, 32)}`,
  "UUID in a path": ({ of }) =>
    `/var/lib/kubelet/pods/${of(hx, 8)}-${of(hx, 4)}-4${of(hx, 3)}-9${of(hx, 3)}-${of(hx, 12)}/volumes`,
  "Xcode id": ({ of }) => `${of("0123456789ABCDEF", 24)} /* AppDelegate.swift in Sources */`,
  "Java id": ({ of }) => `private static final long serialVersionUID = -${of(nr, 19)}L;`,
  "object of Java": ({ of }) => `com.acme.Auth$Login2@${of(hx, 8)} com.acme.A$$Lambda$${of(nr, 2)}/0x${of(hx, 16)}`,
  Protobuf: ({ of }) => `TOKEN_TYPE_V${of(nr, 1)}_SECRET_KEY_ROTATION_2 = ${of(nr, 2)};`,
  "Kafka offsets": ({ of }) => `__consumer_offsets-${of(nr, 2)} epoch ${of(nr, 3)} id ${of(u64, 22)}`,
  "build id": ({ of }) => `_next/static/${of(u64, 21)}/_buildManifest.js`,
  "Terraform address": ({ of }) =>
    `module.db["eu-1"].random_password.main[${of(nr, 1)}]: Refreshing state... [id=none]`,
  "licence plate": ({ of }) => `B-${of(AZ, 2)} ${of(nr, 4)}, order 4${of(nr, 9)}, IBAN DE${of(nr, 20)}`,
  "key of a translation": () => "t('auth.login.password.error2FA') and i18n key auth.reset_v2.title",
  keyboard: () => "press Ctrl+Shift+F12, then Alt+F4; the key is Fn+F2",
  "hash of a password file": ({ of }) => `sha256sum passwords.kdbx: ${of(hx, 64)}`,
  "question about tokens": ({ of }) =>
    `the token count is 12${of(nr, 3)}, max_tokens=4${of(nr, 3)}, tok/s 87.${of(nr, 1)}`
}

export interface StrangeSecret {
  readonly group: string
  readonly text: string
  readonly secret: string
}

const say = (group: string, draws: number, kinds: Readonly<Record<string, Say>>): ReadonlyArray<StrangeSecret> =>
  Object.entries(kinds).flatMap(([kind, write], i) =>
    Array.from({ length: draws }, (_, nth) => {
      const suggest = SUGGESTED[(i + nth) % SUGGESTED.length] ?? (() => "")
      const secret = suggest(rollDice(`sixth ${kind} ${nth}`))
      return { group, text: write(secret), secret }
    })
  )

export const STRANGE: ReadonlyArray<StrangeSecret> = [
  ...say("sentences", 6, SENTENCES),
  ...say("commands", 3, COMMANDS),
  ...say("files", 3, FILES),
  ...say("code, calls and logs", 3, TRACES),
  ...Object.entries(TOKENS).flatMap(([kind, make]) =>
    AROUND.map((write, nth) => {
      const secret = make(rollDice(`sixth ${kind} ${nth}`))
      return { group: "tokens, unnamed", text: write(secret), secret }
    })
  )
]

/** Six draws of each kind; fewer of a kind that draws little. */
export const STRANGE_INNOCENTS: ReadonlyArray<string> = Array.from(
  new Set(
    Object.entries(INNOCENT).flatMap(([kind, make]) =>
      Array.from({ length: 6 }, (_, nth) => make(rollDice(`sixth innocent ${kind} ${nth}`)))
    )
  )
)
