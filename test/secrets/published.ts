/**
 * A fourth corpus: tokens as their vendors or other scanners than gitleaks document them, configurations and commands as
 * their manuals have them, and sentences in languages by their number of speakers. No rule was written from what is missed.
 */
import { type Draw, makeDraw } from "./draw.ts"

type Token = (draw: Draw) => string

const TOKENS: Readonly<Record<string, Token>> = {
  "Cloudflare user": ({ alnum, hex }) => `cfut_${alnum(40)}${hex(8)}`,
  "Cloudflare account": ({ alnum, hex }) => `cfat_${alnum(40)}${hex(8)}`,
  Cloudsmith: ({ alnum }) => `cs_${alnum(40)}`,
  "Amazon MWS": ({ uuid }) => `amzn.mws.${uuid()}`,
  AppSync: ({ lower }) => `da2-${lower(13)}${lower(13)}`,
  "New Relic browser": ({ hex }) => `NRBR-${hex(19)}`,
  Volcengine: ({ alnum }) => `AKLT${alnum(43)}`,
  "Aiven service": ({ alnum }) => `AVNS_${alnum(19)}`,
  Seam: ({ alnum }) => `acme_${alnum(8)}_${alnum(24)}`,
  WakaTime: ({ uuid }) => `waka_${uuid()}`,
  Rootly: ({ hex }) => `rootly_${hex(64)}`,
  SaladCloud: ({ alnum }) => `salad_cloud_${alnum(6)}_${alnum(80)}`,
  Ubidots: ({ alnum }) => `BBFF-${alnum(30)}`,
  "Sourcegraph Cody": ({ hex }) => `slk_${hex(64)}`,
  Portainer: ({ base64 }) => `ptr_${base64(44)}`,
  Klaviyo: ({ hex }) => `pk_${hex(34)}`,
  FleetBase: ({ alnum }) => `flb_live_${alnum(20)}`,
  "Deno Deploy": ({ alnum }) => `ddw_${alnum(36)}`,
  Xata: ({ alnum }) => `xau_${alnum(36)}`,
  SpectralOps: ({ hex }) => `spu-${hex(32)}`,
  Retool: ({ lower }) => `retool_01${lower(24)}`,
  Dub: ({ alnum }) => `dub_${alnum(24)}`,
  "Cal.com": ({ hex }) => `cal_live_${hex(32)}`,
  Polar: ({ alnum }) => `polar_oat_${alnum(43)}`,
  Cursor: ({ hex }) => `crsr_${hex(64)}`,
  Daytona: ({ hex }) => `dtn_${hex(64)}`,
  RunPod: ({ upper }) => `rpa_${upper(46)}`,
  Literal: ({ alnum }) => `lsk_live_${alnum(32)}`,
  Ramp: ({ alnum }) => `ramp_sec_${alnum(48)}`,
  "Firebase messaging": ({ url64 }) => `AAAA${url64(7)}:${url64(140)}`,
  Slack: ({ alnum, digits }) => `xoxb-${digits(12)}-${digits(12)}-${alnum(24)}`,
  GitHub: ({ alnum }) => `ghp_${alnum(36)}`,
  Anthropic: ({ url64 }) => `sk-ant-api03-${url64(93)}AA`,
  OpenRouter: ({ hex }) => `sk-or-v1-${hex(64)}`,
  Postman: ({ hex }) => `PMAK-${hex(24)}-${hex(34)}`,
  LaunchDarkly: ({ uuid }) => `api-${uuid()}`,
  Square: ({ url64 }) => `sq0atp-${url64(22)}`,
  Mailgun: ({ hex }) => `${hex(32)}-${hex(8)}-${hex(8)}`,
  Telegram: ({ digits, url64 }) => `${digits(10)}:AA${url64(33)}`,
  PyPI: ({ url64 }) => `pypi-AgEIcHlwaS5vcmc${url64(120)}`
}

type Carry = (password: string) => string

