/** A session of words as a language has them, paths, hashes and Chinese, and queries of several kinds for it. */
import type { Message } from "../../src/message/Message.ts"

export const MESSAGES = 3_000
const WORDS = 4_000

let state = 42
const random = () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648
const pick = <A>(list: ReadonlyArray<A>, fallback: A): A => list[Math.floor(random() * list.length)] ?? fallback
const syllables = ["ra", "ton", "mi", "ke", "sol", "ver", "pa", "in", "dex", "lo", "gra", "ter"]
const made = Array.from({ length: WORDS }, (_, n) => {
  const digits = n
    .toString(12)
    .split("")
    .map((digit) => syllables[Number.parseInt(digit, 12)])
  return digits.join("")
})
/** A few words make up most of a text, as in any language. */
const word = () => made[Math.floor(WORDS * random() ** 4)] ?? "the"
const sentence = (n: number) => Array.from({ length: n }, word).join(" ")
const path = (n: number) => `src/${made[n % 97]}/${made[n % WORDS]}.ts`
const hash = (n: number) =>
  Math.abs(Math.imul(n + 1, 2_654_435_761))
    .toString(16)
    .padStart(8, "0")
    .repeat(5)
const chinese = Array.from("我们决定用新的数据库来保存会话因为旧的太慢了端口密码部署测试")
const han = (n: number) => Array.from({ length: n }, () => pick(chinese, "我")).join("")

export const message = (n: number): Message => {
  if (n % 10 === 0) return { role: "user", content: `${sentence(30)}? ${han(40)}` }
  if (n % 2 === 1) {
    const call = { name: "read_file", arguments: JSON.stringify({ path: path(n) }) }
    return { role: "assistant", content: null, tool_calls: [{ id: `call_${n}`, type: "function", function: call }] }
  }
  return { role: "tool", tool_call_id: `call_${n - 1}`, content: `commit ${hash(n)} x != ${n}\n${sentence(240)}` }
}

const some = () => Math.floor(random() * MESSAGES)
/** What is looked for: each call makes another query. */
export const kinds: ReadonlyArray<readonly [string, () => string]> = [
  ["rare words", () => `${made[1_000 + (some() % 2_000)]} ${made[1_000 + (some() % 2_000)]}`],
  ["common words", () => `${made[0]} ${made[1]}`],
  ["paths", () => path(some() | 1)],
  ["hashes", () => hash(some() & ~1)],
  ["Chinese", () => han(3)],
  ["questions", () => `what was the ${sentence(6)} of ${made[some()]}?`],
  ["punctuation", () => `x != ${some()}`],
  ["nowhere", () => `zzz${some()}`]
]
