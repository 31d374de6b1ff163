/**
 * A third, small corpus, written by other words than the first two and measured once, before any rule was written for what
 * it misses: other services, other languages, and other carriers. A carrier is a text that holds a value.
 */
import { makeDraw, type Draw } from "./draw.ts"

type Carry = (value: string, draw: Draw) => string

/** Passwords as generators and people make them, other than those of `Draw.password`. */
const choosePassword = ({ alnum, digits, lower, pick, url64, words }: Draw): string =>
  pick([
    () => `${words(1)[0]?.toUpperCase()}${pick([".", "+", "&", "^"])}${digits(4)}${lower(3)}`,
    () => `${alnum(4)}${pick(["#", "@", "%", ","])}${alnum(7)}${digits(1)}`,
    () => `${lower(4)}-${alnum(4)}7-${lower(4)}`,
    () => `q${url64(20)}8`,
    () => `${words(1).join("")}${pick(["!", "?"])}${digits(2)}${words(1).join("")}`
  ])()

const CONFIGURATION: Readonly<Record<string, Carry>> = {
  "Terraform state": (x) => `"attributes": {"engine": "aurora", "master_password": "${x}", "port": 3306},`,
  "Terraform variables": (x) => `region            = "eu-north-1"\nadmin_password    = "${x}"\n`,
  "Terraform output": (x) => `db_admin_password = "${x}"\nvpc_id = "vpc-0a1b2c"`,
  "container environment": (x) => `        - name: MQTT_PASSWORD\n          value: "${x}"\n        - name: MQTT_HOST`,
  "secret manifest": (x) => `kind: Secret\ntype: Opaque\nstringData:\n  smtp-password: ${x}\n`,
  "secret manifest, base64": (x) => `kind: Secret\ndata:\n  password: ${Buffer.from(x).toString("base64")}\n`,
  "Helm values": (x) => `grafana:\n  adminUser: root\n  adminPassword: ${x}\n`,
  "Helm flag": (x) => `helm upgrade pg bitnami/postgresql --set auth.postgresPassword=${x} --wait`,
  "compose service": (x) => `    environment:\n      MARIADB_ROOT_PASSWORD: ${x}\n`,
  "INI section": (x) => `[smtp]\nhost = mail.test\nuser = noreply\npassword = ${x}\n`,
  "TOML table": (x) => `[registry.acme]\nindex = "https://crates.test"\ntoken = "${x}"\n`,
  "Java properties": (x) => `spring.mail.username=noreply\nspring.mail.password=${x}\n`,
  "XML attribute": (x) => `<dataSource user="sa" password="${x}" maxPool="20"/>`,
  "application setting": (x) => `<add key="SmtpPassword" value="${x}" />`,
  "Maven server": (x) => `<server><id>nexus</id><username>ci</username><password>${x}</password></server>`,
  "property list": (x) => `<key>ApiToken</key>\n<string>${x}</string>`,
  "WordPress settings": (x) => `define( 'DB_PASSWORD', '${x}' );\ndefine( 'DB_HOST', 'localhost' );`,
  "Django settings": (x) => `SECRET_KEY = "${x}${x}"\nDEBUG = False`,
  "Ansible inventory": (x) => `web1 ansible_host=10.0.3.7 ansible_user=ops ansible_ssh_pass=${x}`,
  "Ansible variable": (x) => `vault_db_password: "${x}"\nvault_db_user: app`,
  "WPA supplicant": (x) => `network={\n  ssid="Office"\n  psk="${x}"\n}`,
  "Windows answer file": (x) => `<AdministratorPassword><Value>${x}</Value><PlainText>true</PlainText>`,
  "router configuration": (x) => `username admin privilege 15 password 0 ${x}`,
  "yarn settings": (x) => `npmRegistries:\n  "https://npm.test":\n    npmAuthToken: "${x}"`,
  "npm settings": (x) => `//npm.test/:_authToken=${x}\nalways-auth=true`,
  "pip settings": (x) => `[global]\nindex-url = https://ci:${x}@pypi.test/simple`,
  "netrc, one line": (x) => `machine api.heroku.test login ann@mail.test password ${x}`,
  "netrc, lines": (x) => `machine ftp.test\n  login ann\n  password ${x}\n`,
  "password file of PostgreSQL": (x) => `db3.test:5432:billing:app:${x}`,
  "answers of a form": (x) => `{"username":"ann","currentPassword":"${x}","remember":true}`
}

