/** The account of what compressions save, which has to pay for them. */
import * as Schema from "effect/Schema"

/**
 * What a session has cost up to the message `seq`, in input tokens that no cache has: `spent` with its compressions, `whole`
 * without any. Without them its view would have `left` tokens more.
 */
export const CostAccount = Schema.Struct({
  spent: Schema.Int,
  whole: Schema.Int,
  left: Schema.Int,
  seq: Schema.Int
})
export type CostAccount = typeof CostAccount.Type

/** The account of a session that no compression has counted yet. */
export const newAccount: CostAccount = { spent: 0, whole: 0, left: 0, seq: 0 }

/** The account of a session that goes back to an earlier view: what it has cost stays spent. */
export const keepSpent = (now: CostAccount | undefined, earlier: CostAccount | undefined): CostAccount | undefined =>
  now === undefined ? earlier : { ...now, left: earlier?.left ?? 0 }

/**
 * The account once it has paid for a compression or a healing that begins in `generation`: another one has another account. Where
 * it can pay for an extract only, `extractTokens` are the target of that, and a model summarizes later what it stands for.
 */
export interface Payment {
  readonly account: CostAccount
  readonly generation: number
  readonly extractTokens?: number | undefined
}
