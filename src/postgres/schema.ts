/**
 * The tables, and the migrations that bring a database up to date. Bodies are text: `jsonb` loses the order of keys, and
 * refuses a NUL character. Tables have no foreign keys: each insert would lock the row of the session.
 */
import { functions, functionsOf2, functionsOf4, functionsOfImports } from "./functions.ts"
import { functionsOf5, generationFunctions } from "./generationFunctions.ts"

const ID = `session_id text COLLATE "C" NOT NULL`

const lease = (name: string) => `
  ${name}_token   int8 NOT NULL DEFAULT 0,
  ${name}_holder  text,
  ${name}_expires int8 NOT NULL DEFAULT 0,
  ${name}_ttl     int8 NOT NULL DEFAULT 0,`

const tables = [
  // Every write updates it. Half of each page is left free, so that the new row stays in the page.
  `CREATE TABLE throughline.session (
  id            text COLLATE "C" PRIMARY KEY,
  epoch         int8 NOT NULL,
  generation    int  NOT NULL DEFAULT 0,
  last_seq      int  NOT NULL DEFAULT 0,
  total         int8 NOT NULL DEFAULT 0,
  arrivals      int  NOT NULL,
  left_at       int8 NOT NULL DEFAULT -1,${lease("turn")}${lease("operation")}
  usage         text,
  windows       text,
  promoted_by   int8,
  promoted_from int,
  began         int8 NOT NULL,
  created       int8 NOT NULL
) WITH (fillfactor = 50)`,
  `CREATE TABLE throughline.inbox (
  ${ID}, arrival int, kind text NOT NULL, tokens int NOT NULL, body text NOT NULL, at int8 NOT NULL,
  checksum int8 NOT NULL, tag int8 NOT NULL, PRIMARY KEY (session_id, arrival))`,
  `CREATE TABLE throughline.delivery_key (
  ${ID}, key text COLLATE "C", arrival int NOT NULL, digest text NOT NULL, PRIMARY KEY (session_id, key))`,
  `CREATE TABLE throughline.message (
  ${ID}, seq int, arrival int, kind text, tokens int NOT NULL, body text NOT NULL, at int8 NOT NULL,
  checksum int8 NOT NULL, tag int8 NOT NULL, PRIMARY KEY (session_id, seq))`,
  `CREATE TABLE throughline.generation (
  ${ID}, generation int, manifest text NOT NULL, tail_from int NOT NULL, left_seq int NOT NULL,
  snapshot_id text COLLATE "C" NOT NULL UNIQUE, operation_id text NOT NULL, at int8 NOT NULL,
  checksum int8 NOT NULL, tag int8 NOT NULL, PRIMARY KEY (session_id, generation))`,
  `CREATE TABLE throughline.ledger (
  session_id text COLLATE "C" PRIMARY KEY, body text NOT NULL, checksum int8 NOT NULL)`,
  // The messages of a range are undone from generation `since` on, before generation `until`.
  `CREATE TABLE throughline.undone (
  ${ID}, until int, from_seq int, to_seq int NOT NULL, since int NOT NULL, PRIMARY KEY (session_id, until, from_seq))`,
  `CREATE TABLE throughline.segment (
  id text COLLATE "C" PRIMARY KEY, number int8 GENERATED ALWAYS AS IDENTITY, ${ID}, level int NOT NULL,
  children text NOT NULL, from_seq int NOT NULL, to_seq int NOT NULL, tokens int NOT NULL, body text NOT NULL,
  degraded text, focus text, model text NOT NULL, checksum int8 NOT NULL)`,
  `CREATE INDEX segment_session ON throughline.segment (session_id, from_seq)`,
  `CREATE TABLE throughline.heal_try (segment_id text COLLATE "C" PRIMARY KEY, tries int NOT NULL)`,
  `CREATE TABLE throughline.operation (
  id text COLLATE "C" PRIMARY KEY, ${ID}, request_key text NOT NULL, outcome text NOT NULL)`,
  `CREATE INDEX operation_session ON throughline.operation (session_id)`,
  `CREATE TABLE throughline.counter (${ID}, name text, value int8 NOT NULL, PRIMARY KEY (session_id, name))`,
  `CREATE TABLE throughline.route_pause (
  key text COLLATE "C" PRIMARY KEY, failures float8 NOT NULL, level float8 NOT NULL, until float8 NOT NULL)`,
  // The highest arrival of the sessions that were forgotten, in one row.
  `CREATE TABLE throughline.forgotten (one bool PRIMARY KEY CHECK (one), arrivals int NOT NULL)`,
  `CREATE TABLE throughline.repeated (tag int8 PRIMARY KEY, at timestamptz NOT NULL)`,
  // A word begins with the number of its session, so that the messages of others cost nothing.
  `CREATE TABLE throughline.recall_session (
  session_id text COLLATE "C" PRIMARY KEY, number int GENERATED ALWAYS AS IDENTITY, seq int NOT NULL)`,
  `CREATE TABLE throughline.recall (
  ${ID}, seq int, words tsvector NOT NULL, stems tsvector NOT NULL, PRIMARY KEY (session_id, seq))`,
  `CREATE INDEX recall_words ON throughline.recall USING gin (words)`,
  `CREATE INDEX recall_stems ON throughline.recall USING gin (stems)`
]

/**
 * What a new schema adds. `oldest` is the oldest schema whose library can still work with it: hosts of both versions run
 * at once while a new one is rolled out.
 */
interface Migration {
  readonly oldest: number
  readonly statements: ReadonlyArray<string>
}

/** Keeps what an import leaves beside a session, as JSON. */
const imported = `CREATE TABLE throughline.imported (
  session_id text COLLATE "C" PRIMARY KEY, origin text, left_out text)`

export const migrations: ReadonlyArray<Migration> = [
  { oldest: 1, statements: [...tables, ...functions, ...generationFunctions] },
  { oldest: 1, statements: functionsOf2 },
  { oldest: 1, statements: [imported, ...functionsOfImports] },
  { oldest: 1, statements: functionsOf4 },
  { oldest: 1, statements: functionsOf5 }
]

/** Puts the name of another schema in the place of ours. */
export const inSchema = (statement: string, schema: string): string =>
  schema === DEFAULT_SCHEMA ? statement : statement.replaceAll(`${DEFAULT_SCHEMA}.`, `${quoteName(schema)}.`)

export const DEFAULT_SCHEMA = "throughline"

export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`