const CONNECTIONS: Readonly<Record<string, Carry>> = {
  ClickHouse: (x) => `clickhouse://reader:${encodeURIComponent(x)}@ch1.test:9440/events?secure=true`,
  Neo4j: (x) => `neo4j+s://neo4j:${encodeURIComponent(x)}@graph.test:7687`,
  Snowflake: (x) => `snowflake://etl:${encodeURIComponent(x)}@ab12345.eu-west-1/PROD`,
  "message queue": (x) => `amqps://svc:${encodeURIComponent(x)}@mq.test:5671/%2Forders`,
  ODBC: (x) => `DRIVER={ODBC Driver 18};SERVER=sql1;UID=sa;PWD=${x};Encrypt=yes`,
  ".NET": (x) => `connectionString="Data Source=sql2;Initial Catalog=Crm;User ID=crm;Password=${x};MARS=true"`,
  JDBC: (x) => `jdbc:mariadb://db4.test/shop?user=shop&password=${encodeURIComponent(x)}`,
  "key words of libpq": (x) => `psql "host=db5.test dbname=app user=app password=${x} sslmode=require"`,
  Cosmos: (_, { base64 }) => `AccountEndpoint=https://c.documents.test:443/;AccountKey=${base64(86)}==;`,
  "service bus": (_, { base64 }) =>
    `Endpoint=sb://b.servicebus.test/;SharedAccessKeyName=Root;SharedAccessKey=${base64(43)}=`,
  "Redis without a user": (x) => `REDIS_URL=rediss://:${encodeURIComponent(x)}@cache.test:6380/0`,
  LDAP: (x) => `ldap_bind_dn: cn=svc,dc=test\nldap_bind_password: ${x}`
}

const SHELLS: Readonly<Record<string, Carry>> = {
  "docker run": (x) => `docker run -d --name mq -e RABBITMQ_DEFAULT_PASS=${x} -p 5672:5672 rabbitmq:3`,
  "docker build": (x) => `docker build --build-arg NPM_TOKEN=${x} -t web .`,
  "PowerShell variable": (x) => `PS C:\\> $password = '${x}'\nPS C:\\> Connect-Server -Name s1`,
  "PowerShell environment": (x) => `$env:DEPLOY_TOKEN = "${x}"`,
  "PowerShell secure string": (x) => `$s = ConvertTo-SecureString '${x}' -AsPlainText -Force`,
  "PowerShell parameter": (x) => `New-LocalUser -Name ops -Password (ConvertTo-SecureString "${x}" -AsPlainText)`,
  batch: (x) => `@echo off\r\nset DB_PASSWORD=${x}\r\ncall deploy.bat`,
  setx: (x) => `setx PUBLISH_TOKEN ${x} /M`,
  cmdkey: (x) => `cmdkey /add:files1 /user:CORP\\ann /pass:${x}`,
  "trace of a CI job": (x) => `[deploy] + export SONAR_TOKEN=${x}\n[deploy] + ./scan.sh`,
  "group of a CI log": (x) => `##[group]Run ./publish\nenv:\n  REGISTRY_PASSWORD: ${x}\n##[endgroup]`,
  "git remote": (x) => `git remote set-url origin https://oauth2:${encodeURIComponent(x)}@git.test/acme/web.git`,
  "PostgreSQL from a shell": (x) => `PGPASSWORD='${x}' pg_dump -h db6.test -U app app > app.sql`,
  "MySQL dump": (x) => `mysqldump --user=root --password=${x} --all-databases`,
  "mount of a share": (x) => `mount -t cifs //nas/share /mnt -o username=ann,password=${x},vers=3.0`,
  "IPMI tool": (x) => `ipmitool -I lanplus -H 10.0.9.4 -U admin -P ${x} power status`,
  "network manager": (x) => `nmcli device wifi connect Office password ${x}`,
  "GPG passphrase": (x) => `gpg --batch --passphrase "${x}" --decrypt backup.gpg`,
  "platform variable": (x) => `heroku config:set MAILER_PASSWORD=${x} --app shop`,
  "platform secret": (x) => `fly secrets set SESSION_SECRET=${x}`,
  "header of a request": (_, { alnum }) => `curl -s https://api.test/v2/me -H 'X-Api-Key: ${alnum(40)}'`,
  "header of GitLab": (_, { url64 }) => `curl --header "PRIVATE-TOKEN: ${url64(26)}" https://git.test/api/v4/user`,
  "query of a request": (_, { hex }) => `GET /v1/series?api_key=${hex(32)}&from=0 HTTP/1.1`,
  "access token in a query": (_, { url64 }) => `https://graph.test/me?access_token=${url64(60)}&fields=id`,
  "cookie with a web token": (_, { url64 }) =>
    `Cookie: theme=dark; auth=${Buffer.from('{"alg":"HS512"}').toString("base64url")}.${Buffer.from('{"sub":"7","role":"ops"}').toString("base64url")}.${url64(86)}`,
  "set cookie": (_, { alnum }) => `Set-Cookie: sid=${alnum(40)}; Path=/; HttpOnly; Secure`,
  "password hash of a server": (_, { alnum }) => `ann:$apr1$${alnum(8)}$${alnum(22)}`,
  "WireGuard peer": (_, { base64 }) => `[Interface]\nAddress = 10.8.0.2/24\nPrivateKey = ${base64(43)}=`
}

