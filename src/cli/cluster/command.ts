/** `throughline cluster status --db postgres://… [--prefix PREFIX] [--json]` */
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import * as Effect from "effect/Effect"
import { CommandError, printAnswer } from "../io.ts"
import { jsonOption } from "../options.ts"
import { isPostgres } from "../services.ts"
import { alignColumns, formatCount, formatQuantity } from "../terminal/terminal.ts"
import { type ClusterStatus, type HostStatus, readStatus, type RequestStatus } from "./query.ts"

const db = Options.text("db").pipe(
  Options.withPseudoName("url"),
  Options.withDescription("the database of the cluster: postgres://…")
)

const prefix = Options.text("prefix").pipe(
  Options.withDescription("the beginning of the names of the cluster's tables"),
  Options.withDefault("throughline")
)

const statusCommand = Command.make("status", { db, prefix, json: jsonOption }, ({ db, json, prefix }) =>
  Effect.gen(function* () {
    if (!isPostgres(db)) return yield* new CommandError({ message: "a cluster is in a PostgreSQL: --db postgres://…" })
    const status = yield* readStatus(db, prefix)
    if (status === null) {
      return yield* new CommandError({ message: `no cluster with the prefix ${prefix} in this database` })
    }
    yield* printAnswer(json, status, () => formatStatus(status))
  })
).pipe(Command.withDescription("Say which hosts a cluster has, what they hold, and which requests wait"))

export const command = Command.make("cluster", {}, () =>
  Effect.fail(ValidationError.missingSubcommand(HelpDoc.p("Missing subcommand status")))
).pipe(
  Command.withSubcommands([statusCommand]),
  Command.withDescription("Look at a cluster of hosts: throughline cluster status --db URL [--prefix PREFIX] [--json]")
)

const formatStatus = ({ hosts, requests }: ClusterStatus): ReadonlyArray<string> => [
  ...(hosts.length === 0 ? ["no host is registered"] : alignColumns(hosts.map(formatHost))),
  formatRequests(requests)
]

const formatHost = ({ address, healthy, heartbeatAge, shards, unanswered }: HostStatus): ReadonlyArray<string> => [
  address,
  healthy === null ? "not registered" : healthy ? "healthy" : "not reached",
  heartbeatAge === null ? "no heartbeat" : `heartbeat ${formatAge(heartbeatAge)} ago`,
  formatQuantity(shards, "shard"),
  `${formatCount(unanswered)} unanswered`
]

const formatRequests = ({ oldestAge, unanswered, unplaced, unread }: RequestStatus): string =>
  oldestAge === null
    ? "no request waits"
    : `${formatQuantity(unanswered, "request")} unanswered, the oldest for ${formatAge(oldestAge)}; ` +
      `${formatCount(unread)} taken by no host yet, ${formatCount(unplaced)} for a shard that no host holds`

/** Clocks of hosts may be ahead of the database's. */
const formatAge = (milliseconds: number): string => `${Math.max(0, milliseconds / 1_000).toFixed(1)} s`
