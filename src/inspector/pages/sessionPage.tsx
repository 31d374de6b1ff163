/** One session: how full its window is, and tabs for all that is kept of it. */
import { useAnswer, useRevision } from "../answers.ts"
import { readPlan, readSession, readStats } from "../client.ts"
import { useLive } from "../live.ts"
import { linkTo, type Tab, TABS } from "../route.ts"
import { countThings, Failure, formatCount, formatSeconds, formatThousands, Words } from "../text.tsx"
import { Legend, type Threshold, WindowBar } from "../windowBar.tsx"
import { CostPage } from "./costPage.tsx"
import { LedgerPage } from "./ledgerPage.tsx"
import { LogPage } from "./logPage.tsx"
import { RecallPage } from "./recallPage.tsx"
import { ReceiptsPage } from "./receiptsPage.tsx"
import { RulesPage } from "./rulesPage.tsx"
import { SegmentsPage } from "./segmentsPage.tsx"
import { SessionActions } from "./actions.tsx"
import { describeActivity } from "./sessionListPage.tsx"
import type { TabProps } from "../tabProps.ts"
import { SnapshotsPage } from "./snapshotsPage.tsx"
import { TimelinePage } from "./timelinePage.tsx"
import { ViewPage } from "./viewPage.tsx"

const NAMES: Readonly<Record<Tab, string>> = {
  view: "View",
  log: "Log",
  snapshots: "Snapshots",
  segments: "Segments",
  ledger: "Ledger",
  rules: "Rules and pins",
  receipts: "Receipts",
  recall: "Recall",
  timeline: "Timeline",
  cost: "Cost"
}

export const SessionPage = ({
  at,
  isWritable,
  session,
  tab
}: {
  readonly session: string
  readonly tab: Tab
  readonly at: string | null
  readonly isWritable: boolean
}) => {
  const revision = useRevision(session)
  const { error, value: detail } = useAnswer(`session ${session}`, revision, (signal) => readSession(session, signal))
  return (
    <>
      <h1 class="session-title" tabIndex={-1}>
        <Words text={session} />
      </h1>
      <Failure error={error} />
      {detail !== null && (
        <>
          <SessionHead session={session} detail={detail} revision={revision} isWritable={isWritable} />
          <nav class="tabs" aria-label="Parts of the session">
            {TABS.map((name) => (
              <a key={name} href={linkTo(session, name)} aria-current={name === tab ? "page" : undefined}>
                {NAMES[name]}
              </a>
            ))}
          </nav>
          <section class="tab" aria-label={NAMES[tab]}>
            <TabContent
              tab={tab}
              session={session}
              detail={detail}
              revision={revision}
              at={at}
              isWritable={isWritable}
            />
          </section>
        </>
      )}
    </>
  )
}

const PAGES = {
  view: ViewPage,
  log: LogPage,
  snapshots: SnapshotsPage,
  segments: SegmentsPage,
  ledger: LedgerPage,
  rules: RulesPage,
  receipts: ReceiptsPage,
  recall: RecallPage,
  timeline: TimelinePage,
  cost: CostPage
} as const

const TabContent = ({ tab, ...props }: TabProps & { readonly tab: Tab }) => {
  const Content = PAGES[tab]
  return <Content {...props} />
}

const SessionHead = ({ detail, isWritable, revision, session }: Omit<TabProps, "at">) => {
  const { activities } = useLive()
  const activity = activities.get(session)
  const { value: stats } = useAnswer(`stats ${session}`, revision, (signal) => readStats(session, signal))
  const { value: plan } = useAnswer(`plan ${session}`, revision, (signal) => readPlan(session, 20, signal))
  const parts = Object.entries(detail.parts).map(([kind, size]) => ({ kind, ...size }))
  const thresholds: ReadonlyArray<Threshold> = [
    ...(plan?.threshold.expected == null ? [] : [{ kind: "soft" as const, tokens: plan.threshold.expected }]),
    ...(plan?.window.hard == null ? [] : [{ kind: "hard" as const, tokens: plan.window.hard }])
  ]
  const changed = stats === null ? 0 : stats.compressions.committed + stats.compressions.degraded
  return (
    <div class="session-head">
      <p class="session-figures">
        <b class="large">{formatThousands(detail.view.tokens)}</b> of {formatThousands(detail.contextLength)} tokens
        <span class="muted">
          {" "}
          in {countThings(detail.view.messages, "message")} · log of {countThings(detail.lastSeq, "message")} ·
          generation {formatCount(detail.generation)}
          {detail.open.length > 0 ? ` · ${countThings(detail.open.length, "open request")}` : ""}
        </span>
        {activity !== undefined && <span class="tag tag-busy">{describeActivity(activity)}</span>}
      </p>
      <WindowBar contextLength={detail.contextLength} parts={parts} thresholds={thresholds} />
      <Legend parts={parts} thresholds={thresholds} />
      {stats !== null && (
        <p class="muted small">
          {countThings(changed, "compression")} kept {formatThousands(Math.max(0, stats.tokensSaved))} tokens out of the
          view, for {countThings(stats.modelCalls, "model call")};{" "}
          {stats.turnsWaited === 0
            ? "no turn waited"
            : `${countThings(stats.turnsWaited, "turn")} waited, ${formatSeconds(stats.longestWaitMs)} at most`}
          .
        </p>
      )}
      {isWritable && <SessionActions session={session} />}
    </div>
  )
}