const CODE: Readonly<Record<string, Carry>> = {
  "Python client": (_, { alnum }) => `client = Client(api_key="${alnum(32)}", timeout=30)`,
  "Python authentication": (x) => `requests.get(url, auth=HTTPBasicAuth("ann", password="${x}"))`,
  Go: (_, { alnum }) => `os.Setenv("STORAGE_SECRET", "${alnum(30)}")`,
  Ruby: (x) => `ActionMailer::Base.smtp_settings = { user_name: "ann", password: "${x}" }`,
  PHP: (x) => `$config['db']['password'] = '${x}';`,
  "C#": (x) => `var options = new SmtpOptions { User = "ann", Password = "${x}" };`,
  Elixir: (_, { base64 }) => `config :web, WebWeb.Endpoint, secret_key_base: "${base64(64)}"`,
  Rust: (x) => `let password = String::from("${x}");`,
  Kotlin: (x) => `signingConfigs { create("release") { storePassword = "${x}" } }`,
  SQL: (x) => `ALTER ROLE reporting WITH LOGIN PASSWORD '${x}';`
}

const SENTENCES: Readonly<Record<string, Carry>> = {
  Icelandic: (x) => `Lykilorðið er ${x}, ekki deila því.`,
  Basque: (x) => `Pasahitza hau da: ${x}`,
  Galician: (x) => `O contrasinal é ${x}`,
  Afrikaans: (x) => `Die wagwoord is ${x}`,
  Albanian: (x) => `Fjalëkalimi është ${x}`,
  Irish: (x) => `Is é ${x} an focal faire`,
  Welsh: (x) => `Y cyfrinair yw ${x}`,
  Lithuanian: (x) => `Slaptažodis: ${x}`,
  Slovenian: (x) => `Geslo je ${x}`,
  Serbian: (x) => `Лозинка је ${x}`,
  Macedonian: (x) => `Лозинката е ${x}`,
  Georgian: (x) => `პაროლი არის ${x}`,
  Armenian: (x) => `Գաղտնաբառը՝ ${x}`,
  Kazakh: (x) => `Құпия сөз: ${x}`,
  Urdu: (x) => `پاس ورڈ: ${x}`,
  Tamil: (x) => `கடவுச்சொல்: ${x}`,
  Telugu: (x) => `పాస్‌వర్డ్: ${x}`,
  Nepali: (x) => `पासवर्ड ${x} हो`,
  Esperanto: (x) => `La pasvorto estas ${x}`,
  "English, chat": (x) => `ok so for staging use ann / ${x}, password expires friday`,
  "English, ticket": (x) => `Customer wrote: "my password (${x}) does not work since Monday"`
}

