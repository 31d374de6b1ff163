/** The story of the demo: a billing service moves from its own VAT table to a tax API. */
import type { Choices } from "../random.ts"

/** An action of the agent in one step. */
export type Act =
  | "grep"
  | "read"
  | "read both"
  | "edit"
  | "edit both"
  | "fail"
  | "pass"
  | "types"
  | "logs"
  | "quote"
  | "differences"

/** One turn: the request, the files it is about, the actions, and the final answer. */
export interface Chapter {
  readonly request: string
  readonly module: string
  readonly test: string
  readonly near: Choices<string>
  readonly symbol: string
  readonly acts: ReadonlyArray<Act>
  readonly closing: string
}

const change: ReadonlyArray<Act> = ["grep", "read both", "read", "edit", "fail", "read", "edit", "pass"]
const hunt: ReadonlyArray<Act> = ["logs", "grep", "read both", "differences", "edit", "fail", "edit both", "pass"]
const wire: ReadonlyArray<Act> = ["quote", "read both", "edit", "types", "read", "edit", "fail", "edit", "pass"]

const makeChapter = (
  area: string,
  near: Choices<string>,
  symbol: string,
  acts: ReadonlyArray<Act>,
  request: string,
  closing: string
): Chapter => ({ request, module: `src/${area}.ts`, test: `test/${area}.test.ts`, near, symbol, acts, closing })

