-- Where there are too few samples for an interval, there is none. Those that were written for fewer than five samples held
-- the median less often than they said.
alter table metrics alter column low drop not null;
alter table metrics alter column high drop not null;
update metrics set low = null, high = null where n < 5;