const vendors: Readonly<Record<string, (draw: Draw) => string>> = {
  Mollie: ({ alnum }) => `live_${alnum(30)}`,
  Zuplo: ({ hex }) => `zpka_${hex(32)}_${hex(8)}`,
  Unkey: ({ alnum }) => `unkey_${alnum(22)}`,
  ElevenLabs: ({ hex }) => `sk_${hex(48)}`,
  "Val Town": ({ alnum }) => `vtwn_${alnum(27)}`,
  Mapbox: ({ alnum, url64 }) => `sk.eyJ1Ijoi${alnum(60)}.${url64(22)}`,
  Liveblocks: ({ url64 }) => `sk_prod_${url64(64)}`,
  Tinybird: ({ alnum, url64 }) => `p.eyJ1Ijoi${alnum(80)}.${url64(43)}`,
  Depot: ({ hex }) => `depot_org_${hex(50)}`,
  Persona: ({ uuid }) => `persona_production_${uuid()}`,
  Warp: ({ hex }) => `wk-1.${hex(64)}`,
  Adafruit: ({ alnum }) => `aio_${alnum(28)}`,
  Linear: ({ alnum }) => `lin_api_${alnum(40)}`,
  Figma: ({ url64 }) => `figd_${url64(40)}`,
  Pulumi: ({ hex }) => `pul-${hex(40)}`,
  Netlify: ({ alnum }) => `nfp_${alnum(36)}`,
  Replicate: ({ alnum }) => `r8_${alnum(37)}`,
  PostHog: ({ alnum }) => `phx_${alnum(43)}`,
  Buildkite: ({ hex }) => `bkua_${hex(40)}`,
  Notion: ({ alnum, digits }) => `ntn_${digits(11)}${alnum(35)}`,
  Svix: ({ base64 }) => `whsec_${base64(32)}`,
  Nomic: ({ url64 }) => `nk-${url64(43)}`,
  Chroma: ({ alnum }) => `ck-${alnum(44)}`,
  Langfuse: ({ uuid }) => `sk-lf-${uuid()}`
}

