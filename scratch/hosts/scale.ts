/** Computes the table of docs/scale.md: `npx tsx scratch/hosts/scale.ts`. Each number is measured (M) or assumed (A). */

const turn = {
  /** A: a delivery and nine replies, as in the benchmarks. */
  messages: 10,
  /** A: turns of a session in its day. */
  perSession: 10,
  /** A: seconds that its model calls take. */
  seconds: 30,
  /** M: seconds of CPU in a host, with the library's share of compressions; and A: for its request. */
  hostCpu: 0.008 + 0.001_5,
  /** M: seconds of CPU in the database; and A: for its request, its reply, and what polls for them. */
  databaseCpu: 0.002_3 + 0.001_5,
  /** M: two of the store that wait for the disk, and one for each compression, in 23 turns; and M: two of its request. */
  commits: 2 + 1 / 23 + 2,
  /** M: bytes of write-ahead log, with compressions; A: three times as much for pages after checkpoints; A: its request. */
  log: 11_300 * 4 + 4_000,
  /** A: bytes kept: 2,200 tokens of four bytes, rows and indexes, and M: as much and a half for search. */
  kept: 8_800 * 1.2 + 8_800 * 1.45
}

/** A: the busiest second against the mean of the day. */
const PEAK = 3
/** A: bytes of a session in memory while it is answered: a view of 128,000 tokens, as text and as objects. */
const SESSION_MEMORY = 2_000_000
/** A: bytes of a host for sessions. */
const HOST_MEMORY = 3_000_000_000
/** A: share of a core that may be busy, so that turns do not queue. */
const BUSY = 0.5
/** M: statements that a cold view takes; and M: statements of a database in a second, of eight connections. */
const COLD_STATEMENTS = 3
const STATEMENTS_PER_SECOND = 5_500

const count = (n: number): string => (n >= 100 ? Math.round(n).toLocaleString("en") : n.toFixed(n < 10 ? 1 : 0))

const rows = [1_000, 10_000, 100_000, 1_000_000].map((sessions) => {
  const turns = ((sessions * turn.perSession) / 86_400) * PEAK
  const underWay = turns * turn.seconds
  const byCpu = (turns * turn.hostCpu) / BUSY
  const byMemory = (underWay * SESSION_MEMORY) / HOST_MEMORY
  // One more than are needed, since one may be lost.
  const hosts = Math.max(2, Math.ceil(Math.max(byCpu, byMemory)) + 1)
  const storm = ((underWay / hosts) * COLD_STATEMENTS) / STATEMENTS_PER_SECOND
  return [
    count(sessions),
    count(turns),
    count(underWay),
    String(hosts),
    count(turns * turn.commits),
    count((turns * turn.databaseCpu) / BUSY),
    `${count((turns * turn.log) / 1e6)} MB/s`,
    `${count((sessions * turn.perSession * turn.kept) / 1e9)} GB`,
    `${count(storm)} s`
  ]
})

const head = [
  "sessions a day",
  "turns/s at the peak",
  "under way",
  "hosts",
  "commits/s",
  "cores of the database",
  "write-ahead log",
  "kept a day",
  "reading after a loss"
]
for (const row of [head, head.map(() => "--:"), ...rows]) console.log(`| ${row.join(" | ")} |`)
