/**
 * Lists the files of `src` that one compression with one model call enters. Run: `npx tsx scratch/house/walk.ts`
 */
import { Effect } from "effect"
import { walkCompression } from "../../test/support/walkCompression.ts"

const files = await Effect.runPromise(walkCompression)
for (const file of files) console.log(file)
console.log(`${files.length} files`)