export const chapters: ReadonlyArray<Chapter> = [
  makeChapter(
    "tax/vatTable",
    ["src/invoice/totals.ts", "src/tax/regions.ts"],
    "source",
    ["grep", "read both", "read", "read", "types"],
    "We move billing from our own VAT table to the TaxRail API v2. Read how tax is computed today and tell me where it enters. Rules for the whole job: never touch the migrations under db/migrations, amounts must stay whole cents everywhere, and the old endpoint GET /v1/tax has to answer until 30 June.",
    "Tax enters in three places: the table lookup in src/tax/vatTable.ts, the totals in src/invoice/totals.ts and the refund path. I will put a client for TaxRail behind one interface and switch them one by one. Noted: db/migrations is off limits, whole cents only, GET /v1/tax answers until 30 June."
  ),
  makeChapter(
    "taxrail/client",
    ["src/support/http.ts", "src/taxrail/schema.ts"],
    "timeoutMs",
    wire,
    "Write the client. The sandbox is at http://localhost:8433/v2, the contract version must be 2.3. Do not log request bodies: they hold customer addresses.",
    "src/taxrail/client.ts talks to http://localhost:8433/v2, pins version 2.3 and logs only the quote id, the status and the duration. Bodies are never logged."
  ),
  makeChapter(
    "tax/rounding",
    ["src/tax/vatTable.ts", "src/invoice/lines.ts"],
    "Math.round",
    change,
    "Totals differ by one cent on some invoices between the table and the API. Find out why before you change anything.",
    "The table rounded half up per invoice, TaxRail rounds half to even per line. src/tax/rounding.ts now does the latter, and the difference is gone in all samples but those with a proration, which come next."
  ),
  makeChapter(
    "invoice/proration",
    ["src/invoice/lines.ts", "src/invoice/period.ts"],
    "splitProration",
    hunt,
    "Then do prorations. An invoice that spans a change of rate has to be split at midnight of the customer's region, not UTC.",
    "Prorations are split at local midnight now. I kept the split in src/invoice/proration.ts so that the renderer does not need to know."
  ),
  makeChapter(
    "refund/reverse",
    ["src/refund/policy.ts", "src/ledger/entries.ts"],
    "reversed",
    change,
    "Refunds next. A refund must use the rate of the original invoice, always, even if the rate has changed since.",
    "A refund takes its rate from the ledger entry of the invoice it reverses. Without that entry it fails with RateMissing instead of asking for a new quote."
  ),
  makeChapter(
    "taxrail/cache",
    ["src/taxrail/client.ts", "src/support/clock.ts"],
    "validUntil",
    wire,
    "TaxRail bills per quote. Cache quotes until they expire, at most 15 minutes, and never share a cached quote between two customers.",
    "Quotes are cached for validUntil or 15 minutes, whichever is sooner, under customer id and content hash. Hit rate on the replayed morning: 71 %."
  ),
  makeChapter(
    "ledger/entries",
    ["src/ledger/writer.ts", "src/outbox/drain.ts"],
    "StaleLedger",
    hunt,
    "Staging reports StaleLedger since yesterday evening, about twice per minute. Look at the logs first.",
    "Two workers drained the same outbox row: the lease was renewed after the write rather than before. Renewing first ends it; 40 minutes of staging logs are clean."
  ),
  makeChapter(
    "taxrail/retry",
    ["src/support/http.ts", "src/taxrail/client.ts"],
    "attempt",
    change,
    "The client has to survive a 503. Three attempts at most, honour Retry-After, and do not retry a 422.",
    "Three attempts with jitter, Retry-After wins over the backoff, 4xx other than 429 fail at once. A 422 carries the field that was refused."
  ),
  makeChapter(
    "customer/exemption",
    ["src/customer/profile.ts", "src/tax/regions.ts"],
    "exemptionCode",
    change,
    "Exemptions: legal says that an exemption code without an expiry date counts as expired. Please ask me before you change anything about stored codes.",
    "A code without an expiry date is treated as expired when a quote is made. Stored codes are unchanged; 212 customers would be affected, the query is in the pull request for you to decide."
  ),
  makeChapter(
    "invoice/totals",
    ["src/tax/rounding.ts", "src/invoice/lines.ts"],
    "roundedCents",
    wire,
    "Switch the totals over, behind the flag tax.source. Default stays vat until I say otherwise.",
    "src/invoice/totals.ts reads tax.source; the default is vat. With taxrail all 1,204 recorded invoices match to the cent."
  ),
  makeChapter(
    "api/v1Tax",
    ["src/api/router.ts", "src/api/errors.ts"],
    "lineNumber",
    change,
    "Keep GET /v1/tax alive on top of the new code. Its JSON must not change by a single key.",
    "GET /v1/tax is an adapter over the new totals now. A snapshot of 300 recorded answers is byte-identical."
  ),
  makeChapter(
    "outbox/drain",
    ["src/ledger/writer.ts", "src/support/lease.ts"],
    "lease",
    hunt,
    "A deployment left 37 rows in the outbox. Why were they not drained, and can it happen again?",
    "The drain stopped at the first poisoned row. It now sets such a row aside after 5 attempts and goes on; the 37 rows went out at 10:42 with their original idempotency keys."
  ),
  makeChapter(
    "render/invoicePdf",
    ["src/render/format.ts", "src/invoice/totals.ts"],
    "currency",
    change,
    "The PDF shows the tax of each line, rounded on its own. It should show what we charge. Use only the totals, no arithmetic in the renderer.",
    "The renderer formats what src/invoice/totals.ts gives it and computes nothing. Three layouts changed by a line; screenshots are attached to the pull request."
  ),
  makeChapter(
    "support/metrics",
    ["src/taxrail/client.ts", "src/support/log.ts"],
    "metrics",
    wire,
    "We need to see what TaxRail costs us: quotes, cache hits, failures, duration by region. No customer ids in labels.",
    "Four metrics, labelled by region and outcome only. The dashboard query is in docs/metrics.md; at today's volume we pay for about 5,900 quotes a day."
  ),
  makeChapter(
    "ledger/reconcile",
    ["src/ledger/entries.ts", "src/tax/rounding.ts"],
    "reconcile",
    hunt,
    "Reconcile the ledger of the first quarter against TaxRail and list what differs. Read only: don't write to the ledger.",
    "Of 48,310 entries 19 differ by a cent, all issued before the rounding fix and all in Sweden. Nothing was written. The list is in reports/q1-differences.csv."
  ),
  makeChapter(
    "taxrail/fallback",
    ["src/tax/vatTable.ts", "src/taxrail/client.ts"],
    "RateMissing",
    change,
    "If TaxRail is down for longer than 2 minutes, fall back to the table, and mark such invoices so that we can correct them later. Then summarize where we stand.",
    "After 120 s without an answer the circuit opens, the table takes over and each invoice gets source = vat-fallback. Where we stand: client, cache, retry, rounding, prorations, refunds and totals are done and behind tax.source (still vat); GET /v1/tax is unchanged; open are the 212 exemptions and the 19 Swedish entries, which are yours to decide."
  )
]
