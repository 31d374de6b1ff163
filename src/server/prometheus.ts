/** The metrics of this process, in the text format of Prometheus. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as MetricPair from "effect/MetricPair"
import * as MetricState from "effect/MetricState"
import * as Option from "effect/Option"

/** Reads all metrics that were counted so far, those of Effect itself included. */
export const formatMetrics: Effect.Effect<string> = Effect.map(Metric.snapshot, (pairs) => {
  const families = new Map<string, Array<MetricPair.MetricPair.Untyped>>()
  for (const pair of pairs) {
    const name = pair.metricKey.name.replaceAll(/[^A-Za-z0-9_:]/g, "_")
    const family = families.get(name) ?? []
    families.set(name, [...family, pair])
  }
  return Array.from(families, ([name, family]) => formatFamily(name, family)).join("")
})

const formatFamily = (name: string, family: ReadonlyArray<MetricPair.MetricPair.Untyped>): string => {
  const [first] = family
  if (first === undefined) return ""
  const help = Option.map(first.metricKey.description, (text) => `# HELP ${name} ${escapeText(text)}\n`)
  const samples = family.flatMap(({ metricKey, metricState }) =>
    formatState(
      name,
      metricKey.tags.map(({ key, value }) => [key, value] as const),
      metricState
    )
  )
  return `${Option.getOrElse(help, () => "")}# TYPE ${name} ${typeOf(first.metricState)}\n${samples.join("")}`
}

type Labels = ReadonlyArray<readonly [name: string, value: string]>

const typeOf = (state: MetricPair.MetricPair.Untyped["metricState"]): string => {
  if (MetricState.isCounterState(state)) return "counter"
  if (MetricState.isHistogramState(state)) return "histogram"
  if (MetricState.isSummaryState(state)) return "summary"
  return "gauge"
}

const formatState = (
  name: string,
  labels: Labels,
  state: MetricPair.MetricPair.Untyped["metricState"]
): ReadonlyArray<string> => {
  if (MetricState.isCounterState(state)) return [formatSample(name, labels, state.count)]
  if (MetricState.isGaugeState(state)) return [formatSample(name, labels, state.value)]
  if (MetricState.isFrequencyState(state)) {
    return Array.from(state.occurrences, ([key, count]) => formatSample(name, [...labels, ["key", key]], count))
  }
  if (MetricState.isHistogramState(state)) {
    return [
      ...state.buckets.map(([bound, count]) =>
        formatSample(`${name}_bucket`, [...labels, ["le", formatNumber(bound)]], count)
      ),
      formatSample(`${name}_sum`, labels, state.sum),
      formatSample(`${name}_count`, labels, state.count)
    ]
  }
  if (!MetricState.isSummaryState(state)) return []
  return [
    ...state.quantiles.flatMap(([quantile, value]) =>
      Option.isNone(value) ? [] : [formatSample(name, [...labels, ["quantile", String(quantile)]], value.value)]
    ),
    formatSample(`${name}_sum`, labels, state.sum),
    formatSample(`${name}_count`, labels, state.count)
  ]
}

const formatSample = (name: string, labels: Labels, value: number | bigint): string => {
  const listed = labels.map(([key, text]) => `${key.replaceAll(/[^A-Za-z0-9_]/g, "_")}="${escapeLabel(text)}"`)
  return `${name}${listed.length === 0 ? "" : `{${listed.join(",")}}`} ${formatNumber(value)}\n`
}

const formatNumber = (value: number | bigint): string =>
  value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : String(value)

const escapeText = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")
const escapeLabel = (text: string): string => escapeText(text).replaceAll('"', '\\"')
