/**
 * The functions that write. Each locks the session's row first: it is the session's lock, its fence and its counters in
 * one. A statement that waited for a row still sees other tables as they were when it began, so that everything else is
 * read by later statements of the function, which see what was committed meanwhile.
 *
 * Who lost the connection before the answer repeats the call with the same `_tag`. What the first one wrote has the tag.
 * If there is nothing, the tag goes to the table `repeated`, and a first call that comes late writes nothing any more.
 *
 * Functions are named by their version: a newer library adds others, and hosts with the older one go on to use these.
 */

import { type LeaseName, MOST_LIVES } from "../store/model.ts"

export const refuseLate = (tag: string, again: string) => `
      IF ${again} THEN INSERT INTO throughline.repeated VALUES (${tag}, clock_timestamp()) ON CONFLICT DO NOTHING;
      ELSIF EXISTS (SELECT FROM throughline.repeated WHERE tag = ${tag}) THEN RAISE 'it was repeated meanwhile'; END IF;`

/** A token that is later than each that a crash of the server may have taken back: none is given to two holders. */
export const MICROSECONDS = "(extract(epoch FROM clock_timestamp()) * 1000000)::int8"

/** A tag is looked for in so many of the newest messages of a session. */
const NEWEST = 5_000

/** The server's clock in milliseconds, unless another one is given: the clocks of two hosts differ. */
const clock = `
  CREATE FUNCTION throughline.clock_1(_now int8) RETURNS int8 LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(_now, floor(extract(epoch FROM clock_timestamp()) * 1000)::int8) $$`

/** In one order, so that two that write to the same sessions do not wait for each other in a ring. */
const deliver = `
  CREATE FUNCTION throughline.deliver_1(_ids text[], _tags int8[], _kinds text[], _tokens int[], _bodies text[],
      _checksums int8[], _keys text[], _digests text[], _at int8, _again bool)
      RETURNS TABLE (place int, arrival int, duplicate bool) LANGUAGE plpgsql AS $$
    #variable_conflict use_column
    DECLARE r record; earlier record; n int;
    BEGIN
      FOR r IN SELECT * FROM unnest(_ids, _tags, _kinds, _tokens, _bodies, _checksums, _keys, _digests)
          WITH ORDINALITY AS u(id, tag, kind, tokens, body, checksum, key, digest, place)
          ORDER BY u.id COLLATE "C", u.place LOOP
        LOOP
          UPDATE throughline.session s SET arrivals = s.arrivals + 1 WHERE s.id = r.id RETURNING s.arrivals INTO n;
          EXIT WHEN FOUND;
          INSERT INTO throughline.session (id, epoch, arrivals, began, created)
            SELECT r.id, floor(random() * 140737488355328), coalesce(max(f.arrivals), 0), r.tag, _at
            FROM throughline.forgotten f ON CONFLICT DO NOTHING;
        END LOOP;
        place := r.place; duplicate := false; arrival := n;
        IF _again THEN
          SELECT x.arrival INTO earlier FROM (
            SELECT i.arrival FROM throughline.inbox i WHERE i.session_id = r.id AND i.tag = r.tag UNION ALL
            SELECT m.arrival FROM throughline.message m WHERE m.session_id = r.id AND m.tag = r.tag
              AND m.seq > (SELECT s.last_seq FROM throughline.session s WHERE s.id = r.id) - ${NEWEST}) x LIMIT 1;
          IF FOUND THEN
            UPDATE throughline.session s SET arrivals = s.arrivals - 1 WHERE s.id = r.id;
            arrival := earlier.arrival; RETURN NEXT; CONTINUE;
          END IF;
        END IF;${refuseLate("r.tag", "_again")}
        IF r.key IS NOT NULL THEN
          SELECT d.arrival, d.digest INTO earlier FROM throughline.delivery_key d
            WHERE d.session_id = r.id AND d.key = r.key;
          IF FOUND THEN
            UPDATE throughline.session s SET arrivals = s.arrivals - 1 WHERE s.id = r.id;
            duplicate := true;
            arrival := CASE WHEN earlier.digest = r.digest THEN earlier.arrival END;
            RETURN NEXT; CONTINUE;
          END IF;
          INSERT INTO throughline.delivery_key (session_id, key, arrival, digest) VALUES (r.id, r.key, n, r.digest);
        END IF;
        INSERT INTO throughline.inbox (session_id, arrival, kind, tokens, body, at, checksum, tag)
          VALUES (r.id, n, r.kind, r.tokens, r.body, _at, r.checksum, r.tag);
        RETURN NEXT;
      END LOOP;
    END $$`

