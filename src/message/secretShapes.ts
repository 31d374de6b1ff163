/**
 * Recognizes tokens by their shapes, as their vendors document them or gitleaks publishes them: what one begins with, and what follows.
 * What follows is long enough that no word continues so.
 */
import * as Arr from "effect/Array"
import { hasCamelWords, isRandom, isTrueAt, LONG_RUN, matchAt, type Rule, type Secret } from "./secretValues.ts"

/** A kind of token, what it begins with, and the source of the expression for the rest. */
type Shape = readonly [kind: string, beginnings: string, rest: string]

const HEX32 = "[0-9a-fA-F]{32}"
const UUID = "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"

/** Beginnings are literal and parted by blanks. */
const SHAPES: ReadonlyArray<Shape> = [
  ["api key", "sk-proj- sk-svcacct- sk-admin- sk-None- sk-ant- sk-or- sk-lf-", String.raw`[\w-]{16,}`],
  ["api key", "sk- csk- fc- rnd_ tvly-", "[A-Za-z0-9]{20,}"],
  ["api key", "tvly-dev- tvly-prod- fw_ tgp_v1_ jina_", "[A-Za-z0-9_-]{24,}"],
  ["api key", "sk-helicone-", "[a-z0-9]{7}(?:-[a-z0-9]{7}){3}"],
  ["api key", "xai- gsk_ pplx-", "[A-Za-z0-9]{32,}"],
  ["api key", "AIza", String.raw`[\w-]{35}`],
  ["api key", "GOCSPX- ya29. 1//0 nvapi-", String.raw`[\w-]{20,}`],
  ["api key", "r8_ e2b_ pul- squ_ sqp_ sqa_ bkua_ sbp_", "[A-Za-z0-9]{37,}"],
  ["api key", "sb_secret_ bb_live_ bb_test_ ak_ pa-", String.raw`[\w-]{20,}`],
  ["api key", "lsv2_pt_ lsv2_sk_", "[0-9a-f]{32}_[0-9a-f]{10}"],
  ["api key", "pcsk_", "[A-Za-z0-9]{5,6}_[A-Za-z0-9]{50,}"],
  ["api key", "BSA", String.raw`[\w-]{28}(?![\w-])`],
  ["api key", "as-", "[A-Za-z0-9]{22}(?![A-Za-z0-9])"],
  ["api key", "sk_ ak-", "[0-9a-f]{40,}"],
  ["api key", "esecret_ napi_ tr_prod_ tr_dev_ ddp_", "[A-Za-z0-9]{20,}"],
  ["api key", "npg_", "[A-Za-z0-9]{12,}"],
  ["api key", "rzp_live_ rzp_test_", "[A-Za-z0-9]{14,}"],
  ["api key", "os_v2_app_ os_v2_org_ hcaik_ hcaik_01", "[a-z0-9]{50,}"],
  ["api key", "xaat- xapt- access-sandbox- access-development- access-production- sdk- HRKU- sk-lf-", UUID],
  ["api key", "pat-na1- pat-na2- pat-eu1- pat-ap1-", UUID],
  ["api key", "HRKU-AA", String.raw`[\w-]{58}`],
  ["api key", "NRAK- NRII- NRJS- NRSP- NRBR- API- PMAK-", "[A-Za-z0-9_-]{19,}"],
  ["api key", "EZAK EZTK", "[A-Za-z0-9]{54}"],
  ["api key", "LTAI", "[A-Za-z0-9]{20}(?![A-Za-z0-9])"],
  ["api key", "AKID", "[A-Za-z0-9]{32}(?![A-Za-z0-9])"],
  ["api key", "SCW", "[A-Z0-9]{17}(?![A-Za-z0-9])"],
  ["api key", "SK", "[0-9a-f]{32}(?![0-9A-Za-z])"],
  ["api key", "key-", "[0-9a-f]{32}(?![0-9A-Za-z])"],
  ["api key", "FLWSECK_TEST-", "[A-Za-z0-9]{12,}(?:-X)?"],
  ["api key", "shippo_live_ shippo_test_ duffel_live_ duffel_test_ fio-u- s-s4t2ud- s-s4t2af-", String.raw`[\w-]{40,}`],
  ["api key", "ico- pnu_ pnb_ prtapi_ p8e- phx_ phs_ rdme_ nfp_ nfc_", "[A-Za-z0-9]{30,}"],
  ["api key", "4b1d", "[A-Za-z0-9]{38}(?![A-Za-z0-9])"],
  ["api key", "re_", "[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}"],
  ["api key", "secret_ secret-", "[A-Za-z0-9]{43}(?![A-Za-z0-9])"],
  ["api key", "sk.eyJ", String.raw`[\w-]{40,}\.[\w-]{20,}`],
  ["aws key", "AKIA ASIA ABIA ACCA", "[A-Z0-9]{16}(?![A-Za-z0-9])"],
  ["aws key", "ABSK bedrock-api-key-", "[A-Za-z0-9+/]{80,}={0,2}"],
  ["aws key", "IQoJb3JpZ2lu FwoGZXIvYXdz", "[A-Za-z0-9+/]{80,}={0,2}"],
  ["github token", "ghp_ gho_ ghs_ ghu_ ghr_", "[A-Za-z0-9]{30,}"],
  ["github token", "github_pat_", String.raw`\w{22,}`],
  [
    "gitlab token",
    "glpat- gldt- glrt- glptt- glsoat- glcbt- glft- glffct- glimt- glagent- gloas-",
    String.raw`[\w-]{20,}(?:\.[0-9a-z]{2}\.?[0-9a-z]{7,})?`
  ],
  ["gitlab token", "GR1348941", String.raw`[\w-]{20,}`],
  ["slack token", "xoxa- xoxb- xoxc- xoxd- xoxe- xoxo- xoxp- xoxr- xoxs-", "[A-Za-z0-9-]{10,}"],
  ["slack token", "xoxe.xoxb- xoxe.xoxp- xapp-1- xapp-2-", "[A-Za-z0-9-]{10,}"],
  ["stripe key", "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_", "[A-Za-z0-9]{16,}"],
  ["stripe key", "whsec_", "[A-Za-z0-9+/]{24,}={0,2}"],
  ["npm token", "npm_", "[A-Za-z0-9]{36,}"],
  ["token", "hf_ api_org_", "[A-Za-z0-9]{30,}"],
  ["token", "dop_v1_ doo_v1_ dor_v1_", "[0-9a-f]{64}"],
  ["token", "shpat_ shpca_ shppa_ shpss_", HEX32],
  ["token", "pypi-AgE pypi-AgEN", String.raw`[\w-]{40,}`],
  ["token", "hvs. hvb. hvr.", String.raw`[\w-]{24,}`],
  ["token", "s.", "(?=[A-Za-z]*[0-9])[A-Za-z0-9]{24}(?![A-Za-z0-9.])"],
  ["token", "lin_api_ lin_oauth_ dckr_pat_ dckr_oat_", String.raw`[\w-]{20,}`],
  ["token", "dapi dose dkea", "[0-9a-f]{32}(?:-[0-9])?(?![0-9A-Za-z])"],
  ["token", "ntn_", "[0-9]{11}[A-Za-z0-9]{35}"],
  ["token", "ATATT3 ATCTT3", "[A-Za-z0-9_=-]{60,}"],
  ["token", "ATBB ATTA", "[A-Za-z0-9]{32,}"],
  ["token", "xkeysib- xsmtpsib-", "[0-9a-f]{64}-[A-Za-z0-9]{16}"],
  ["token", "mlsn.", "[0-9a-f]{64}"],
  ["token", "sq0atp- sq0csp- sq0csb- sq0idb-", String.raw`[\w-]{22,}`],
  ["token", "EAAA", String.raw`[\w-]{22,60}(?![\w-])`],
  ["token", "EAAC EAAM EAAB EAAG", "[A-Za-z0-9]{80,}"],
  ["token", "access_token$production$ access_token$sandbox$", String.raw`[a-z0-9]{16}\$[0-9a-f]{32}`],
  ["token", "pscale_tkn_ pscale_pw_ pscale_oauth_", "[A-Za-z0-9_.=-]{32,}"],
  ["token", "sntrys_", "[A-Za-z0-9+/=_-]{40,}"],
  ["token", "sntryu_ sntrya_", "[0-9a-f]{64}"],
  ["token", "glsa_", "[A-Za-z0-9]{32}_[0-9a-fA-F]{8}"],
  ["token", "glc_", "[A-Za-z0-9+/]{32,}={0,3}"],
  ["token", "dp.pt. dp.st. dp.sa. dp.ct. dp.scim. dp.audit.", "(?:[a-z0-9_-]{2,35}[.])?[A-Za-z0-9]{40,}"],
  ["token", "ops_eyJ", "[A-Za-z0-9+/_-]{150,}={0,3}"],
  ["token", "A3-", "[A-Z0-9]{6}-[A-Z0-9]{6}(?:-?[A-Z0-9]{5}){4}"],
  ["token", "AGE-SECRET-KEY-1", "[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"],
  ["token", "rubygems_", "[0-9a-f]{48}"],
  ["token", "cio", "[A-Za-z0-9]{32}(?![A-Za-z0-9])"],
  ["api key", "base64:", "[A-Za-z0-9+/]{43}="],
  ["token", "AKCp", "[A-Za-z0-9]{69}"],
  ["token", "cmVmd", "[A-Za-z0-9]{59}"],
  ["token", "oy2", "[a-z0-9]{43}(?![A-Za-z0-9])"],
  ["token", "dt0c01. dt0s01. dt0s16.", "[A-Z0-9]{24}[.][A-Z0-9]{64}"],
  ["token", "CFPAT- figd_ figo_ tfp_ fo1_ tk-us-", String.raw`[\w-]{40,}`],
  ["token", "vercel_blob_rw_ vcp_ vci_ vck_", "[A-Za-z0-9_]{24,}"],
  ["token", "fm1a_ fm1r_ fm2_", "[A-Za-z0-9+/]{100,}={0,3}"],
  ["token", "v1.0-", "[0-9a-f]{24}-[0-9a-f]{146}"],
  ["token", "CCIPAT_ CCIPRJ_", "[A-Za-z0-9]{22}_[0-9a-f]{40}"],
  [
    "token",
    "tskey-auth- tskey-api- tskey-client- tskey-scim- tskey-webhook-",
    "[A-Za-z0-9]{8,}(?:CNTRL)?-[A-Za-z0-9]{20,}"
  ],
  ["token", "sgp_", "(?:(?:[0-9a-fA-F]{16}|local)_)?[0-9a-fA-F]{40}"],
  ["token", "sm_pat_ sm_aat_ sm_sat_", "[A-Za-z0-9]{16,}"],
  ["token", "snyk_uat. snyk_sat.", "[0-9a-f]{8}[.][A-Za-z0-9_-]{40,}"],
  ["token", "pat. sat.", String.raw`[\w-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}`],
  ["token", "st.", "[A-Za-z0-9-]{24,36}[.][0-9a-f]{32}[.][0-9a-f]{32}"],
  ["token", "sha256~", String.raw`[\w-]{43}`],
  ["token", "CLOJARS_", "[0-9a-z]{60}"],
  ["token", "dnkey-", "[a-z0-9=_-]{26}-[a-z0-9=_-]{52}"],
  ["token", "endr+", "[A-Za-z0-9-]{16}"],
  ["token", "sl.", String.raw`[\w=-]{130,152}(?![\w-])`],
  [
    "token",
    "sc_ ext_ scauth_ authress_",
    String.raw`[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}\.[A-Za-z0-9+/_=-]{30,120}`
  ],
  ["token", "t1.", String.raw`[\w-]{10,400}={0,2}\.[\w-]{86}={0,2}`],
  ["token", "eyJrIjoi", "[A-Za-z0-9]{70,400}={0,3}"],
  ["api key", "AQVN", String.raw`[\w-]{35,38}(?![\w-])`],
  ["api key", "YC", "[A-Za-z0-9_-]{38}(?![A-Za-z0-9_-])"],
  ["api key", "live_ test_", "[0-9a-f]{35}(?![A-Za-z0-9])"],
  ["api key", "live_", "(?=[a-z_=-]{0,20}[0-9])[a-z0-9_=-]{40}(?![A-Za-z0-9])"],
  ["api key", "amzn.mws. waka_ waka_sec_ waka_tok_", UUID],
  ["api key", "da2-", "[a-z0-9]{26}(?![A-Za-z0-9])"],
  ["api key", "AKLT", "[A-Za-z0-9]{40,60}(?![A-Za-z0-9])"],
  ["api key", "AVNS_", String.raw`[\w-]{16,30}(?![\w-])`],
  ["api key", "BBFF- BBUS-", "[A-Za-z0-9]{30}(?![A-Za-z0-9])"],
  ["api key", "ptr_", "[A-Za-z0-9+/]{40,60}={0,2}"],
  ["api key", "pk_", "[0-9a-f]{34}(?![A-Za-z0-9])"],
  ["api key", "spu- R_ apify_api_", "[0-9a-f]{32}(?![A-Za-z0-9])"],
  ["api key", "apify_api_ apify_proxy_", "[A-Za-z0-9]{30,40}(?![A-Za-z0-9])"],
  ["api key", "retool_01", "[a-z0-9]{24}(?![A-Za-z0-9])"],
  ["api key", "zpka_", "[0-9a-f]{32}_[0-9a-f]{8}"],
  ["api key", "unkey_ vtwn_ aio_", "[A-Za-z0-9]{22,28}(?![A-Za-z0-9])"],
  ["api key", "depot_org_ depot_project_ depot_user_", "[0-9a-f]{50,}"],
  ["api key", "persona_production_ persona_sandbox_", UUID],
  ["api key", "wk-1.", "[0-9a-f]{64}"],
  ["api key", "sk_prod_ sk_dev_", String.raw`[\w-]{40,}`],
  ["token", "PMAK-", "[0-9a-f]{24}-[0-9a-f]{34}"],
  ["token", "xprv", "[1-9A-HJ-NP-Za-km-z]{100,}"],
  ["token", "5H 5J 5K", "[1-9A-HJ-NP-Za-km-z]{49}(?![A-Za-z0-9])"],
  ["sendgrid key", "SG.", String.raw`[\w-]{16,}\.[\w-]{16,}`],
  // A further `eyJ` behind a dash would be another token, and no character is read for two of them.
  ["jwt", "eyJ", String.raw`(?:[A-Za-z0-9]|[-_](?!eyJ)){8,}\.(?:[\w-]{8,}(?:\.[\w-]+)*|\.[\w-]{8,}(?:\.[\w-]+)*)`]
]

