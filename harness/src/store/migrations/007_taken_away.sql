-- What results need to leave the machine they were taken on: shards of one sweep, runs from elsewhere, the kind of each model;
-- and samples as series, a row for all values of a metric in a trial, which a million trials can have.

alter table runs add column plan_digest varchar;    -- of the whole matrix, before it was sharded: what shards of one sweep share
alter table runs add column shard integer;          -- from 1; none where the run is whole
alter table runs add column shards integer;
alter table runs add column sweep varchar;          -- names one sweep among others of its plan, as a CI's run does
alter table runs add column imported_from varchar;  -- the name of the file that it was read from; none of what was run

alter table cases add column family varchar;        -- of the model: bert, whisper
alter table cases add column modality varchar;      -- text, audio, vision, multimodal

create table series (
    trial_id uuid not null references trials (id),
    metric varchar not null,            -- its name ends in its unit
    phase enum ('warm-up', 'measured') not null,
    taken double[] not null,            -- every value, in the order taken
    primary key (trial_id, metric, phase)
);
insert into series
    select trial_id, metric, phase, list(value order by position) from samples group by trial_id, metric, phase;
drop table samples;