const INNOCENT: Readonly<Record<string, (draw: Draw) => string>> = {
  "resource of a state": ({ hex }) =>
    `"id": "sg-${hex(17)}", "lineage": "${hex(8)}-${hex(4)}-${hex(4)}-${hex(4)}-${hex(12)}"`,
  "serial of a state": ({ digits }) => `"version": 4, "serial": ${digits(3)}, "terraform_version": "1.9.8"`,
  "secret reference": ({ pick }) => `valueFrom:\n  secretKeyRef:\n    name: db-${pick(["a", "b"])}\n    key: password`,
  "existing secret": ({ lower }) => `existingSecret: shop-${lower(5)}\npasswordKey: admin-password`,
  "config map checksum": ({ hex }) => `checksum/config: ${hex(64)}`,
  "resource version": ({ digits, uuid }) => `resourceVersion: "${digits(9)}"\nuid: ${uuid()}`,
  "node name": ({ lower }) => `node: ip-10-0-3-7.ec2.internal pod: api-${lower(9)}-${lower(5)}`,
  "image tag": ({ hex }) => `image: registry.test/shop/web:2026.11.${hex(7)}`,
  "layer of an image": ({ hex }) => `${hex(12)}: Pull complete\nDigest: sha256:${hex(64)}`,
  "build step": ({ hex }) => `#12 exporting manifest list sha256:${hex(64)} 0.1s done`,
  "container id": ({ hex }) => `CONTAINER ID ${hex(12)}  web  "node server.js"  Up 3 hours`,
  "run of a workflow": ({ digits }) => `https://github.com/acme/web/actions/runs/${digits(11)}/job/${digits(11)}`,
  "masked by CI": () => `env:\n  NPM_TOKEN: ***\n  GH_TOKEN: ***`,
  "secret of a workflow": ({ pick }) => `password: \${{ secrets.${pick(["REGISTRY", "NEXUS", "QUAY"])}_PASSWORD }}`,
  "group of a log": ({ digits }) => `##[group]Determining the checkout info ${digits(4)}`,
  "cache of a job": ({ hex }) => `Cache hit for restore-key: Linux-pnpm-${hex(64)}`,
  artifact: ({ digits }) =>
    `Artifact coverage has been successfully uploaded! Final size is ${digits(7)} bytes. ID ${digits(9)}`,
  "revision of Helm": ({ digits }) =>
    `REVISION ${digits(2)}  superseded  postgresql-15.5.${digits(2)}  Install complete`,
  "lock of Terraform": ({ base64, hex }) => `hashes = [\n  "h1:${base64(43)}=",\n  "zh:${hex(64)}",\n]`,
  "lock of Nix": ({ base64 }) => `"narHash": "sha256-${base64(43)}=",`,
  "lock of Poetry": ({ hex }) => `{file = "attrs-25.1.0.tar.gz", hash = "sha256:${hex(64)}"},`,
  "lock of Gradle": ({ hex }) => `<sha256 value="${hex(64)}" origin="Generated by Gradle"/>`,
  "integrity of a script": ({ base64 }) => `<script src="/a.js" integrity="sha384-${base64(64)}" crossorigin></script>`,
  "hash of a bundle": ({ alnum }) => `dist/assets/vendor-${alnum(8)}.js  182.31 kB │ gzip: 58.02 kB`,
  "request of AWS": ({ alnum, uuid }) => `x-amzn-requestid: ${uuid()} x-amz-id-2: ${alnum(40)}`,
  "queue of AWS": ({ digits }) => `https://sqs.eu-west-1.amazonaws.com/${digits(12)}/token-refresh`,
  "trace header": ({ hex }) => `traceparent: 00-${hex(32)}-${hex(16)}-01`,
  "ray of Cloudflare": ({ hex }) => `cf-ray: ${hex(16)}-FRA`,
  "object of MongoDB": ({ hex }) => `{ _id: ObjectId("${hex(24)}"), tokens: 12 }`,
  "snowflake id": ({ digits }) => `message ${digits(19)} in channel ${digits(18)}`,
  ULID: ({ upper }) => `01J${upper(23)} accepted`,
  "nano id": ({ url64 }) => `room/${url64(21)} joined`,
  order: ({ digits, upper }) => `Order ${upper(3)}-${digits(6)} shipped with ${digits(12)}`,
  "payment id": ({ alnum }) => `pi_3${alnum(23)} succeeded, ch_3${alnum(23)}, cus_${alnum(14)}`,
  invoice: ({ alnum }) => `in_1${alnum(23)} paid, prod_${alnum(14)}, txn_1${alnum(23)}`,
  "model answer": ({ alnum, hex }) =>
    `"id": "resp_${hex(48)}", "previous_response_id": "resp_${hex(48)}", "item": "rs_${alnum(30)}"`,
  "batch of a model": ({ alnum }) => `batch_${alnum(24)} file-${alnum(22)} vs_${hexLike(alnum(24))}`,
  "call of a tool": ({ alnum }) => `{"type":"tool_use","id":"toolu_01${alnum(22)}","name":"read"}`,
  usage: ({ digits }) =>
    `"prompt_tokens": ${digits(4)}, "completion_tokens": ${digits(3)}, "total_tokens": ${digits(5)}`,
  "publishable key": ({ alnum }) => `pk_live_${alnum(24)} is public`,
  "measurement id": ({ upper }) => `gtag("config", "G-${upper(10)}")`,
  "site key": ({ pick }) => `data-sitekey-name="${pick(["login", "signup"])}" data-theme="light"`,
  "DSN without a password": ({ digits }) => `postgresql://app@db.test:5432/app?application_name=job${digits(2)}`,
  "DSN by socket": () => "postgresql:///app?host=/var/run/postgresql",
  "JDBC without a password": ({ digits }) => `jdbc:oracle:thin:@//ora${digits(1)}.test:1521/XEPDB1`,
  "integrated security": () => "Server=sql1;Database=Crm;Integrated Security=true;TrustServerCertificate=yes",
  "netrc without a value": () => "machine api.test login ann password-file ~/.secret",
  "environment reference": ({ pick }) => `password = os.environ["${pick(["DB", "MQ"])}_PASSWORD"]`,
  "PowerShell prompt": () => "$password = Read-Host -Prompt 'Password' -AsSecureString",
  "PowerShell cmdlet": () => "Get-Credential -UserName ann | Export-Clixml cred.xml",
  "batch prompt": () => "set /p DB_PASSWORD=Enter password: ",
  "batch reference": () => 'if "%API_TOKEN%"=="" exit /b 1',
  "XML without a value": () => `<property name="password" value="\${db.password}"/>`,
  "XML schema": () => `<xs:element name="password" type="xs:string" minOccurs="0"/>`,
  "property list of a type": () => "<key>NSPasswordDomain</key>\n<string>login</string>",
  "TOML type": () => `token = { type = "string", env = "ACME_TOKEN" }`,
  "INI comment": () => "; password = set by the installer\nuser = app",
  "Ansible lookup": () => `db_password: "{{ lookup('env', 'DB_PASSWORD') }}"`,
  "Ansible vault file": ({ digits }) => `$ANSIBLE_VAULT;1.1;AES256 written by ansible ${digits(2)}`,
  "Compose secret": () => "secrets:\n  db_password:\n    file: ./secrets/db_password.txt",
  "Go tag": () => 'Token string `yaml:"token" env:"APP_TOKEN,required"`',
  "Rust field": () => "pub password: SecretString,\npub api_key: Option<ApiKey>,",
  "Kotlin property": () => `storePassword = keystoreProperties["storePassword"] as String`,
  "Swift code": () => "let token = try await keychain.string(for: .accessToken)",
  "Ruby code": () => "token = SecureRandom.hex(32)",
  "Python code": () => "password = getpass.getpass(prompt='Password: ')",
  "C# code": () => "var token = await tokenService.GetAccessTokenAsync(cancellationToken);",
  "SQL code": () => "SELECT password_changed_at, token_count FROM users WHERE api_key_id = $2;",
  "SQL grant": () => "CREATE ROLE reporting LOGIN; -- password is set by the operator",
  "test title": () => `it("rejects a password shorter than 12 characters", async () => {`,
  translation: () => `"auth.password.tooShort": "Password is too short"`,
  "error of a form": () => "ValidationError: password: must contain 1 digit and 1 symbol",
  "HTTP challenge": () => `WWW-Authenticate: Bearer realm="api", error="invalid_token"`,
  "header names": () => "Access-Control-Allow-Headers: Authorization, X-Api-Key, Content-Type",
  "cookie names": () => "Set-Cookie: theme=dark; Path=/; SameSite=Lax",
  "cookie code": () => `document.cookie = "consent=accepted; max-age=31536000"`,
  "help of a program": () => "  -p, --password <password>   password of the user (or $APP_PASSWORD)",
  "usage of a program": () => "usage: login [-h] --user USER [--password PASSWORD] host",
  "man page": () => "--passphrase-file file: read the passphrase from file",
  licence: ({ digits }) => `Copyright (c) ${digits(4)} the authors; licence key: MIT`,
  "keyboard map": () => `{ "key": "ctrl+shift+p", "command": "workbench.action.showCommands" }`,
  "object key": ({ hex }) => `s3://logs/2026/11/30/${hex(8)}-${hex(4)}.json.gz`,
  "key of a cache": ({ digits }) => `redis GET session:${digits(7)} ttl=3600`,
  "key of a map": ({ pick }) => `key: "${pick(["shipping", "billing"])}.address.line1"`,
  "primary key": () => "PRIMARY KEY (tenant_id, user_id), FOREIGN KEY (token_id) REFERENCES tokens(id)",
  "public key": ({ base64 }) => `PublicKey = ${base64(43)}=\nAllowedIPs = 10.8.0.0/24`,
  "host key": ({ base64 }) => `[git.test]:2222 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${base64(43)}`,
  fingerprint: ({ hex }) => `SHA256 Fingerprint=${Array.from({ length: 20 }, () => hex(2).toUpperCase()).join(":")}`,
  "serial number": ({ hex }) => `Serial Number: ${Array.from({ length: 16 }, () => hex(2)).join(":")}`,
  "checksum line": ({ hex }) => `${hex(64)}  throughline-0.1.0.tgz`,
  "git log": ({ hex }) => `${hex(9)} (HEAD -> main) Rotate the deploy token`,
  "git diff": ({ hex }) => `index ${hex(7)}..${hex(7)} 100644\n--- a/src/token.ts`,
  "git tree": ({ hex }) => `tree ${hex(40)}\nparent ${hex(40)}`,
  "stack trace": ({ digits }) => `at verifyToken (src/auth/token.ts:${digits(2)}:${digits(2)})`,
  "memory address": ({ hex }) => `0x0000${hex(12)} <password_hash+${digits2(hex(2))}>`,
  "MAC address": ({ hex }) => `ether ${Array.from({ length: 6 }, () => hex(2)).join(":")} txqueuelen 1000`,
  IPv6: ({ hex }) => `2001:db8:${hex(4)}:${hex(4)}::${hex(4)}/64`,
  phone: ({ digits }) => `call +49 30 ${digits(8)} or ext. ${digits(3)}`,
  flight: ({ digits, upper }) => `booking ${upper(6)}, flight LH${digits(3)}, gate B${digits(2)}`,
  meeting: ({ digits }) => `Meeting ID: ${digits(3)} ${digits(4)} ${digits(4)}`,
  Afrikaans: () => "Die wagwoord moet minstens 12 karakters lank wees.",
  Serbian: () => "Лозинка мора имати најмање 12 знакова.",
  Icelandic: () => "Lykilorðið er útrunnið.",
  Lithuanian: () => "Slaptažodis yra privalomas",
  Tamil: () => "கடவுச்சொல் தேவை",
  Urdu: () => "پاس ورڈ درکار ہے",
  chat: () => "can you send me the password? no, use the vault, it rotates daily",
  ticket: ({ digits }) => `JIRA-${digits(4)}: password reset mail arrives twice`
}

