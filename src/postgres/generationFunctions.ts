/** The functions that make generations: commits, and what supersedes a turn. They lock the session's row first, too. */
import { refuseLate } from "./functions.ts"

/** Ends the ranges in force that are not among the given ones, and begins those that are new. */
const undo = `
  CREATE FUNCTION throughline.undo_1(_id text, _generation int, _from int[], _to int[]) RETURNS void
      LANGUAGE plpgsql AS $$
    BEGIN
      UPDATE throughline.undone u SET until = _generation
        WHERE u.session_id = _id AND u.until = 2147483647 AND NOT EXISTS (
          SELECT FROM unnest(_from, _to) AS x(f, t) WHERE x.f = u.from_seq AND x.t = u.to_seq);
      INSERT INTO throughline.undone (session_id, until, from_seq, to_seq, since)
        SELECT _id, 2147483647, x.f, x.t, _generation FROM unnest(_from, _to) AS x(f, t)
        ON CONFLICT (session_id, until, from_seq) DO NOTHING;
    END $$`

const saveLedger = `
      IF _ledger IS NULL THEN DELETE FROM throughline.ledger l WHERE l.session_id = _id;
      ELSE INSERT INTO throughline.ledger AS l (session_id, body, checksum) VALUES (_id, _ledger, _ledger_checksum)
        ON CONFLICT (session_id) DO UPDATE SET body = excluded.body, checksum = excluded.checksum; END IF;`

const saveGeneration = `
      INSERT INTO throughline.generation (session_id, generation, manifest, tail_from, left_seq, snapshot_id,
          operation_id, at, checksum, tag)
        VALUES (_id, generation, _manifest, _tail_from, s.last_seq, _id || '.snapshot.' ||
          to_char(to_timestamp(at / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
          _operation, at, _checksum, _tag);
      PERFORM throughline.undo_1(_id, generation, _undone_from, _undone_to);${saveLedger}`

const findMade = `
      IF _again THEN
        SELECT 'ok', g.generation, g.left_seq, g.at INTO status, generation, last_seq, at
          FROM throughline.generation g WHERE g.session_id = _id AND g.tag = _tag;
        IF FOUND THEN RETURN; END IF;
      END IF;`

const commit = `
  CREATE FUNCTION throughline.commit_1(_id text, _tag int8, _again bool, _token int8, _holder text, _epoch int8, _base int,
      _reach int, _at int8, _manifest text, _tail_from int, _checksum int8, _operation text, _ledger text,
      _ledger_checksum int8, _undone_from int[], _undone_to int[], _segments json, _usage text,
      OUT status text, OUT generation int, OUT last_seq int, OUT at float8) LANGUAGE plpgsql AS $$
    #variable_conflict use_variable
    DECLARE s throughline.session;
    BEGIN
      SELECT * INTO s FROM throughline.session WHERE id = _id FOR NO KEY UPDATE;${findMade}
      status := CASE WHEN s.id IS NOT NULL AND s.epoch <> _epoch THEN 'superseded'
        WHEN s.operation_token = _token AND s.operation_holder = _holder
          THEN CASE WHEN s.generation <> _base THEN 'superseded' WHEN _reach > s.last_seq THEN 'beyond' ELSE 'ok' END
        ELSE 'lost' END;
      last_seq := s.last_seq;
      IF status <> 'ok' THEN RETURN; END IF;
      ${refuseLate("_tag", "_again")}
      generation := s.generation + 1; at := greatest(_at, s.left_at + 1);
      UPDATE throughline.session x SET generation = commit_1.generation, left_at = commit_1.at,
        usage = coalesce(_usage, s.usage) WHERE x.id = _id;${saveGeneration}
      INSERT INTO throughline.segment (id, session_id, level, children, from_seq, to_seq, tokens, body, degraded, focus,
          model, checksum)
        SELECT r.id, _id, r.level, r.children, r.from_seq, r.to_seq, r.tokens, r.body, r.degraded, r.focus, r.model,
          r.checksum
        FROM json_to_recordset(_segments) AS r(id text, level int, children text, from_seq int, to_seq int, tokens int,
          body text, degraded text, focus text, model text, checksum int8);
    END $$`

