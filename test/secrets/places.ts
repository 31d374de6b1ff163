/** Files, requests and programs in which something beside the secret says that it is one. */
import type { Draw } from "./draw.ts"

/** Writes a text around a secret, which has to be in it as it is. */
export type Write = (secret: string, draw: Draw) => string

/** Places of passwords. */
export const PASSWORDS: Readonly<Record<string, Write>> = {
  "log4j properties": (x) => `log4j.appender.mail.SMTPPassword=${x}`,
  "hibernate xml": (x) => `<property name="hibernate.connection.password">${x}</property>`,
  "tomcat users": (x) => `<user username="admin" password="${x}" roles="manager-gui"/>`,
  "JDBC Oracle": (x) => `jdbc:oracle:thin:scott/${x}@//db.test:1521/ORCL`,
  "JDBC SQL Server": (x) => `jdbc:sqlserver://db.test;databaseName=a;user=sa;password=${x};encrypt=true`,
  "my.cnf section": (x) => `[mysqldump]\nuser = backup\npassword = "${x}"\n`,
  muttrc: (x) => `set smtp_pass = "${x}"`,
  msmtprc: (x) => `account mail\nuser bob@mail.test\npassword ${x}\n`,
  fetchmailrc: (x) => `poll mail.test proto IMAP user "bob" password "${x}"`,
  "netrc one line": (x) => `machine git.test login deploy password ${x}`,
  pgpass: (x) => `pg.test:5432:*:replicator:${x}`,
  "Ansible inventory": (x) => `web1 ansible_user=ops ansible_password=${x}`,
  "Ansible become": (x) => `ansible_become_password: ${x}`,
  "Terraform variable": (x) => `variable "db_password" {\n  default = "${x}"\n}`,
  "Terraform resource": (x) => `  master_password      = "${x}"`,
  "Helm values": (x) => `postgresql:\n  auth:\n    postgresPassword: ${x}`,
  "Kubernetes stringData": (x) => `kind: Secret\nmetadata:\n  name: db\nstringData:\n  DB_PASS: ${x}`,
  "Compose environment list": (x) => `environment:\n  - MARIADB_ROOT_PASSWORD=${x}\n  - TZ=UTC`,
  "systemd unit": (x) => `[Service]\nEnvironment="BACKUP_PASSPHRASE=${x}"`,
  "Dockerfile argument": (x) => `ARG NEXUS_PASSWORD=${x}`,
  "Jenkins withEnv": (x) => `withEnv(['DEPLOY_PASSWORD=${x}']) {`,
  "GitLab variables": (x) => `variables:\n  MYSQL_PASSWORD: "${x}"`,
  "SQL Server login": (x) => `CREATE LOGIN app WITH PASSWORD = N'${x}';`,
  "MySQL account": (x) => `ALTER USER 'root'@'localhost' IDENTIFIED WITH caching_sha2_password BY '${x}';`,
  "MySQL grant": (x) => `GRANT ALL ON app.* TO 'app'@'%' IDENTIFIED BY '${x}';`,
  "Oracle account": (x) => `CREATE USER app IDENTIFIED BY "${x}";`,
  "Redis configuration": (x) => `requirepass ${x}`,
  "Redis replica": (x) => `masterauth ${x}`,
  "Mongo shell": (x) => `db.createUser({ user: "app", pwd: "${x}", roles: [] })`,
  "RabbitMQ configuration": (x) => `default_pass = ${x}`,
  "Elastic configuration": (x) => `output.elasticsearch:\n  username: elastic\n  password: "${x}"`,
  "Java call": (x) => `DriverManager.getConnection(url, "app", "${x}");`,
  "Java setter": (x) => `dataSource.setPassword("${x}");`,
  "C# connection": (x) => `var s = "Data Source=db;User ID=sa;Pwd=${x}";`,
  "Go dsn": (x) => `dsn := "host=db user=app password=${x} dbname=app sslmode=disable"`,
  "Python keyword": (x) => `smtplib.SMTP("m").login(user="bob", password="${x}")`,
  "Python environment": (x) => `os.environ["DB_PASSWORD"] = "${x}"`,
  "Node environment": (x) => `process.env.SMTP_PASSWORD = '${x}'`,
  "PHP constant": (x) => `const DB_PASSWORD = '${x}';`,
  "PHP array": (x) => `'db' => ['user' => 'app', 'pass' => '${x}'],`,
  "Ruby symbol": (x) => `ActiveRecord::Base.establish_connection(username: "app", password: "${x}")`,
  "Elixir configuration": (x) => `config :app, App.Repo,\n  password: "${x}",`,
  "Rust builder": (x) => `.username("app").password("${x}")`,
  "PowerShell string": (x) => `ConvertTo-SecureString "${x}" -AsPlainText -Force`,
  Cypress: (x) => `cy.get('input[name=password]').type('${x}')`,
  "Playwright by label": (x) => `await page.getByLabel("Password").fill("${x}")`,
  Selenium: (x) => `driver.findElement(By.name("passwd")).sendKeys("${x}");`,
  "browser tool": (x) => JSON.stringify({ ref: "e7", element: "Password textbox", text: x, submit: true }),
  "browser form": (x) => JSON.stringify({ fields: [{ name: "Password", type: "textbox", value: x }] }),
  "computer tool after a click": (x) => `clicked "Password"\ntyped "${x}"`,
  "JSON pair of columns": (x) => JSON.stringify({ columns: ["user", "password"], rows: [["ann", x]] }),
  CSV: (x) => `email,password,role\nann@mail.test,${x},admin`,
  "CSV with quotes": (x) => `"email","password"\n"ann@mail.test","${x}"`,
  TSV: (x) => `user\tpassword\nann\t${x}`,
  "Markdown table": (x) => `| Service | Login | Password |\n|---|---|---|\n| Wiki | ann | ${x} |`,
  "Markdown row": (x) => `| **Password** | \`${x}\` |`,
  "SQL insert": (x) => `INSERT INTO users (email, password) VALUES ('ann@mail.test', '${x}');`,
  "HTML table": (x) => `<tr><th>Password</th><td>${x}</td></tr>`,
  "HTML input": (x) => `<input name="user_password" type="password" value="${x}">`,
  form: (x) => `user%5Bemail%5D=ann&user%5Bpassword%5D=${encodeURIComponent(x)}`,
  "HTTP basic in a URL": (x) => `http://ann:${encodeURIComponent(x)}@nas.test/dav`,
  "SMB URL": (x) => `smb://ann:${encodeURIComponent(x)}@nas.test/share`,
  "MongoDB URL": (x) => `mongodb://root:${encodeURIComponent(x)}@m1.test,m2.test/admin?replicaSet=r`,
  "Redis URL": (x) => `rediss://default:${encodeURIComponent(x)}@cache.test:6380`,
  "AMQP URL": (x) => `amqps://svc:${encodeURIComponent(x)}@mq.test/vhost`,
  "LDAP bind": (x) => `bindDN: cn=admin\nbindPassword: ${x}`,
  "Wi-Fi file": (x) => `network={\n  ssid="lab"\n  psk="${x}"\n}`,
  NetworkManager: (x) => `[wifi-security]\nkey-mgmt=wpa-psk\npsk=${x}`,
  "Windows answer file": (x) => `<AdministratorPassword><Value>${x}</Value></AdministratorPassword>`,
  preseed: (x) => `d-i passwd/root-password password ${x}`,
  "cloud-init": (x) => `chpasswd:\n  list: |\n    ubuntu:${x}`,
  kickstart: (x) => `rootpw --plaintext ${x}`,
  "keystore properties": (x) => `keystore.storepass=${x}`,
  "Gradle signing": (x) => `storePassword '${x}'`,
  "Android key": (x) => `keyPassword=${x}`,
  "log pair": (x) => `level=info msg="bind ok" user=svc pass=${x} took=3ms`,
  "Python dictionary": (x) => `{'login': 'ann', 'passwd': '${x}', 'otp': None}`,
  "Swift struct": (x) => `Credentials(login: "ann", password: "${x}")`,
  "environment abbreviation": (x) => `FTP_PW=${x}`,
  "pw in YAML": (x) => `ftp:\n  login: ann\n  pw: ${x}`,
  "pwd in JSON": (x) => JSON.stringify({ usr: "ann", pwd: x }),
  "secret answer": (x) => `wp_set_password( '${x}', 1 );`
}