const COMMANDS: Readonly<Record<string, Carry>> = {
  "parameter store": (x) => `aws ssm put-parameter --name /app/db --type SecureString --value '${x}'`,
  "registry secret": (x) => `kubectl create secret docker-registry reg --docker-username=ci --docker-password=${x}`,
  "key vault": (x) => `az keyvault secret set --vault-name kv1 --name db --value "${x}"`,
  "1Password": (x) => `op item create --category=login --title=db password=${x}`,
  "macOS keychain": (x) => `security add-generic-password -a ann -s mail -w '${x}'`,
  "Ansible extra": (x) => `ansible-playbook site.yml -e "ansible_become_pass=${x}"`,
  "Terraform variable": (x) => `terraform apply -var "db_password=${x}" -auto-approve`,
  Pulumi: (x) => `pulumi config set --secret dbPassword '${x}'`,
  Supabase: (x) => `supabase secrets set SMTP_PASSWORD=${x}`,
  InfluxDB: (x) => `influx -username admin -password '${x}' -execute 'show databases'`,
  MongoDB: (x) => `db.createUser({ user: "app", pwd: "${x}", roles: ["readWrite"] })`,
  "SQL Server": (x) => `ALTER LOGIN sa WITH PASSWORD = N'${x}';`,
  "MySQL user": (x) => `CREATE USER 'app'@'%' IDENTIFIED WITH mysql_native_password BY '${x}';`,
  PostgreSQL: (x) => `CREATE ROLE app LOGIN ENCRYPTED PASSWORD '${x}';`,
  "Redis access": (x) => `redis-cli ACL SETUSER app on '>${x}' ~* +@all`,
  NickServ: (x) => `/msg NickServ IDENTIFY ann ${x}`,
  "git credential": (x) => `protocol=https\nhost=git.test\nusername=ann\npassword=${x}`,
  rclone: (x) => `rclone config create nas sftp host nas.test user ann pass ${x}`,
  borg: (x) => `export BORG_PASSPHRASE='${x}'`,
  "7-Zip": (x) => `7z a -p'${x}' -mhe=on backup.7z data/`
}

const FILES: Readonly<Record<string, Carry>> = {
  "Redis server": (x) => `port 6379\nrequirepass ${x}\nappendonly yes`,
  HAProxy: (x) => `userlist ops\n  user admin insecure-password ${x}`,
  "CHAP secrets": (x) => `# client server secret ip\n"ann" * "${x}" *`,
  RADIUS: (x) => `client nas1 {\n  ipaddr = 10.0.0.9\n  secret = ${x}\n}`,
  Dovecot: (x) => `ann:{PLAIN}${x}:1000:1000::/home/ann`,
  msmtp: (x) => `account mail\nhost smtp.test\nuser ann\npassword ${x}`,
  fetchmail: (x) => `poll pop.test proto pop3 user "ann" password "${x}"`,
  mutt: (x) => `set imap_user = "ann"\nset imap_pass = "${x}"`,
  "MySQL client": (x) => `[client]\nuser=root\npassword="${x}"`,
  Gradle: (x) => `signing.keyId=24875D73\nsigning.password=${x}`,
  Grafana: (x) => `[security]\nadmin_user = admin\nadmin_password = ${x}`,
  Traefik: (x) => `certificatesResolvers:\n  dns:\n    apiKey: ${x}`,
  "systemd unit": (x) => `[Service]\nEnvironment="MAIL_PASSWORD=${x}"`,
  "cloud-init": (x) => `users:\n  - name: ops\n    plain_text_passwd: '${x}'`,
  kickstart: (x) => `rootpw --plaintext ${x}`,
  preseed: (x) => `d-i passwd/root-password password ${x}`,
  "Docker config": (x) => `{"auths":{"reg.test":{"auth":"${Buffer.from(`ann:${x}`).toString("base64")}"}}}`,
  Tomcat: (x) => `<user username="ann" password="${x}" roles="manager-gui"/>`,
  "Spring YAML": (x) => `spring:\n  datasource:\n    username: app\n    password: ${x}`,
  "Rails database": (x) => `production:\n  adapter: mysql2\n  password: <%= ENV.fetch("DB", "${x}") %>`
}

/** By the number of their speakers, with Latin letters and others. */
const SENTENCES: Readonly<Record<string, Carry>> = {
  English: (x) => `the wifi password at the cabin is ${x}`,
  "English, handover": (x) => `Login for the printer: admin, then ${x} when it asks for the password`,
  Mandarin: (x) => `数据库的登录密码改成了${x}，请不要外传`,
  Hindi: (x) => `सर्वर का पासवर्ड ${x} है`,
  Spanish: (x) => `oye, la contraseña nueva del correo es ${x}`,
  French: (x) => `j'ai changé le mot de passe, c'est maintenant ${x}`,
  Arabic: (x) => `كلمة المرور الجديدة هي ${x}`,
  Bengali: (x) => `নতুন পাসওয়ার্ড হলো ${x}`,
  Portuguese: (x) => `troquei a senha do roteador para ${x}`,
  Russian: (x) => `поменял пароль от почты на ${x}`,
  Urdu: (x) => `نیا پاس ورڈ ${x} ہے`,
  Indonesian: (x) => `kata sandinya ${x} ya`,
  German: (x) => `Das neue Kennwort vom Gastnetz: ${x}`,
  Japanese: (x) => `新しいパスワードは${x}です`,
  Swahili: (x) => `Nywila mpya ni ${x}`,
  Marathi: (x) => `नवीन पासवर्ड ${x} आहे`,
  Turkish: (x) => `yeni şifremiz ${x} oldu`,
  Tamil: (x) => `புதிய கடவுச்சொல் ${x}`,
  Vietnamese: (x) => `mật khẩu wifi là ${x} nhé`,
  Korean: (x) => `와이파이 비번은 ${x} 이에요`,
  Italian: (x) => `la password del NAS è ${x}`,
  Hausa: (x) => `Sabuwar kalmar sirri ita ce ${x}`,
  Polish: (x) => `hasło do wifi to ${x}`,
  Yoruba: (x) => `Ọ̀rọ̀ aṣínà tuntun ni ${x}`,
  Ukrainian: (x) => `новий пароль від пошти — ${x}`,
  Malayalam: (x) => `പുതിയ പാസ്‌വേഡ് ${x} ആണ്`,
  Amharic: (x) => `አዲሱ የይለፍ ቃል ${x} ነው`,
  Tagalog: (x) => `ang bagong password ay ${x}`
}