/** Looks ahead for what no words have: digits, and letters of both cases. */
const MIXED_OF = (length: number): string => `(?=[A-Za-z]{0,${length - 1}}[0-9])(?=[0-9]{0,${length - 1}}[A-Za-z])`
const MIXED_CASE_OF = (length: number): string =>
  String.raw`(?=[A-Za-z_-]{0,${length - 1}}[0-9])(?=[^A-Z]{0,${length - 1}}[A-Z])(?=[^a-z]{0,${length - 1}}[a-z])`

/** A vendor's name with a word that says what follows. A tag of an image may end in the hash of a commit. */
const NAMED_BEGINNING = String.raw`(?!pk[_-])(?:[a-z][a-z0-9]{0,15}[_-]){0,2}(?:[a-z]{0,8}(?<!cache|public)key|tok(?:en)?|secret|[po]at|(?:api|live|prod)(?![_-][0-9a-f]{40}(?![0-9A-Za-z])))[_-](?:(?:live|prod|test|v?[0-9]{1,2}|[a-z]{0,6}key)[_-])?`

/** Tokens known by their middle or their end. They begin where no character of a token stands before. */
const WHOLE_SHAPES: ReadonlyArray<readonly [kind: string, source: string]> = [
  ["telegram token", String.raw`(?:bot)?[0-9]{8,10}:AA[\w-]{32,}`],
  ["token", String.raw`[\w-]{0,30}:(?:development|production|staging)\.[0-9a-f]{50,}`],
  ["token", "[0-9]{16}:[0-9a-f]{32}(?![0-9A-Za-z])"],
  ["token", String.raw`[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,}`],
  ["token", String.raw`pat[A-Za-z0-9]{14}\.[0-9a-f]{64}`],
  ["token", String.raw`[MNO][\w-]{22,27}\.[\w-]{6}\.[\w-]{27,}`],
  ["api key", String.raw`[A-Za-z0-9_~.]{3}[0-9]Q~[\w~.-]{31,}`],
  ["api key", "[0-9a-f]{32}-us[0-9]{1,2}(?![0-9a-z])"],
  ["api key", "[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk"],
  ["api key", "[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}(?![0-9A-Za-z-])"],
  ["api key", "[0-9a-f]{36}NRAL"],
  ["token", "[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{20,}"],
  ["token", "[A-Za-z0-9]{27}_[A-Za-z0-9]{21}(?![A-Za-z0-9_])"],
  // Vendors that are not known here write the same way: a name, what the token is for, and its random part.
  ["api key", String.raw`${NAMED_BEGINNING}(?:${UUID}|${MIXED_OF(20)}[A-Za-z0-9]{20,}[\w-]*)`],
  ["api key", String.raw`(?!pk)[a-z]{2,6}[_-]${MIXED_CASE_OF(32)}[A-Za-z0-9]{32,}(?![A-Za-z0-9])`],
  // The key of a product: groups of equal length, letters and digits.
  [
    "key",
    "(?=[A-Z0-9-]{0,30}[G-Z])(?=[A-Z-]{0,30}[0-9])(?:(?:[A-Z0-9]{5}-){4,7}[A-Z0-9]{5}|(?:[A-Z0-9]{7}-){3}[A-Z0-9]{7})(?![\\w-])"
  ],
  // An id, a colon, and the random part.
  ["credential", String.raw`(?!sha|md|SHA|MD)[\w.-]{6,24}:${MIXED_CASE_OF(32)}[\w-]{32,}(?![\w+/=.])`],
  ["token", String.raw`[a-z]{2,8}\.${MIXED_CASE_OF(30)}[A-Za-z0-9]{30,}(?![\w.-])`],
  // Two long random parts.
  ["token", String.raw`${MIXED_CASE_OF(20)}[\w-]{20,64}\.${MIXED_CASE_OF(20)}[\w-]{20,200}(?![\w.])`]
]

