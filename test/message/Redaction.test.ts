import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { existsSync, readFileSync } from "node:fs"
import { hideNative, type Message } from "../../src/message/Message.ts"
import { redact, redactMessage } from "../../src/message/Redaction.ts"
import { ofWire } from "../support/histories.ts"

/** Put together here, so that no scanner takes this file for a leak. */
const of = (...parts: ReadonlyArray<string>): string => parts.join("")
const ALNUM = "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xYzAbCdEfGhIjKlMnOpQrStUvWxYz0123456789"
const alnum = (n: number): string => ALNUM.repeat(4).slice(0, n)
const hex = (n: number): string => "0f3a9b8c7d6e5f4a3b2c1d0e9f8a7b6c".repeat(4).slice(0, n)
const base64 = (n: number): string =>
  "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJT/Ut8+".repeat(60).slice(0, n)
const pem = (label: string, lineBreak: string): string =>
  [of("-----BEGIN ", label, "-----"), base64(64), base64(64), base64(31), of("-----END ", label, "-----")].join(
    lineBreak
  )

const shaped: ReadonlyArray<readonly [name: string, secret: string]> = [
  ["OpenAI", of("sk-", alnum(48))],
  ["OpenAI project", of("sk-", "proj-", alnum(40), "_-", alnum(20))],
  ["Anthropic", of("sk-", "ant-", "api03-", alnum(80), "-", alnum(6), "AA")],
  ["OpenRouter", of("sk-", "or-v1-", hex(64))],
  ["AWS access key id", of("AK", "IA", "IOSFODNN7", "QWERTYU")],
  ["AWS temporary key id", of("AS", "IA", "IOSFODNN7", "QWERTYU")],
  ["GitHub classic", of("gh", "p_", alnum(36))],
  ["GitHub OAuth", of("gh", "o_", alnum(36))],
  ["GitHub fine-grained", of("github", "_pat_", alnum(22), "_", alnum(59))],
  ["GitLab", of("gl", "pat-", alnum(20))],
  ["Google", of("AI", "za", alnum(35))],
  ["Slack bot", of("xo", "xb-", "123456789012-1234567890123-", alnum(24))],
  ["Slack user", of("xo", "xp-", "123456789012-123456789012-", hex(32))],
  ["Stripe live", of("sk", "_live_", alnum(24))],
  ["Stripe restricted", of("rk", "_live_", alnum(24))],
  ["npm", of("np", "m_", alnum(36))],
  ["Hugging Face", of("hf", "_", alnum(34))],
  ["SendGrid", of("SG", ".", alnum(22), ".", alnum(43))],
  ["Telegram bot", of("123456789", ":AA", alnum(33))],
  ["JWT", of("ey", "J", alnum(20), ".", "eyJ", alnum(40), ".", alnum(43))],
  ["private key", pem("PRIVATE KEY", "\n")],
  ["RSA private key, escaped", pem("RSA PRIVATE KEY", "\\n")],
  ["OpenSSH private key", pem("OPENSSH PRIVATE KEY", "\r\n")]
]

const beginning = (kind: string, value: string, starts: string) =>
  starts.split(" ").map((start): readonly [kind: string, secret: string] => [kind, of(start, value)])

/** One for each beginning a shape may have, so that no hint leaves one out. */
const beginnings = [
  beginning("api key", alnum(35), "sk- xai- gsk_ pplx- AIza GOCSPX- ya29."),
  beginning("api key", alnum(20), "sk-proj- sk-svcacct- sk-admin- sk-None- sk-ant- sk-or- sk-lf-"),
  beginning("aws key", "IOSFODNN7QWERTYU", "AKIA ASIA"),
  beginning("github token", alnum(36), "ghp_ gho_ ghs_ ghu_ ghr_ github_pat_"),
  beginning("gitlab token", alnum(20), "glpat- gldt- glrt- glptt- glsoat- glcbt- glft- glagent-"),
  beginning("slack token", alnum(12), "xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs- xapp-1-"),
  beginning("stripe key", alnum(24), "sk_live_ sk_test_ rk_live_ rk_test_ whsec_"),
  beginning("npm token", alnum(36), "npm_"),
  beginning("token", hex(32), "shpat_ shpca_ shppa_ shpss_"),
  beginning("token", hex(64), "dop_v1_"),
  beginning("token", alnum(40), "hf_ pypi-AgE hvs. lin_api_ dckr_pat_"),
  beginning("sendgrid key", of(alnum(22), ".", alnum(43)), "SG."),
  beginning("telegram token", alnum(33), "123456789:AA"),
  beginning("jwt", of(alnum(20), ".", alnum(40)), "eyJ")
].flat()

