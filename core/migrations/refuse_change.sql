-- What the triggers of triggers.sql call.

CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: a mistake is mended by a new transfer', TG_TABLE_NAME;
END
$$;