/** Words in front of ids, hashes and names, which are no secrets however random they look. */
const ID_WORD =
  "sha\\d*|md\\d*|hash|digest|checksum|integrity|nonce|etag|blob|commit|rev|tree|layer|image|img|cache|chunk|bundle|asset|file|doc|page|block|tx|txn|chatcmpl|cmpl|msg|message|thread|run|step|asst|call|toolu|srvtoolu|req|request|resp|response|rs|fc|ws|vs|batch|ft|org|proj|project|user|usr|team|member|account|acct|customer|cus|sub|cs|evt|event|pi|py|ch|seti|in|il|pm|src|card|price|prod|order|cart|invoice|item|job|task|build|deploy|deployment|dpl|wf|workflow|exec|trace|span|gen|session|sess|client|conn|device|node|obj|id|uid|uuid|ref|key_id|pk|pub|public|test|it|should"

/** A name of one to three parts, and something behind it: a vendor's token, or an id. */
const NAME_AND_REST =
  /((?:(?:[a-z][a-z0-9]{1,15}|[A-Z]{2,6})[_-]){1,3})(?:[A-Za-z0-9]{4,12}[_-])?(?:(?<=_)([0-9a-f]{64})|([A-Za-z0-9]{20,}(?:_[A-Za-z0-9]{3,8})?|[\w-]{30,}={0,2}))(?![\w.-])/y