const phrase = of("hunter", "2")
const strong = of("Tr0ub4dor", "&3!x")
const opaque = alnum(32)
const basic = Buffer.from(of("alice:", "wonder", "land9")).toString("base64")

/** What surrounds the secret, and the secret itself. */
const placed: ReadonlyArray<readonly [text: string, secret: string]> = [
  [`password=${phrase}`, phrase],
  [`password = "${phrase}"`, phrase],
  [`password: ${phrase}`, phrase],
  [`Password: ${strong}`, strong],
  [`**Password:** ${phrase}`, phrase],
  [`- password: '${strong}'`, strong],
  [`username: bob\npassword: swordfish\nhost: db1`, "swordfish"],
  [`passphrase: "correct horse battery staple"`, "correct horse battery staple"],
  [`password=correct-horse-battery-staple`, "correct-horse-battery-staple"],
  [`export DB_PASSWORD=${strong}`, strong],
  [`DB_PASSWORD=swordfish docker compose up`, "swordfish"],
  [`PGPASSWORD=${phrase} psql -h db1`, phrase],
  [`export TOKEN=${opaque}`, opaque],
  [`JWT_SECRET=supersecretvalue`, "supersecretvalue"],
  [`STRIPE_API_KEY_PROD: ${opaque}`, opaque],
  [`api_key: ${opaque}`, opaque],
  [`apiKey: '${opaque}',`, opaque],
  [`const apiKey: string = "${opaque}"`, opaque],
  [`x-api-key: ${hex(40)}`, hex(40)],
  [`"client_secret": "${opaque}"`, opaque],
  [`{"access_token":"${opaque}","expires_in":3600}`, opaque],
  [`{"password": "${strong}", "user": "bob"}`, strong],
  [`{\\"password\\": \\"${strong}\\", \\"user\\": \\"bob\\"}`, strong],
  [`{\\\\\\"token\\\\\\": \\\\\\"${opaque}\\\\\\"}`, opaque],
  [`{"command":"export TOKEN=${opaque}\\nnpm publish"}`, opaque],
  [`{"password":"back${phrase}\\\\","user":"bob"}`, `back${phrase}`],
  [`password="a\\"b${phrase}"`, `b${phrase}`],
  [`'password' => '${strong}',`, strong],
  [`password := "${strong}"`, strong],
  [`<password>${phrase}</password>`, phrase],
  [`https://api.example.com/v1?user=7&access_token=${opaque}&page=2`, opaque],
  [`grant_type=password&username=bob&password=${phrase}&scope=all`, phrase],
  [`- name: DB_PASSWORD\n  value: ${phrase}`, phrase],
  [`{"name":"API_TOKEN","value":"${opaque}"}`, opaque],
  [`headers.set("X-Api-Key", "${opaque}")`, opaque],
  [`aws_secret_access_key = ${base64(12)}/${alnum(27)}`, `${base64(12)}/${alnum(27)}`],
  [`"SecretAccessKey": "/${alnum(39)}"`, `/${alnum(39)}`],
  [`AccountKey=${base64(40)}==;EndpointSuffix=core.windows.net`, base64(40)],
  [`Server=db1;User Id=sa;Password=${strong};Encrypt=true`, strong],
  [`twilio client: ${of("S", "K", hex(32))}`, of("S", "K", hex(32))],
  [`Authorization: Bearer ${opaque}`, opaque],
  [`curl -H "authorization: bearer ${hex(40)}" https://x.test`, hex(40)],
  [`-H 'Authorization: token ${hex(40)}'`, hex(40)],
  [`{"headers":{"Authorization":"Bearer ${opaque}"}}`, opaque],
  [`{\\"Authorization\\":\\"Basic ${basic}\\"}`, basic],
  [`Authorization: Basic ${basic}`, basic],
  [`"auths":{"ghcr.io":{"auth":"${basic}"}}`, basic],
  [`postgres://app:${strong}@db1:5432/app`, strong],
  [`DATABASE_URL="mysql://root:${phrase}@localhost/app"`, phrase],
  [`redis://:${phrase}@cache:6379`, phrase],
  [`https://bob:p@ss${phrase}@git.example.com/x.git`, `p@ss${phrase}`],
  [`app:${phrase}@tcp(db1:3306)/app`, phrase],
  [`curl -u bob:${phrase} https://x.test`, phrase],
  [`mysqldump --password=${phrase} app`, phrase],
  [`deploy --password ${phrase} --host db1`, phrase],
  [`deploy --admin-password 'swordfish'`, "swordfish"],
  [`gh auth login --token ${opaque}`, opaque],
  [`the root password is ${phrase}, do not tell`, phrase],
  [`My API key is: ${opaque}`, opaque],
  [`machine x login bob password ${strong}`, strong],
  [`ALTER USER x WITH PASSWORD '${phrase}'`, phrase],
  [`ENV API_KEY ${opaque}`, opaque],
  [`sshpass -p '${phrase}' ssh db1`, phrase],
  [`mysql -u root -p${phrase} app`, phrase],
  [`https://hooks.slack.com/services/T0ABCDEFG/B0ABCDEFG/${alnum(24)}`, alnum(24)],
  [`"pass": "${phrase}"`, phrase],
  [`smtp.pass=${phrase}`, phrase],
  [`password = """${phrase}"""`, phrase],
  [`password=b"${phrase}"`, phrase],
  ["password = `" + phrase + "`", phrase],
  [`POSTGRES_PASSWORD=postgres`, "=postgres"],
  [`secret=${of("s3c", "r3t")}`, of("s3c", "r3t")],
  [`Passwort: ${phrase}`, phrase],
  [`пароль: ${phrase}`, phrase],
  [`密码：${phrase}`, phrase],
  [of("-----BEGIN ", "RSA PRIVATE KEY-----\n", base64(64), "\n", base64(64), "\n[truncated]"), base64(64)],
  [
    of("+-----BEGIN ", "PRIVATE KEY-----\n+", base64(64), "\n+", base64(20), "\n+-----END ", "PRIVATE KEY-----"),
    base64(20)
  ]
]

