"""Finding a part of a text by index on every PostgreSQL, with no extension (docs/decisions/0011).

`contacts_grams(text)` gives every run of three characters, and the shorter ones at its end, in lower case;
`contacts_gram_query(text)` gives what must be among them when the text holds another one. One or two characters are
found as the beginning of a run.
"""

from __future__ import annotations

from django.db.models import Func, TextField

CREATE_FUNCTIONS = r"""
CREATE OR REPLACE FUNCTION contacts_grams(value text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 10000 AS $grams$
DECLARE
    low text := lower(value);
    grams text[] := '{}';
BEGIN
    FOR place IN 1 .. length(low) LOOP
        grams[place] := substr(low, place, 3);
    END LOOP;
    RETURN array_to_tsvector(grams);
END
$grams$;

CREATE OR REPLACE FUNCTION contacts_gram_query(value text) RETURNS tsquery
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 100 AS $query$
DECLARE
    low text := lower(value);
    gram text;
    query text := '';
BEGIN
    FOR place IN 1 .. greatest(length(low) - 2, 1) LOOP
        gram := replace(replace(substr(low, place, 3), '\', '\\'), '''', '''''');
        query := query || CASE WHEN place > 1 THEN ' & ' ELSE '' END || '''' || gram || '''';
    END LOOP;
    RETURN CASE WHEN length(low) < 3 THEN query || ':*' ELSE query END::tsquery;
END
$query$;
"""
DROP_FUNCTIONS = "DROP FUNCTION IF EXISTS contacts_grams(text), contacts_gram_query(text)"


class Grams(Func):
    function = "contacts_grams"
    output_field = TextField()