const OF_ID = new RegExp(`(?:^|[_-])(?:${ID_WORD})[_-]`)

/** Vendors that nobody lists write the same way. */
const findUnlisted = (text: string, at: number): Secret | undefined => {
  const [, name = "", hash, rest = ""] = matchAt(NAME_AND_REST, text, at) ?? []
  if (name === "" || OF_ID.test(name.toLowerCase()) || (hash === undefined && !isRandom(rest.slice(0, LONGEST_PART))))
    return undefined
  return { kind: "api key", start: at, end: NAME_AND_REST.lastIndex }
}

/** A kind of token and the expression for it. */
interface TokenShape {
  readonly kind: string
  readonly pattern: RegExp
}

/** Some shapes, and an expression for any of them, since most places hold none. */
interface Shapes {
  readonly any: RegExp
  readonly each: ReadonlyArray<TokenShape>
}

const makeShapes = (sources: ReadonlyArray<readonly [kind: string, source: string]>): Shapes => ({
  any: new RegExp(sources.map(([, source]) => source).join("|") || "(?!)", "y"),
  each: sources.map(([kind, source]) => ({ kind, pattern: new RegExp(source, "y") }))
})

/** The shapes that begin with two characters, and those of them so telling that letters may stand before: `TOKENghp_`. */
interface Start {
  readonly shapes: Shapes
  readonly telling: Shapes
}