const innocent: ReadonlyArray<string> = [
  `commit ${hex(40)}`,
  `sha256:${hex(64)}`,
  "integrity sha512-" + base64(86) + "==",
  "550e8400-e29b-41d4-a716-446655440000",
  "/usr/local/lib/python3.12/site-packages/secrets/token/password.py",
  "C:\\Users\\bob\\AppData\\keys\\token.json",
  `data:image/png;base64,${base64(400)}`,
  base64(2_000),
  "toolu_017qEkVzz8Wq3mYfR5sT2uXv",
  "call_" + alnum(24),
  "chatcmpl-" + alnum(29),
  "req_" + alnum(24),
  "order #W4817420, payment credit_card_9513926",
  "token: 5",
  "Tokens used: 12345678",
  `"max_tokens": 4096`,
  `"prompt_tokens": 1234567890`,
  `"next_page_token": "${alnum(40)}"`,
  "password: string",
  "readonly password: Redacted.Redacted<string>",
  "interface Login { user: string; password?: string | undefined }",
  "password = Column(String(255))",
  "def login(user: str, password: str) -> Token:",
  "connect(host=host, password=password)",
  "connect(user=user, password=pw)",
  "const password = input.value",
  "password: hashedPassword,",
  "this.password = newPassword",
  "apiKey: process.env.API_KEY",
  `api_key=os.environ["API_KEY"]`,
  "token = getToken()",
  "const token = await refreshAccessToken(user)",
  `if (token.type === "StringLiteralExpression") {`,
  `{ "token": "function", "kind": "keyword" }`,
  `token: "StringLiteralExpression"`,
  "PASSWORD=${PASSWORD}",
  "DB_PASSWORD=$DB_PASSWORD",
  "TOKEN=$(cat token.txt)",
  "postgres://app:${DB_PASSWORD}@db1/app",
  "postgres://app:<password>@db1/app",
  "password: {{ vault_password }}",
  "api_key: <your-api-key>",
  "api_key: YOUR_API_KEY",
  `apiKeyEnv: "OPENAI_API_KEY"`,
  `api_key: "OPENAI_API_KEY"`,
  "export ANTHROPIC_API_KEY=sk-ant-...",
  "OPENAI_API_KEY=sk-...",
  "password: ********",
  `password: "xxxxxxxx"`,
  "password must be at least 12 characters",
  "Password: must contain 1 digit",
  `"password": "Enter your new password"`,
  `"password": "Passwort"`,
  `"password": "Пароль"`,
  "the password is required",
  "the password is sha256-hashed",
  "the password is 8 characters long",
  "passwords are never logged; tokens are rotated every 24h",
  "PASS: 12 tests, FAIL: 0",
  "PASS: test_login2 (0.3s)",
  `{"pass": 1400, "fail": 0}`,
  "password: z.string().min(8)",
  "const password = generatePassword(16)",
  "password VARCHAR(255) NOT NULL",
  "the password field1, the token field2",
  `localStorage.setItem("token", token)`,
  "token: color.primary.500 or --token color-primary-500",
  "the token is invalid_grant_2",
  "account key: primary_2",
  "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbC123",
  `"private_key_id": "0f3a9b8c7d6e5f4a"`,
  "private_key: ./certs/server-1.key",
  "PWD=/home/bob/project",
  "the compass: north",
  "docker run -u 1000:1000 image",
  "docker login [OPTIONS]  --password string   Password",
  "use --password to set it, or --token for CI",
  `secretName: my-db-secret-2`,
  `secret: "my-db-secret"`,
  "fetch(url, { credentials: 'include' })",
  'WWW-Authenticate: Basic realm="site"',
  "Basic authentication and Bearer authentication are supported",
  "Authorization: Bearer <token>",
  "Authorization: Bearer ${accessToken}",
  "bearer-token-authentication-middleware",
  "sk-toggleable__label-arrow sk-estimator-html-repr",
  "scikit: sk-learn, task-force-one-two-three-four-five",
  "https://unpkg.com/react@18.2.0/umd/react.js",
  "http://localhost:3000/@scope/package",
  "git@github.com:owner/repo.git",
  "ssh://git@github.com:22/owner/repo.git",
  "npm_config_registry=http://localhost npm_lifecycle_event=test",
  "grep -r -- '-----BEGIN PRIVATE KEY-----' . | head",
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + alnum(40) + " bob@laptop",
  'colors: { token: "#ff00aa80" }',
  "keyboard: qwerty, monkey=banana",
  ":root { --token-color: #ff00aa; }",
  "SELECT * FROM users WHERE password = :password AND token = ?"
]

