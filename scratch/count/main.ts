/** `npx tsx scratch/count/main.ts FILE…`: what each file holds, counted twice. Exits with 1 if the counts differ. */
import { Either } from "effect"
import { readFileSync } from "node:fs"
import process from "node:process"
import { Transcripts } from "../../src/index.ts"
import { compare, countRead } from "../../test/support/count/compare.ts"
import { type Count, countFile } from "../../test/support/count/count.ts"

const tell = ({ kind, sessions }: Count): string => {
  const all = (pick: (session: Count["sessions"][number]) => number) =>
    sessions.reduce((sum, one) => sum + pick(one), 0)
  const roles = Array.from(new Set(sessions.flatMap(({ roles }) => Object.keys(roles))))
  const counts = roles.map((role) => `${all((one) => one.roles[role] ?? 0)} ${role}`)
  return `${kind}, ${sessions.length} sessions: ${counts.join(", ")}; ${all((one) => one.paired)} of ${all((one) => one.calls)} calls paired`
}

for (const file of process.argv.slice(2)) {
  const text = readFileSync(file, "utf8")
  const read = Transcripts.parse(text, { file })
  const counted = countFile(text)
  console.log(file)
  console.log(`  counted ${counted === null ? "nothing" : tell(counted)}`)
  if (Either.isLeft(read)) {
    console.log(`  refused ${read.left.message}`)
    process.exitCode = 1
    continue
  }
  console.log(`  read    ${tell(countRead(read.right))}`)
  for (const [kind, count] of Object.entries(read.right.skipped)) console.log(`  skipped ${kind}: ${count}`)
  for (const { error } of read.right.left) console.log(`  left    ${error.message}`)
  const differences = compare(text, read.right)
  for (const difference of differences) console.log(`  DIFFERS ${difference}`)
  if (differences.length > 0) process.exitCode = 1
}