const numberOfStart = (text: string, at: number): number => (text.charCodeAt(at) << 16) | text.charCodeAt(at + 1)

/** By the number of their first two characters. Longer beginnings come first. */
const STARTS: ReadonlyMap<number, Start> = new Map(
  Object.entries(
    Arr.groupBy(
      SHAPES.flatMap(([kind, beginnings, rest]) =>
        beginnings.split(" ").map((beginning) => ({ beginning, kind, rest }))
      ).toSorted((a, b) => b.beginning.length - a.beginning.length),
      ({ beginning }) => beginning.slice(0, 2)
    )
  ).map(([start, begun]) => {
    const makeBegun = (some: ReadonlyArray<(typeof begun)[number]>): Shapes =>
      makeShapes(
        some.map(({ beginning, kind, rest }) => [kind, beginning.replaceAll(/[.$/]/g, String.raw`\$&`) + rest])
      )
    const isTelling = ({ beginning }: (typeof begun)[number]) => beginning.length > 3 && /[-_.]/.test(beginning)
    return [numberOfStart(start, 0), { shapes: makeBegun(begun), telling: makeBegun(begun.filter(isTelling)) }]
  })
)

const WHOLE = makeShapes(WHOLE_SHAPES)

/** Outside of a word. An escaped line break, a percent code, a colour code or the sign of a diff may stand before it. */
const EDGE = /(?:(?<![\w-])|(?<=(?:^|\\[nrt])-|\\[nrtbf]|\\u[0-9a-f]{4}|%[0-9A-F]{2}|\[[0-9;]{0,9}m))/my
/** Between the parts of a word: `my-ghp_`, `TOKENghp_`. */
const INNER_EDGE = /(?<=[-_]|[A-Z](?![A-Z])|[0-9](?![0-9]))/y

/** Too irregular to be a word. */
const STRONG = String.raw`(?=[\w+/=.-]{0,40}[0-9])(?=[\w+/=.-]{0,40}[A-Za-z])`
const GLUED = new RegExp(String.raw`${STRONG}[\w-]{16,}`, "y")
const NEXT_LINE = new RegExp(
  String.raw`(?:[\u200b-\u200d\u2060\ufeff\u00ad]{1,4}|["'][ \t]{0,4}[+.][ \t]{0,4}(?:\\?\r?\n[ \t]{0,12})?["'])(?<rest>[\w+/=.-]{2,})|` +
    String.raw`(?:=?\r?\n[ \t>|+*]{0,12}|\\\r?\n[ \t]{0,12}|\\n[ \t]{0,8})${STRONG}(?<next>[\w+/-]{8,}=*)(?=[\s"'\\]|$)`,
  "y"
)

/** The token that begins at a place, or in the line that ends before it is complete. */
const findToken = (text: string, at: number, isOutside: boolean): Secret | undefined => {
  const start = STARTS.get(numberOfStart(text, at))
  if (start === undefined) return undefined
  // The edge comes first: a run of letters that holds many beginnings is read for none of them.
  const shapes = isOutside || isTrueAt(EDGE, text, at) ? start.shapes : start.telling
  if (shapes === start.telling && (shapes.each.length === 0 || !isTrueAt(INNER_EDGE, text, at))) return undefined
  return matchShape(shapes, text, at) ?? findCutToken(text, at)
}

const matchShape = ({ any, each }: Shapes, text: string, at: number): Secret | undefined => {
  if (!isTrueAt(any, text, at)) return undefined
  const shape = each.find(({ pattern }) => isTrueAt(pattern, text, at))
  return shape === undefined ? undefined : { kind: shape.kind, start: at, end: shape.pattern.lastIndex }
}

/** False for `xxxxxxxx` and other text that only holds the place of a token. */
const isVaried = (text: string, { end, start }: Secret): boolean =>
  new Set(text.slice(Math.max(start, end - 24), end)).size > 3 && !/^[a-z_-]+$/.test(text.slice(start, start + 64))

/** A token may go on behind its shape, in the next line, or behind a sign that nobody sees. */
const findTokenEnd = (text: string, from: number): number => {
  let end = from
  // A token takes in the characters glued to it, unless they are a token of their own.
  const next = STARTS.get(numberOfStart(text, end))
  const isNext = next !== undefined && isTrueAt(next.shapes.any, text, end)
  if (!isNext && isTrueAt(GLUED, text, end)) end = GLUED.lastIndex
  for (let next = matchAt(NEXT_LINE, text, end); next !== null; next = matchAt(NEXT_LINE, text, end))
    end += next[0].length
  return end
}

/** A token that a line break or an invisible sign parts before its shape is complete. */
const findCutToken = (text: string, start: number): Secret | undefined => {
  const partEnd = findPartEnd(text, start)
  const isCut = partEnd - start <= LONGEST_PART && CUTS.has(text.charCodeAt(partEnd))
  const next = isCut ? matchAt(NEXT_LINE, text, partEnd) : null
  if (next === null) return undefined
  const joined = text.slice(start, partEnd) + (next.groups?.["rest"] ?? next.groups?.["next"] ?? "")
  const shapes = STARTS.get(numberOfStart(joined, 0))?.shapes
  const found = shapes === undefined ? undefined : matchShape(shapes, joined, 0)
  return found !== undefined && isVaried(joined, found)
    ? { kind: found.kind, start, end: partEnd + next[0].length }
    : undefined
}

/** First characters of `NEXT_LINE`. */
const CUTS: ReadonlySet<number> = new Set(
  Array.from("\u200b\u200c\u200d\u2060\ufeff\u00ad\"'=\r\n\\", (cut) => cut.charCodeAt(0))
)

/** The end of the part of a token before a line break; one so long that it goes on is none. */
const findPartEnd = (text: string, start: number): number => {
  let end = start
  while (end - start <= LONGEST_PART && IN_PART[text.charCodeAt(end)] === 1) end++
  return end
}

const LONGEST_PART = 80
const IN_PART = Uint8Array.from({ length: 128 }, (_, unit) => (/[\w.~:-]/.test(String.fromCharCode(unit)) ? 1 : 0))

const findWholeToken = (text: string, at: number): Secret | undefined => {
  const found = matchShape(WHOLE, text, at) ?? findUnlisted(text, at)
  return found !== undefined && isVaried(text, found) && !hasCamelWords(text.slice(at, found.end))
    ? { ...found, end: findTokenEnd(text, found.end) }
    : undefined
}

/** Looks at the beginning of a run, behind the letter of an escaped sign, and behind each colon. */
const findWholeTokens: Rule["find"] = (text, start, found) => {
  const run = matchAt(RUN, text, start)?.[0] ?? ""
  let next = start
  const look = (at: number) => {
    const token = at < next ? undefined : findWholeToken(text, at)
    if (token === undefined) return
    found.push(token)
    next = token.end
  }
  look(start)
  if (text.charCodeAt(start - 1) === 92) look(start + 1)
  for (let colon = run.indexOf(":"); colon >= 0; colon = run.indexOf(":", colon + 1)) look(start + colon + 1)
  return start + run.length
}

const RUN = /[\w.~:-]+/y

/** Looks behind the letters and digits in front of a word that ends, or goes on in, a run of nothing else. */
const findTokensBefore: Rule["find"] = (text, at, found) => {
  const start = at - (matchAt(BEFORE, text, at)?.[1]?.length ?? 0)
  const token = start < at ? findWholeToken(text, start) : undefined
  if (token !== undefined) found.push(token)
  return token?.end ?? at
}

const BEFORE = /(?<=(?<![\w.~:-])([A-Za-z0-9]{36,52}))/y

/** Without the words that begin with another of them. */
const withoutLonger = (words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const kept: Array<string> = []
  for (const word of words.toSorted()) if (!word.startsWith(kept.at(-1) ?? "\n")) kept.push(word)
  return kept
}

export const TOKENS: ReadonlyArray<Rule> = [
  {
    words: withoutLonger(SHAPES.flatMap(([, beginnings]) => beginnings.split(" "))),
    isExact: true,
    steps: 4,
    find: (text, at, found) => {
      const token = findToken(text, at, found.at(-1)?.end === at)
      if (token === undefined) return at
      // A placeholder is not read again for the tokens that begin within it.
      if (!isVaried(text, token)) return token.end
      const end = findTokenEnd(text, token.end)
      found.push({ ...token, end })
      return end
    }
  },
  { words: [LONG_RUN], find: findWholeTokens },
  { words: ["NRAL", "JQQJ99"], isExact: true, find: findTokensBefore }
]