/** Refused if the session is no longer as it was looked at: the manifest depends on where its log ends. */
const supersede = `
  CREATE FUNCTION throughline.supersede_1(_id text, _tag int8, _again bool, _epoch int8, _base int, _last_seq int,
      _at int8, _manifest text, _tail_from int, _checksum int8, _operation text, _ledger text, _ledger_checksum int8,
      _undone_from int[], _undone_to int[], _forgets_windows bool,
      OUT status text, OUT generation int, OUT last_seq int, OUT at float8) LANGUAGE plpgsql AS $$
    #variable_conflict use_variable
    DECLARE s throughline.session;
    BEGIN
      SELECT * INTO s FROM throughline.session WHERE id = _id FOR NO KEY UPDATE;${findMade}
      IF s.id IS NULL OR s.epoch <> _epoch OR s.generation <> _base OR s.last_seq <> _last_seq THEN
        status := 'moved'; RETURN;
      END IF;
      ${refuseLate("_tag", "_again")}
      status := 'ok'; last_seq := s.last_seq;
      generation := s.generation + 1; at := greatest(_at, s.left_at + 1);
      UPDATE throughline.session x SET generation = supersede_1.generation, left_at = supersede_1.at,
        epoch = x.epoch + 1, usage = NULL, windows = CASE WHEN _forgets_windows THEN NULL ELSE x.windows END,
        operation_token = x.operation_token + 1, operation_holder = NULL, operation_expires = 0
        WHERE x.id = _id;${saveGeneration}
    END $$`

/** Makes the row of an outcome that is published; an operation has one. */
export const saveOutcome = (select: string): string =>
  `INSERT INTO throughline.operation (id, session_id, request_key, outcome) ${select}
     ON CONFLICT (id) DO UPDATE SET session_id = excluded.session_id, request_key = excluded.request_key,
       outcome = excluded.outcome`

/** Adds to the counters of a session, if it is there. */
export const addCounts = (id: string, counts: string, from = ""): string =>
  `INSERT INTO throughline.counter AS c (session_id, name, value)
       SELECT s.id, j.key, CASE j.key WHEN 'longestWaitMs' THEN greatest(0, j.value::int8) ELSE j.value::int8 END
       FROM ${from}throughline.session s, json_each_text(${counts}) j WHERE s.id = ${id} AND j.value IS NOT NULL
       ORDER BY j.key
     ON CONFLICT (session_id, name) DO UPDATE SET value =
       CASE c.name WHEN 'longestWaitMs' THEN greatest(c.value, excluded.value) ELSE c.value + excluded.value END`

/**
 * Commits and ends the operation: its lease is free, its outcome published and counted. The outcome names the snapshot of
 * `_at`: if that time is not later than that of the generation before, nothing is done, and `at` is one that would be.
 */
const commitAndEnd = `
  CREATE FUNCTION throughline.commit_2(_id text, _tag int8, _again bool, _token int8, _holder text, _epoch int8, _base int,
      _reach int, _at int8, _manifest text, _tail_from int, _checksum int8, _operation text, _ledger text,
      _ledger_checksum int8, _undone_from int[], _undone_to int[], _segments json, _usage text, _request_key text,
      _outcome text, _counts json,
      OUT status text, OUT generation int, OUT last_seq int, OUT at float8) LANGUAGE plpgsql AS $$
    #variable_conflict use_variable
    DECLARE newest int8; is_made bool;
    BEGIN
      SELECT s.left_at INTO newest FROM throughline.session s WHERE s.id = _id FOR NO KEY UPDATE;
      is_made := _again AND EXISTS (SELECT FROM throughline.generation g WHERE g.session_id = _id AND g.tag = _tag);
      IF NOT is_made AND _at <= newest THEN status := 'early'; at := newest + 1; RETURN; END IF;
      SELECT c.* INTO status, generation, last_seq, at FROM throughline.commit_1(_id, _tag, _again, _token, _holder, _epoch,
        _base, _reach, _at, _manifest, _tail_from, _checksum, _operation, _ledger, _ledger_checksum, _undone_from, _undone_to,
        _segments, _usage) c;
      IF is_made OR status <> 'ok' THEN RETURN; END IF;
      UPDATE throughline.session x SET operation_holder = NULL, operation_expires = 0 WHERE x.id = _id;
      ${saveOutcome("VALUES (_operation, _id, _request_key, _outcome)")};
      ${addCounts("_id", "_counts")};
    END $$`

/** Functions of the first schema. */
export const generationFunctions: ReadonlyArray<string> = [undo, commit, supersede]

/** Functions that the fifth schema adds. */
export const functionsOf5: ReadonlyArray<string> = [commitAndEnd]
