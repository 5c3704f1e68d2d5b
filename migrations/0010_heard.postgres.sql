-- Messages of a bus are observations of their own certainty: a program that does not know it can
-- read no observations.
ALTER TABLE observation DROP CONSTRAINT observation_certainty_check;
ALTER TABLE observation ADD CONSTRAINT observation_certainty_check
    CHECK (certainty IN ('made', 'event', 'heard', 'seen', 'missing'));
UPDATE schema_compatibility SET compatible_from = 10;