/** All or none: a session that exists takes everything back. */
const importAll = `
  CREATE FUNCTION throughline.import_1(_ids text[], _counts int[], _totals int8[], _owners text[], _seqs int[],
      _kinds text[], _tokens int[], _bodies text[], _checksums int8[], _at int8, _tag int8, _again bool)
      RETURNS void LANGUAGE plpgsql AS $$
    DECLARE r record;
    BEGIN
      FOR r IN SELECT * FROM unnest(_ids, _counts, _totals) AS u(id, count, total) ORDER BY id COLLATE "C" LOOP
        INSERT INTO throughline.session (id, epoch, arrivals, last_seq, total, began, created)
          SELECT r.id, floor(random() * 140737488355328), coalesce(max(f.arrivals), 0), r.count, r.total, _tag, _at
          FROM throughline.forgotten f ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
          IF _again AND EXISTS (SELECT FROM throughline.session WHERE id = r.id AND began = _tag) THEN RETURN; END IF;
          RAISE EXCEPTION USING ERRCODE = 'TL001', MESSAGE = 'the session exists', DETAIL = r.id;
        END IF;
      END LOOP;
      ${refuseLate("_tag", "_again")}
      INSERT INTO throughline.message (session_id, seq, kind, tokens, body, at, checksum, tag)
        SELECT owner, seq, kind, tokens, body, _at, checksum, _tag
        FROM unnest(_owners, _seqs, _kinds, _tokens, _bodies, _checksums) AS u(owner, seq, kind, tokens, body, checksum);
    END $$`

/** Keeps beside each session what an import has left. */
const importBeside = `
  CREATE FUNCTION throughline.import_2(_ids text[], _counts int[], _totals int8[], _owners text[], _seqs int[],
      _kinds text[], _tokens int[], _bodies text[], _checksums int8[], _at int8, _tag int8, _again bool,
      _origins text[], _left text[]) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM throughline.import_1(_ids, _counts, _totals, _owners, _seqs, _kinds, _tokens, _bodies, _checksums, _at,
        _tag, _again);
      INSERT INTO throughline.imported (session_id, origin, left_out)
        SELECT * FROM unnest(_ids, _origins, _left) AS u(id, origin, left_out)
        WHERE origin IS NOT NULL OR left_out IS NOT NULL ON CONFLICT DO NOTHING;
    END $$`

/** What is taken is exactly what was deleted. If nothing waits, nothing is written. */
const promote = `
  CREATE FUNCTION throughline.promote_1(_id text, _tag int8, _again bool, _token int8, _holder text, _epoch int8,
      _usage text, _usage_generation int)
      RETURNS TABLE (status text, last_seq int, generation int, usage text, windows text,
        seq int, arrival int, kind text, tokens int, body text, at float8, checksum float8) LANGUAGE plpgsql AS $$
    #variable_conflict use_column
    DECLARE s throughline.session; last int; more int8 := 0;
    BEGIN
      IF _again OR EXISTS (SELECT FROM throughline.inbox WHERE session_id = _id) THEN
        SELECT * INTO s FROM throughline.session WHERE id = _id FOR NO KEY UPDATE;
      ELSE
        SELECT * INTO s FROM throughline.session WHERE id = _id;
      END IF;
      status := CASE WHEN s.id IS NOT NULL AND s.epoch <> _epoch THEN 'superseded'
        WHEN s.turn_token = _token AND s.turn_holder = _holder THEN 'ok' ELSE 'lost' END;
      last_seq := s.last_seq; generation := s.generation; windows := s.windows;
      usage := CASE WHEN _usage_generation = s.generation THEN _usage ELSE s.usage END;
      IF status <> 'ok' THEN RETURN NEXT; RETURN; END IF;
      IF _again AND s.promoted_by = _tag THEN
        last_seq := s.promoted_from - 1;
        FOR seq, arrival, kind, tokens, body, at, checksum IN
          SELECT m.seq, m.arrival, m.kind, m.tokens, m.body, m.at, m.checksum FROM throughline.message m
          WHERE m.session_id = _id AND m.seq BETWEEN s.promoted_from AND s.last_seq ORDER BY m.seq
        LOOP RETURN NEXT; END LOOP;
        RETURN;
      END IF;
      ${refuseLate("_tag", "_again")}
      FOR seq, arrival, kind, tokens, body, at, checksum IN
        WITH taken AS (DELETE FROM throughline.inbox WHERE session_id = _id RETURNING *),
        put AS (
          INSERT INTO throughline.message (session_id, seq, arrival, kind, tokens, body, at, checksum, tag)
          SELECT _id, s.last_seq + row_number() OVER (ORDER BY t.arrival), t.arrival, t.kind, t.tokens, t.body, t.at,
            t.checksum, t.tag FROM taken t RETURNING *)
        SELECT p.seq, p.arrival, p.kind, p.tokens, p.body, p.at, p.checksum FROM put p ORDER BY p.seq
      LOOP last := seq; more := more + tokens; RETURN NEXT; END LOOP;
      IF last IS NULL THEN RETURN NEXT; RETURN; END IF;
      UPDATE throughline.session x SET last_seq = last, total = s.total + more, usage = promote_1.usage,
        promoted_by = _tag, promoted_from = s.last_seq + 1 WHERE x.id = _id;
    END $$`

