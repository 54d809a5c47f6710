-- Timestamps as OData's grammar allows them: without seconds, and with small
-- letters. The views and indexes use the functions by name, and stay.

-- A point in time, with a zone or in UTC. A day that does not exist fits as
-- little as an hour of 24. Fractions are cut behind the microseconds. Seconds may
-- be left out, t and z may be small.
CREATE OR REPLACE FUNCTION agent_timestamp(value jsonb) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 50 AS $$
DECLARE
  p text[]; -- year, month, day, hour, minute, second, fraction, zone
  t timestamp;
BEGIN
  IF jsonb_typeof(value) <> 'string' THEN
    RETURN NULL;
  END IF;
  p := regexp_match(btrim(value #>> '{}', E' \t\n\v\f\r'),
    '^([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:[.]([0-9]+))?)?([Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?$');
  IF p IS NULL OR p[1] = '0000' OR p[2] NOT BETWEEN '01' AND '12' OR p[3] = '00' THEN
    RETURN NULL;
  END IF;
  t := make_timestamp(p[1]::int, p[2]::int, 1, p[4]::int, p[5]::int, (coalesce(p[6], '0') || '.' || coalesce(left(p[7], 6), '0'))::float8)
    + make_interval(days => p[3]::int - 1);
  IF extract(month FROM t) <> p[2]::int THEN
    RETURN NULL;
  END IF;
  IF upper(p[8]) <> 'Z' THEN
    t := t - make_interval(mins => (left(p[8], 1) || '1')::int * (substr(p[8], 2, 2)::int * 60 + substr(p[8], 5, 2)::int));
  END IF;
  IF t < make_timestamp(1, 1, 1, 0, 0, 0) OR t >= make_timestamp(10000, 1, 1, 0, 0, 0) THEN
    RETURN NULL;
  END IF;
  RETURN t AT TIME ZONE 'UTC';
END
$$;

-- A day; of a point in time the day that is written.
CREATE OR REPLACE FUNCTION agent_date(value jsonb) RETURNS date
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 50 AS $$
DECLARE
  p text[]; -- year, month, day
  d date;
BEGIN
  IF jsonb_typeof(value) <> 'string' THEN
    RETURN NULL;
  END IF;
  p := regexp_match(btrim(value #>> '{}', E' \t\n\v\f\r'),
    '^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]+)?)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?)?$');
  IF p IS NULL OR p[1] = '0000' OR p[2] NOT BETWEEN '01' AND '12' OR p[3] = '00' THEN
    RETURN NULL;
  END IF;
  d := make_date(p[1]::int, p[2]::int, 1) + (p[3]::int - 1);
  IF extract(month FROM d) <> p[2]::int THEN
    RETURN NULL;
  END IF;
  RETURN d;
END
$$;