const hexLike = (text: string): string => text.replaceAll(/[^0-9a-f]/g, "b")
const digits2 = (text: string): string => String(Number.parseInt(text, 16))

/** A text with the secret in it, by its group and kind. */
export interface CarriedSecret {
  readonly group: string
  readonly kind: string
  readonly text: string
  readonly secret: string
}

/** The secret is the last value that a carrier draws for itself; if it draws none, the password that it is given. */
const draws = (group: string, kinds: Readonly<Record<string, Carry>>, count: number): ReadonlyArray<CarriedSecret> =>
  Object.entries(kinds).flatMap(([kind, carry]) =>
    Array.from({ length: count }, (_, nth) => {
      const seed = `third ${group} ${kind} ${nth}`
      const drawn: Array<string> = []
      const draw = makeDraw(seed)
      const password = choosePassword(draw)
      const note = (make: (n: number) => string) => (n: number) => {
        const made = make(n)
        drawn.push(made)
        return made
      }
      const { alnum, base64, hex, url64 } = draw
      const text = carry(password, {
        ...draw,
        alnum: note(alnum),
        base64: note(base64),
        hex: note(hex),
        url64: note(url64)
      })
      const isBase64 = kind.endsWith("base64")
      const secret = drawn.at(-1) ?? (isBase64 ? Buffer.from(password).toString("base64") : password)
      return { group, kind, text, secret }
    })
  )

const AROUND: ReadonlyArray<(token: string) => string> = [
  (token) => `oh no, I pasted ${token} into the channel`,
  (token) => `--- FAIL: TestUpload (0.31s)\n    upload_test.go:41: sent "${token}"`
]

/** Two draws of each kind. */
export const CARRIED: ReadonlyArray<CarriedSecret> = [
  ...draws("configuration", CONFIGURATION, 2),
  ...draws("connections", CONNECTIONS, 2),
  ...draws("shells and CI", SHELLS, 2),
  ...draws("code", CODE, 2),
  ...draws("sentences", SENTENCES, 2),
  ...Object.entries(vendors).flatMap(([kind, make]) =>
    AROUND.map((say, nth) => {
      const secret = make(makeDraw(`third ${kind} ${nth}`))
      return { group: "tokens, unnamed", kind, text: say(secret), secret }
    })
  )
]

/** Five draws of each kind; one of a kind that draws nothing. */
export const CARRIED_INNOCENTS: ReadonlyArray<string> = Array.from(
  new Set(
    Object.entries(INNOCENT).flatMap(([kind, make]) =>
      Array.from({ length: 5 }, (_, nth) => make(makeDraw(`third innocent ${kind} ${nth}`)))
    )
  )
)