/** Places of keys, tokens and other opaque values. */
export const KEYS: Readonly<Record<string, (draw: Draw) => readonly [secret: string, text: string]>> = {
  "vendor key variable": ({ hex }) => pair(hex(32), (x) => `MISTRAL_KEY=${x}`),
  "Azure search variable": ({ alnum }) => pair(alnum(52), (x) => `AZURE_SEARCH_KEY="${x}"`),
  "Cognitive Services header": ({ hex }) => pair(hex(32), (x) => `Ocp-Apim-Subscription-Key: ${x}`),
  "Algolia header": ({ hex }) => pair(hex(32), (x) => `X-Algolia-API-Key: ${x}`),
  "function key": ({ url64 }) => pair(`${url64(54)}==`, (x) => `https://f.azurewebsites.net/api/run?code=${x}`),
  "maps key": ({ url64 }) => pair(url64(39), (x) => `https://geo.test/json?address=Bonn&key=${x}`),
  "app id and key": ({ hex }) => pair(hex(32), (x) => `https://w.test/2.5?q=Bonn&appid=${x}`),
  "signed link": ({ hex }) => pair(hex(64), (x) => `https://s.test/o/f?X-Amz-Credential=a&X-Amz-Signature=${x}`),
  "Google signed link": ({ hex }) => pair(hex(256), (x) => `https://g.test/b/f?X-Goog-Signature=${x}`),
  "shared access": ({ base64 }) =>
    pair(encodeURIComponent(`${base64(43)}=`), (x) => `https://a.test/c?sp=r&se=2026&sig=${x}`),
  "bus connection": ({ base64 }) =>
    pair(`${base64(43)}=`, (x) => `Endpoint=sb://b.test/;SharedAccessKeyName=send;SharedAccessKey=${x}`),
  "storage connection": ({ base64 }) => pair(`${base64(86)}==`, (x) => `AccountName=blobs;AccountKey=${x};`),
  "session cookie": ({ url64 }) => pair(url64(40), (x) => `Cookie: locale=de; _app_session=${x}; theme=dark`),
  "Set-Cookie": ({ alnum }) => pair(alnum(32), (x) => `set-cookie: JSESSIONID=${x}; Path=/; HttpOnly`),
  "cookie of a command": ({ url64 }) => pair(url64(40), (x) => `curl --cookie "sid=${x}" https://a.test`),
  "cookie in JSON": ({ alnum }) => pair(alnum(48), (x) => `{"headers":{"cookie":"session_id=${x}"}}`),
  "bearer in lower case": ({ url64 }) => pair(url64(43), (x) => `authorization: bearer ${x}`),
  "bearer in code": ({ alnum }) => pair(alnum(36), (x) => `headers = {"Authorization": f"Bearer ${x}"}`),
  "Okta scheme": ({ url64 }) => pair(`00${url64(40)}`, (x) => `Authorization: SSWS ${x}`),
  "GenieKey scheme": ({ uuid }) => pair(uuid(), (x) => `Authorization: GenieKey ${x}`),
  "PagerDuty scheme": ({ url64 }) => pair(url64(20), (x) => `Authorization: Token token=${x}`),
  "AWS signature": ({ hex }) =>
    pair(hex(64), (x) => `Authorization: AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=${x}`),
  "basic in lower case": ({ alnum }) =>
    pair(Buffer.from(`svc:${alnum(12)}`).toString("base64"), (x) => `authorization: basic ${x}`),
  "private token header": ({ alnum }) => pair(alnum(26), (x) => `curl --header "PRIVATE-TOKEN: ${x}" https://g.test`),
  "job token header": ({ alnum }) => pair(alnum(26), (x) => `JOB-TOKEN: ${x}`),
  "Vault header": ({ alnum }) => pair(alnum(26), (x) => `X-Vault-Token: ${x}`),
  "hook secret": ({ alnum }) => pair(alnum(40), (x) => `"webhookSecret": "${x}"`),
  "signing secret": ({ hex }) => pair(hex(32), (x) => `SLACK_SIGNING_SECRET=${x}`),
  "client secret": ({ url64 }) => pair(url64(40), (x) => `client_id=web&client_secret=${x}&grant_type=code`),
  "OAuth code": ({ url64 }) => pair(url64(43), (x) => `GET /cb?code=${x}&state=q1 HTTP/1.1`),
  "refresh in JSON": ({ url64 }) => pair(url64(64), (x) => `{"refreshToken":"${x}","scope":"all"}`),
  "id token in a fragment": ({ url64 }) => pair(url64(90), (x) => `https://a.test/#access_token=${x}&type=bearer`),
  "reset link": ({ url64 }) => pair(url64(43), (x) => `https://a.test/users/password/edit?reset_password_token=${x}`),
  "invitation link": ({ url64 }) => pair(url64(32), (x) => `https://a.test/invite/accept?invitation_token=${x}`),
  "magic link": ({ hex }) => pair(hex(64), (x) => `https://a.test/auth/magic?token=${x}`),
  "Discord hook": ({ digits, url64 }) => pair(url64(68), (x) => `https://discord.com/api/webhooks/${digits(19)}/${x}`),
  "Zapier hook": ({ lower }) => pair(lower(7), (x) => `https://hooks.zapier.com/hooks/catch/${"4821734"}/${x}/`),
  "Make hook": ({ lower }) => pair(lower(32), (x) => `https://hook.eu1.make.com/${x}`),
  "Rails key base": ({ hex }) => pair(hex(128), (x) => `production:\n  secret_key_base: ${x}`),
  "Laravel key": ({ base64 }) => pair(`${base64(43)}=`, (x) => `APP_KEY=base64:${x}`),
  "WordPress salt": ({ alnum }) => pair(`${alnum(30)}|${alnum(20)}`, (x) => `define('NONCE_SALT', '${x}');`),
  "Phoenix salt": ({ base64 }) => pair(base64(64), (x) => `secret_key_base: "${x}"`),
  "Fernet key": ({ url64 }) => pair(`${url64(43)}=`, (x) => `FERNET_KEY=${x}`),
  "encryption key in YAML": ({ base64 }) => pair(`${base64(43)}=`, (x) => `encryption:\n  key: ${x}`),
  "VAPID key": ({ url64 }) => pair(url64(43), (x) => `VAPID_PRIVATE_KEY=${x}`),
  "kubeconfig key": ({ base64 }) => pair(base64(400), (x) => `    client-key-data: ${x}==`),
  "kubeconfig token": ({ alnum }) => pair(alnum(64), (x) => `- name: ops\n  user:\n    token: ${x}`),
  "WireGuard key": ({ base64 }) => pair(`${base64(43)}=`, (x) => `[Peer]\nPresharedKey = ${x}`),
  "JWK of RSA": ({ url64 }) => pair(url64(342), (x) => `{"kty":"RSA","n":"${"w".repeat(40)}","e":"AQAB","d":"${x}"}`),
  "JWK of a secret": ({ url64 }) => pair(url64(43), (x) => `{"kty":"oct","k":"${x}"}`),
  mnemonic: ({ words }) => pair(words(12).join(" "), (x) => `mnemonic: "${x}"`),
  "recovery phrase": ({ words }) => pair(words(12).join(" "), (x) => `Your recovery phrase is: ${x}`),
  "Ethereum key": ({ hex }) => pair(hex(64), (x) => `DEPLOYER_PRIVATE_KEY=0x${x}`),
  "Ethereum wallet": ({ hex }) => pair(hex(64), (x) => `new ethers.Wallet("0x${x}", provider)`),
  "backup codes": ({ digits }) => pair(`${digits(4)} ${digits(4)}`, (x) => `Backup codes:\n1. ${x}\n2. 5512 8834`),
  authenticator: ({ pick }) =>
    pair(
      Array.from({ length: 16 }, () => pick(Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))).join(""),
      (x) => `otpauth://totp/App:ann?secret=${x}&digits=6`
    ),
  "one time code": ({ digits }) => pair(digits(6), (x) => `Your verification code is ${x}`),
  PIN: ({ digits }) => pair(digits(4), (x) => `the PIN is ${x}`),
  "key in a sentence": ({ alnum }) => pair(alnum(28), (x) => `My key for the weather API is ${x}`),
  "key in RSA armour": ({ base64 }) =>
    pair(base64(64), (x) => armour("RSA PRIVATE KEY", [base64(64), x, base64(64), base64(20)])),
  "key in one line": ({ base64 }) =>
    pair(base64(64), (x) => `key: "${armour("PRIVATE KEY", [x, base64(64)]).replaceAll("\n", "\\n")}"`),
  "key without its head": ({ base64 }) =>
    pair(
      base64(64),
      (x) => `${base64(64)}\n${x}\n${base64(30)}==\n${armour("OPENSSH PRIVATE KEY", []).split("\n")[1]}`
    ),
  "key in numbered lines": ({ base64 }) =>
    pair(base64(64), (x) =>
      armour("EC PRIVATE KEY", [base64(64), x])
        .split("\n")
        .map((line, i) => `${i + 1}→${line}`)
        .join("\n")
    ),
  "key in a diff": ({ base64 }) =>
    pair(base64(64), (x) =>
      armour("PRIVATE KEY", [x, base64(64)])
        .split("\n")
        .map((line) => `-${line}`)
        .join("\n")
    ),
  "key with file names": ({ base64 }) =>
    pair(base64(64), (x) =>
      armour("PRIVATE KEY", [base64(64), x])
        .split("\n")
        .map((line) => `certs/a.pem:${line}`)
        .join("\n")
    ),
  "PuTTY key": ({ base64 }) => pair(base64(64), (x) => `Private-Lines: 2\n${x}\n${base64(20)}\nPrivate-MAC: 00`),
  "password hash": ({ alnum }) => pair(alnum(53), (x) => `ann:$2y$10$${x}`),
  "shadow line": ({ alnum }) => pair(alnum(43), (x) => `ann:$y$j9T$${alnum(22)}$${x}:19800:0:99999:7:::`)
}

const pair = (secret: string, write: (secret: string) => string): readonly [string, string] => [secret, write(secret)]

const armour = (label: string, lines: ReadonlyArray<string>): string =>
  [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`].join("\n")