/** Locks the row, then returns the holder of the lease, or takes it without waiting for the disk. */
const takeLease = (name: LeaseName) => `
      SELECT * INTO s FROM throughline.session WHERE id = _id FOR NO KEY UPDATE;
      IF NOT FOUND THEN RETURN; END IF;
      now := throughline.clock_1(_now);
      IF s.${name}_holder IS NOT NULL AND NOT (_again AND s.${name}_holder = _holder)
          AND now BETWEEN s.${name}_expires - ${MOST_LIVES} * s.${name}_ttl AND s.${name}_expires - 1 THEN
        holder := s.${name}_holder; remaining := s.${name}_expires - now; RETURN NEXT; RETURN;
      END IF;
      PERFORM set_config('synchronous_commit', 'off', true);
      given := greatest(s.${name}_token + 1, ${MICROSECONDS});
      UPDATE throughline.session x SET ${name}_token = given, ${name}_holder = _holder, ${name}_ttl = _ttl,
        ${name}_expires = now + _ttl WHERE x.id = _id;`

/**
 * Takes the lease of a turn and promotes the inbox. Neither waits for the disk: what a crash takes back of the one it takes
 * back of the other, and the messages are in the inbox again.
 */
const begin = `
  CREATE FUNCTION throughline.begin_1(_id text, _tag int8, _again bool, _holder text, _ttl int8, _now int8, _usage text,
      _usage_generation int)
      RETURNS TABLE (token float8, epoch float8, holder text, remaining float8, last_seq int, generation int, usage text,
        windows text, seq int, arrival int, kind text, tokens int, body text, at float8, checksum float8)
      LANGUAGE plpgsql AS $$
    #variable_conflict use_column
    DECLARE s throughline.session; now int8; given int8;
    BEGIN${takeLease("turn")}
      RETURN QUERY SELECT given::float8, s.epoch::float8, NULL::text, NULL::float8, p.last_seq, p.generation, p.usage,
        p.windows, p.seq, p.arrival, p.kind, p.tokens, p.body, p.at, p.checksum
        FROM throughline.promote_1(_id, _tag, _again, given, _holder, s.epoch, _usage, _usage_generation) p;
    END $$`

/** Takes the lease of an operation and reads what it begins with. Who changes the ledger locks the row first. */
const beginOperation = `
  CREATE FUNCTION throughline.begin_operation_1(_id text, _again bool, _holder text, _ttl int8, _now int8)
      RETURNS TABLE (token float8, epoch float8, holder text, remaining float8, generation int, last_seq int, total float8,
        usage text, windows text, ledger text)
      LANGUAGE plpgsql AS $$
    #variable_conflict use_column
    DECLARE s throughline.session; now int8; given int8;
    BEGIN${takeLease("operation")}
      token := given; epoch := s.epoch; generation := s.generation; last_seq := s.last_seq; total := s.total;
      usage := s.usage; windows := s.windows;
      ledger := (SELECT l.body FROM throughline.ledger l WHERE l.session_id = _id);
      RETURN NEXT;
    END $$`

/** Replaces pauses, unless somebody else has changed one of them. */
const savePauses = `
  CREATE FUNCTION throughline.save_pauses_1(_keys text[], _failures float8[], _levels float8[], _untils float8[],
      _failures_before float8[], _levels_before float8[], _untils_before float8[]) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE r record;
    BEGIN
      FOR r IN SELECT * FROM unnest(_keys, _failures, _levels, _untils, _failures_before, _levels_before, _untils_before)
          AS u(key, failures, level, until, failures_before, level_before, until_before) ORDER BY u.key COLLATE "C" LOOP
        IF r.failures = 0 THEN
          DELETE FROM throughline.route_pause p WHERE p.key = r.key
            AND (p.failures, p.level, p.until) = (r.failures_before, r.level_before, r.until_before);
        ELSE
          INSERT INTO throughline.route_pause AS p (key, failures, level, until)
            VALUES (r.key, r.failures, r.level, r.until)
            ON CONFLICT (key) DO UPDATE SET failures = excluded.failures, level = excluded.level, until = excluded.until
            WHERE (p.failures, p.level, p.until) = (r.failures_before, r.level_before, r.until_before);
        END IF;
        IF NOT FOUND THEN RAISE EXCEPTION USING ERRCODE = 'TL002', MESSAGE = 'the pause has changed'; END IF;
      END LOOP;
    END $$`

