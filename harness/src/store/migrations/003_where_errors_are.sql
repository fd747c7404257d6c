-- Where an output is wrong, and by how much of the magnitudes around; nothing for what was checked before.

alter table checks add column max_abs_error_at varchar; -- JSON: an index for each axis
alter table checks add column scaled_error double;
alter table checks add column scaled_error_at varchar;  -- JSON