describe("Redaction", () => {
  describe("13: secrets stay", () => {
    it.each(shaped)("takes out what has a secret's shape: %s", (_, secret) => {
      for (const text of [secret, `see ${secret} there`, `{"a":"x\\n${secret}"}`, `(${secret})`, `k='${secret}'`])
        assert.notInclude(redact(text), secret)
    })

    it.each(beginnings)("knows each beginning: %s", (kind, secret) => {
      assert.strictEqual(redact(`it says ${secret} there`), `it says [redacted ${kind}] there`)
    })

    it.each(placed)("takes out what has a secret's name or place: %s", (text, secret) => {
      assert.include(text, secret)
      assert.notInclude(redact(text), secret)
      assert.match(redact(text), /\[redacted [a-z ]+\]/)
    })

    it.each(innocent.map((text) => [text]))("leaves alone what is none: %s", (text) => {
      assert.strictEqual(redact(text), text)
      const args = JSON.stringify({ command: text })
      assert.strictEqual(redact(args), args)
    })
  })

  it.prop(
    "13: secrets stay: a planted secret is gone wherever it stands",
    [words(), fc.oneof(shapedSecret(), placedSecret()), words(), fc.integer({ min: 0, max: 2 })],
    ([before, { text, secret }, after, depth]) => {
      const said = nest(`${before} ${text}\n${after}`, depth)
      assert.notInclude(redact(said), nest(secret, depth))
    },
    { fastCheck: { numRuns: 2_000 } }
  )

  describe("chains: secrets one behind the other", () => {
    // A round for each link would take minutes, or end in a stack overflow.
    const links = 13_000

    it.each([
      ["of one length", of("AI", "za", alnum(35))],
      ["of hexadecimal digits", of("shp", "at_", hex(32))],
      ["of two kinds", of("shp", "at_", hex(32), "AI", "za", alnum(35))]
    ])("takes out each link: %s", (_, link) => {
      const rest = redact(`a page: ${link.repeat(links)} and its end`)
      assert.match(rest, /^a page: (?:\[redacted [a-z ]+\])+ and its end$/)
      assert.isAtLeast(rest.split("[redacted").length, links)
    })

    it("conceals lines that a few rounds do not settle, and no other line", () => {
      const knot = "://a:[0m--token "
      const rest = redact(`first\n${knot.repeat(100)}\nlast`)
      assert.strictEqual(rest, "first\n[redacted secret]\nlast")
    })

    it("gives up a long text of nothing but knots, and conceals it as a whole", () => {
      const rest = redact(`first\n${"://a:[0m--token ".repeat(20_000)}\nlast`)
      assert.strictEqual(rest, "[redacted secret]")
    })

    it.each([
      [
        "a log of refused passwords",
        "Nov 29 12:04:51 db1 sshd[4711]: Failed password for root from 10.0.0.7 port 5022 ssh2\n"
      ],
      ["names of hosts", "node-101 node-102 node-103 "],
      ["settings", "DB_PASSWORD=${DB_PASSWORD}\nAPI_TOKEN=${API_TOKEN}\n"],
      ["addresses", "see https://api.example.com/v1/users/1?page=2 and http://localhost:5432/\n"],
      ["code", "const token = await readToken(options.token, { password: options.password })\n"],
      ["a page of HTML", '<li><a class="type" href="#x"><code>text</code></a>, <code>value</code></li>\n'],
      ["what was redacted before", "DB_PASSWORD=[redacted password]\napi key: [redacted api key]\n"]
    ])("does not give up a long text that people and tools write: %s", (_, line) => {
      const text = line.repeat(100_000 / line.length)
      assert.strictEqual(redact(text), text)
    })

    it("keeps the arguments of a call JSON where it conceals them", () => {
      const rest = redact(JSON.stringify({ text: "://a:[0m--token ".repeat(100) }))
      assert.strictEqual(rest, JSON.stringify({ redacted: "[redacted secret]" }))
    })
  })

  it.prop(
    "13: hashes, ids, UUIDs and paths are not mistaken for secrets",
    [fc.array(fc.oneof(innocentId(), fc.constantFrom(...innocent), word()), { maxLength: 12 })],
    ([pieces]) => {
      const text = pieces.join("\n")
      assert.strictEqual(redact(text), text)
    },
    { fastCheck: { numRuns: 1_000 } }
  )

  it.prop(
    "redaction is idempotent and total",
    [
      fc.array(fc.oneof(fragment(), fc.string({ unit: "binary" })), { maxLength: 30 }),
      fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, fc.integer({ min: 2, max: 12 }))
    ],
    ([pieces, times]) => {
      const once = redact(pieces.join("").repeat(times))
      assert.strictEqual(redact(once), once)
    },
    { fastCheck: { numRuns: 2_000 } }
  )

  it.prop(
    "the arguments of a tool call stay JSON",
    [fc.dictionary(fc.constantFrom("password", "token", "api_key", "command", "x"), fc.oneof(fragment(), fc.string()))],
    ([args]) => {
      assert.doesNotThrow(() => JSON.parse(redact(JSON.stringify(args))))
    },
    { fastCheck: { numRuns: 1_000 } }
  )

  describe("redactMessage", () => {
    const call = (text: string) =>
      ({
        id: "c1",
        type: "function",
        function: { name: "shell", arguments: JSON.stringify({ command: text }) }
      }) as const

    it("keeps the object if there is nothing to hide", () => {
      const messages: ReadonlyArray<Message> = [
        { role: "user", content: "hello" },
        {
          role: "user",
          content: [
            { type: "text", text: "hello" },
            { type: "image_url", image_url: { url: "data:x" } }
          ]
        },
        { role: "assistant", content: null, tool_calls: [call("ls")] },
        { role: "assistant" },
        { role: "tool", tool_call_id: "c1", content: "done" }
      ]
      for (const message of messages) assert.strictEqual(redactMessage(message), message)
    })

    it("takes secrets out of content, parts and arguments, and nothing else", () => {
      const text = `export TOKEN=${opaque}`
      const hidden = "export TOKEN=[redacted token]"
      assert.deepStrictEqual(redactMessage({ role: "tool", tool_call_id: "c1", content: text }), {
        role: "tool",
        tool_call_id: "c1",
        content: hidden
      })
      assert.deepStrictEqual(
        redactMessage(ofWire({ role: "user", content: [{ type: "text", text }, { type: "audio" }] })),
        ofWire({
          role: "user",
          content: [{ type: "text", text: hidden }, { type: "audio" }]
        })
      )
      assert.deepStrictEqual(
        redactMessage({ role: "assistant", content: null, tool_calls: [call(text), call("ls")] }),
        {
          role: "assistant",
          content: null,
          tool_calls: [call(hidden), call("ls")]
        }
      )
    })
  })

  describe("redactMessage, beyond content", () => {
    const text = `export TOKEN=${opaque}`
    const hidden = "export TOKEN=[redacted token]"
    const call = { id: "c1", type: "function", function: { name: "read", arguments: "{}" } }
    it.each<readonly [string, (words: string) => object]>([
      ["a refusal", (refusal) => ({ refusal })],
      ["a refused part", (refusal) => ({ content: [{ type: "refusal", refusal }] })],
      ["an audio transcript", (transcript) => ({ audio: { id: "a", transcript } })],
      ["a legacy call", (words) => ({ function_call: { name: "read", arguments: JSON.stringify({ words }) } })],
      ["a name", (name) => ({ name })],
      ["a custom call", (input) => ({ tool_calls: [{ id: "c1", type: "custom", custom: { name: "run", input } }] })],
      ["a field of a call", (thought) => ({ tool_calls: [{ ...call, extra_content: { thought } }] })],
      ["reasoning", (reasoning_content) => ({ reasoning_content })],
      ["a list of thoughts", (text) => ({ reasoning_details: [{ type: "reasoning.text", text }, { text: 1 }] })],
      ["a part of a server's own type", (words) => ({ content: [{ type: "thinking", thinking: [{ words }] }] })]
    ])("takes the secret out of %s and leaves the rest", (_, fieldsOf) => {
      const reply = (words: string) => ofWire({ role: "assistant", content: null, ...fieldsOf(words) })
      assert.deepStrictEqual(redactMessage(reply(text)), reply(hidden))
      const harmless = reply("ls -l")
      assert.strictEqual(redactMessage(harmless), harmless)
    })

    it("knows a secret by the name of its field", () => {
      const message = ofWire({ role: "user", content: "go", extra: { db: [{ password: `a"${opaque}` }], port: 5433 } })
      const { extra } = JSON.parse(JSON.stringify(redactMessage(message)))
      assert.deepStrictEqual(extra, { db: [{ password: "[redacted password]" }], port: 5433 })
    })

    it("leaves out what is native to a format", () => {
      const message = ofWire({ role: "user", content: "go", native: { format: "anthropic", words: text } })
      assert.deepStrictEqual(redactMessage(message), { role: "user", content: "go" })
      assert.deepStrictEqual(redactMessage(hideNative(message)), { role: "user", content: "go" })
    })
  })

  const transcript = "../shared/transcripts/coding-agent.jsonl"
  it.skipIf(!existsSync(transcript))("leaves a whole coding session alone (needs the shared transcripts)", () => {
    const lines = readFileSync(transcript, "utf8").trim().split("\n")
    const changed = lines.filter((line) => redact(line) !== line)
    assert.deepStrictEqual(changed, [])
  })
})

