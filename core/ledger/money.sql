CREATE OR REPLACE FUNCTION money_text(minor bigint, currency text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    -- The same words as core/money.py (a test compares them): an SMS that tells a balance is written in here, where it is known.
    SELECT CASE WHEN minor < 0 THEN '-' ELSE '' END || currency || ' ' || CASE
        WHEN currency IN ('UGX', 'RWF') THEN to_char(abs(minor), 'FM999,999,999,999,999,990')
        WHEN minor % 100 = 0 THEN to_char(abs(minor) / 100, 'FM999,999,999,999,999,990')
        ELSE to_char(abs(minor) / 100.0, 'FM999,999,999,999,999,990.00')
    END
$$;