const INNOCENT: Readonly<Record<string, Token>> = {
  "chat completion": ({ alnum }) => `"id": "chatcmpl-${alnum(29)}", "object": "chat.completion"`,
  "message of a model": ({ alnum }) => `"id":"msg_01${alnum(22)}","type":"message"`,
  "thread of an assistant": ({ alnum }) => `thread_${alnum(24)} run_${alnum(24)} asst_${alnum(24)}`,
  "checkout session": ({ alnum }) => `https://shop.test/return?session_id=cs_${alnum(8)}`,
  subscription: ({ alnum }) => `sub_1${alnum(23)} renewed for cus_${alnum(14)}`,
  "Kubernetes pod": ({ hex, lower }) => `pod/web-${hex(10)}-${lower(5)} evicted`,
  volume: ({ hex }) => `vol-${hex(17)} attached to i-${hex(17)}`,
  "test function": ({ pick }) =>
    `def test_${pick(["token", "password", "secret"])}_is_rejected_when_it_has_expired(self):`,
  branch: ({ digits }) => `git checkout fix/JIRA-${digits(4)}-rotate-api-key`,
  "css module": ({ alnum }) => `class="Button_primary__${alnum(5)} Card_root__${alnum(5)}"`,
  "translated rule": () => "La contraseña debe tener al menos 12 caracteres. 密码长度不能少于8位。",
  policy: () => "Das Passwort muss alle 90 Tage geändert werden; Пароль истекает через 30 дней.",
  "password field": () => `<input type="password" name="current-password" autocomplete="current-password">`,
  "environment list": () => "Required: DATABASE_URL, SMTP_PASSWORD, API_TOKEN (see .env.example)",
  rotation: ({ digits }) => `rotated key 2026-11-${digits(2)} by ops, ticket ${digits(6)}`,
  "S3 url": ({ hex }) => `s3://backups/db/${hex(12)}/full.dump.zst`,
  "yaml anchor": () => "password: *db-password\ntoken: &token-ref",
  "shell default": () => 'PASSWORD="${DB_PASSWORD:?must be set}"',
  mask: () => "Authorization: Bearer ****************3f9a",
  sentence: () => "He logged in with a wrong password 3 times on 2026-11-30 and was locked out for 15 minutes."
}

const AROUND: ReadonlyArray<(token: string) => string> = [
  (token) => `{"level":"error","msg":"upstream said no","sent":"${token}","attempt":2}`,
  (token) => `hm, it only works with ${token} and not with mine`
]

/** A text with the secret in it, by its group. */
export interface PublishedSecret {
  readonly group: string
  readonly text: string
  readonly secret: string
}

const carry = (group: string, kinds: Readonly<Record<string, Carry>>): ReadonlyArray<PublishedSecret> =>
  Object.entries(kinds).flatMap(([kind, say]) =>
    Array.from({ length: 2 }, (_, nth) => {
      const secret = makeDraw(`fourth ${kind} ${nth}`).password()
      return {
        group,
        text: say(secret),
        secret: kind === "Docker config" ? Buffer.from(`ann:${secret}`).toString("base64") : secret
      }
    })
  )

/** Two draws of each kind. */
export const PUBLISHED: ReadonlyArray<PublishedSecret> = [
  ...Object.entries(TOKENS).flatMap(([kind, make]) =>
    AROUND.map((say, nth) => {
      const secret = make(makeDraw(`fourth ${kind} ${nth}`))
      return { group: "tokens, unnamed", text: say(secret), secret }
    })
  ),
  ...carry("commands and statements", COMMANDS),
  ...carry("files", FILES),
  ...carry("sentences", SENTENCES)
]

/** Five draws of each kind; one of a kind that draws nothing. */
export const PUBLISHED_INNOCENTS: ReadonlyArray<string> = Array.from(
  new Set(
    Object.entries(INNOCENT).flatMap(([kind, make]) =>
      Array.from({ length: 5 }, (_, nth) => make(makeDraw(`fourth innocent ${kind} ${nth}`)))
    )
  )
)