// -- grammars -----------------------------------------------------------------------------------------------------

function word() {
  return fc.string({ unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyzéßжש漢"), minLength: 1, maxLength: 9 })
}

function words() {
  return fc
    .array(fc.oneof(word(), fc.constantFrom("{", "}", "\n", "—", "😀", "=", ":", "[x]", "# token", "key")), {
      maxLength: 12
    })
    .map((pieces) => pieces.join(" "))
}

function chars(alphabet: string, minLength: number, maxLength = minLength) {
  return fc.string({ unit: fc.constantFrom(...alphabet), minLength, maxLength })
}

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
const ALL = LETTERS + "0123456789"

function shapedSecret() {
  return fc
    .oneof(
      chars(ALL, 20, 48).map((s) => of("sk-", s)),
      chars(ALL + "_-", 30, 120).map((s) => of("sk-", "ant-", s)),
      chars(LETTERS.slice(26) + "234567", 16).map((s) => of("AK", "IA", s)),
      chars(ALL, 36).map((s) => of("gh", "p_", s)),
      chars(ALL + "_-", 20, 40).map((s) => of("gl", "pat-", s)),
      chars(ALL + "-", 20, 60).map((s) => of("xo", "xb-", s)),
      chars(ALL, 36).map((s) => of("np", "m_", s)),
      fc.tuple(chars(ALL + "_-", 20, 80), chars(ALL + "_-", 20, 80)).map(([a, b]) => of("ey", "J", a, ".", a, ".", b))
    )
    .map((secret) => ({ text: secret, secret }))
}

function placedSecret() {
  // A digit in the middle: what has none may as well be a word, and is judged by the corpus above.
  const secret = fc
    .tuple(chars(ALL, 6, 20), chars("0123456789", 1), chars(ALL + "_+/", 6, 20), chars(ALL, 1))
    .map((parts) => parts.join(""))
    .filter((s) => !/(.)\1{3}/.test(s))
  const name = fc.constantFrom(
    "password",
    "API_KEY",
    "client_secret",
    "accessToken",
    "x-api-key",
    "DB_PASSWORD",
    "auth_token"
  )
  const frame = fc.constantFrom<(name: string, secret: string) => string>(
    (n, s) => `${n}=${s}`,
    (n, s) => `${n}: ${s}`,
    (n, s) => `"${n}": "${s}"`,
    (n, s) => `export ${n}='${s}'`,
    (n, s) => `?${n}=${s}&x=1`,
    (n, s) => `--${n.toLowerCase().replaceAll("_", "-")} ${s}`,
    (_, s) => `Authorization: Bearer ${s}`,
    (_, s) => `https://bob:${s.replaceAll("/", "-")}@host/`
  )
  return fc.tuple(name, secret, frame).map(([n, s, f]) => {
    const text = f(n, s)
    return { text, secret: text.includes(s) ? s : s.replaceAll("/", "-") }
  })
}

function innocentId() {
  return fc.oneof(
    fc.uuid(),
    chars("0123456789abcdef", 40),
    chars("0123456789abcdef", 64),
    chars(ALL, 24).map((s) => `toolu_01${s}`),
    chars(ALL, 24).map((s) => `call_${s}`),
    chars(ALL + "+/", 64, 300),
    // Words for secrets stand in long base64 and in paths by chance.
    fc
      .array(
        fc.tuple(
          fc.oneof(fc.constantFrom("pw", "login", "creds", "PW", "clave"), chars(ALL, 1, 30)),
          fc.constantFrom("/", "+")
        ),
        { minLength: 4, maxLength: 12 }
      )
      .map((pieces) => pieces.flat().join("")),
    fc.array(word(), { minLength: 1, maxLength: 6 }).map((names) => `/${names.join("/")}.ts`),
    fc.integer().map((n) => `"max_tokens": ${n}`)
  )
}

function fragment() {
  return fc.oneof(
    fc.constantFrom(
      "password",
      "token",
      "secret",
      "api_key",
      "Bearer ",
      "basic ",
      "://",
      "@",
      "--",
      "eyJ",
      "sk-",
      "SG."
    ),
    fc.constantFrom(
      "=",
      ":",
      ": ",
      " is ",
      '"',
      "'",
      "\\",
      "\\n",
      " ",
      "\n",
      "[redacted ",
      "]",
      ",",
      "value",
      "twilio "
    ),
    fc.constantFrom(
      phrase,
      strong,
      opaque,
      hex(32),
      "sk-" + alnum(24),
      of("S", "K", hex(32)),
      base64(40),
      "a".repeat(30)
    )
  )
}

function nest(text: string, depth: number): string {
  return depth === 0 ? text : nest(JSON.stringify(text).slice(1, -1), depth - 1)
}
