-- Readings of counters, which billing looks for on both sides of a month: few among many records.
CREATE INDEX usage_record_counter ON usage_record (source, owner, span_from)
    WHERE kind = 'cumulative';
