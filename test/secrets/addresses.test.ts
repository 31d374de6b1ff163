/** The address of a model server is told in prose, in logs and in files, and may let its reader in. */
import { assert, describe, it } from "@effect/vitest"
import { redact } from "../../src/message/Redaction.ts"

const KEY = "q7Zt2Lk9Xw4RbN8vY3mJ"
const PASSWORD = "Hun-ter2"

describe("13: the credentials of a base URL stay, wherever it is written", () => {
  it.each(
    "key api_key api-key apiKey access_token token sig signature subscription-key client_secret password auth code".split(
      " "
    )
  )("in a sentence, behind %s", (name) => {
    const text = `Our proxy is at https://ann:${PASSWORD}@llm.test:8443/v1?region=eu&${name}=${KEY}, and it answers.`
    const redacted = redact(text)
    assert.notInclude(redacted, KEY)
    assert.notInclude(redacted, PASSWORD)
    assert.match(redacted, /^Our proxy is at https:\/\/ann:\[.*@llm\.test:8443\/v1\?region=eu&.*, and it answers\.$/)
  })

  it.each([
    `see [the proxy](https://ann:${PASSWORD}@llm.test/v1?key=${KEY}).`,
    `<https://llm.test/v1?key=${KEY}>`,
    `"baseUrl":"https:\\/\\/ann:${PASSWORD}@llm.test\\/v1?a=b&key=${KEY}"`,
    `https://${KEY}@llm.test/v1`,
    `https://llm.test/v1#access_token=${KEY}`,
    `GET /login?to=https%3A%2F%2Fllm.test%2Fv1%3Fkey%3D${KEY} 302`
  ])("as it is written in %s", (text) => {
    const redacted = redact(text)
    assert.notInclude(redacted, KEY)
    assert.notInclude(redacted, PASSWORD)
    assert.include(redacted, "llm.test")
  })

  it.each([
    "git clone ssh://git@github.com:22/acme/shop.git",
    "https://docs.test/v1?key=name&sort=asc#token=1",
    "postgres://readonly_user_2@db.test/shop",
    "https://shop.test/search?q=key%3Dvalue&page=2"
  ])("and an address without any stays as it is: %s", (text) => assert.strictEqual(redact(text), text))

  it("and a password is known though the letters of the sentence before it count as others without regard to case", () => {
    assert.strictEqual(
      redact("поменял пароль от почты на Saffron127#"),
      "поменял пароль от почты на [redacted password]"
    )
    assert.strictEqual(redact("პაროლი არის WOcn#GMYP2bJ6"), "პაროლი არის [redacted password]")
  })
})