const append = `
  CREATE FUNCTION throughline.append_1(_id text, _tag int8, _again bool, _token int8, _holder text, _epoch int8, _at int8,
      _tokens int[], _bodies text[], _checksums int8[], _usage text, _usage_generation int,
      OUT status text, OUT before int, OUT generation int) LANGUAGE plpgsql AS $$
    #variable_conflict use_column
    DECLARE n int := coalesce(array_length(_bodies, 1), 0); _epoch_now int8;
    BEGIN
      IF _again THEN
        PERFORM FROM throughline.session WHERE id = _id FOR NO KEY UPDATE;
        SELECT min(m.seq) - 1, min(s.generation) INTO before, generation FROM throughline.session s
          JOIN throughline.message m ON m.session_id = s.id AND m.seq > s.last_seq - ${NEWEST} AND m.tag = _tag
          WHERE s.id = _id;
        IF before IS NOT NULL THEN status := 'ok'; RETURN; END IF;
      END IF;
      UPDATE throughline.session s SET last_seq = s.last_seq + n,
          total = s.total + (SELECT coalesce(sum(t), 0) FROM unnest(_tokens) t),
          usage = CASE WHEN s.generation = _usage_generation THEN _usage ELSE s.usage END
        WHERE s.id = _id AND s.turn_token = _token AND s.turn_holder = _holder AND s.epoch = _epoch
        RETURNING s.last_seq - n, s.generation INTO before, generation;
      IF NOT FOUND THEN
        SELECT s.epoch INTO _epoch_now FROM throughline.session s WHERE s.id = _id;
        status := CASE WHEN _epoch_now <> _epoch THEN 'superseded' ELSE 'lost' END;
        RETURN;
      END IF;
      status := 'ok';
      ${refuseLate("_tag", "_again")}
      INSERT INTO throughline.message (session_id, seq, tokens, body, at, checksum, tag)
        SELECT _id, before + u.n, u.tokens, u.body, _at, u.checksum, _tag
        FROM unnest(_tokens, _bodies, _checksums) WITH ORDINALITY AS u(tokens, body, checksum, n);
    END $$`

/** The tables with rows of a session, by the column of its id. */
const SESSION_TABLES = [
  "inbox",
  "delivery_key",
  "message",
  "segment",
  "generation",
  "ledger",
  "undone",
  "counter",
  "operation",
  "recall"
]

/** Of a session that is gone one number stays, without its name: no later receipt of its id is one of before. */
const makeForget = (create: string, tables: ReadonlyArray<string>) => `
  ${create} FUNCTION throughline.forget_1(_id text, _now int8, _lives int,
      OUT status text, OUT holder text, OUT messages int, OUT waiting int, OUT last_arrival int) LANGUAGE plpgsql AS $$
    #variable_conflict use_variable
    DECLARE s throughline.session; now int8 := throughline.clock_1(_now);
    BEGIN
      SELECT * INTO s FROM throughline.session WHERE id = _id FOR UPDATE;
      IF NOT FOUND THEN status := 'unknown'; RETURN; END IF;
      holder := coalesce(
        CASE WHEN now BETWEEN s.turn_expires - _lives * s.turn_ttl AND s.turn_expires - 1 THEN s.turn_holder END,
        CASE WHEN now BETWEEN s.operation_expires - _lives * s.operation_ttl AND s.operation_expires - 1
          THEN s.operation_holder END);
      IF holder IS NOT NULL THEN status := 'busy'; RETURN; END IF;
      status := 'ok'; messages := s.last_seq;
      SELECT count(*) INTO waiting FROM throughline.inbox i WHERE i.session_id = _id;
      INSERT INTO throughline.forgotten AS f (one, arrivals) VALUES (true, s.arrivals)
        ON CONFLICT (one) DO UPDATE SET arrivals = greatest(f.arrivals, excluded.arrivals)
        RETURNING f.arrivals INTO last_arrival;
      DELETE FROM throughline.heal_try h USING throughline.segment g WHERE h.segment_id = g.id AND g.session_id = _id;
${tables.map((table) => `      DELETE FROM throughline.${table} x WHERE x.session_id = _id;`).join("\n")}
      DELETE FROM throughline.session x WHERE x.id = _id;
    END $$`

/** Functions of the first schema. */
export const functions: ReadonlyArray<string> = [
  clock,
  deliver,
  importAll,
  promote,
  append,
  makeForget("CREATE", SESSION_TABLES)
]

/** The functions of the schema that keeps what an import has left. Hosts of the version before forget it, too. */
export const functionsOfImports: ReadonlyArray<string> = [
  importBeside,
  makeForget("CREATE OR REPLACE", [...SESSION_TABLES, "imported"])
]

/** Functions that the second schema adds. */
export const functionsOf2: ReadonlyArray<string> = [begin]

/** Functions that the fourth schema adds. */
export const functionsOf4: ReadonlyArray<string> = [beginOperation, savePauses]
