-- What results need to leave the machine they were taken on: shards of one sweep, runs from elsewhere, the kind of each model;
-- and samples as series, a row for all values of a metric in a trial, which a million trials can have.

alter table runs add column plan_digest varchar;    -- of the whole matrix, before it was sharded: what shards of one sweep share
alter table runs add column shard integer;          -- from 1; none where the run is whole
alter table runs add column shards integer;
alter table runs add column sweep varchar;          -- names one sweep among others of its plan, as a CI's run does
alter table runs add column imported_from varchar;  -- the name of the file that it was read from; none of what was run

alter table cases add column family varchar;        -- of the model: bert, whisper
alter table cases add column modality varchar;      -- text, audio, vision, multimodal

-- Rows of a trial have no keys: the index of each row cost five times what the rows did, in time, and as much again in the file.
-- A trial's rows are written in its own transaction, by the one writer; the view `amiss` shows what would belong to none, or be
-- there twice.
create table series (
    trial_id uuid not null,
    metric varchar not null,            -- its name ends in its unit
    phase enum ('warm-up', 'measured') not null,
    taken double[] not null             -- every value, in the order taken
);
insert into series
    select trial_id, metric, phase, list(value order by position) from samples group by trial_id, metric, phase;
drop table samples;

alter table metrics rename to old_metrics;
alter table checks rename to old_checks;
alter table placements rename to old_placements;
alter table features rename to old_features;

-- The median of each metric's measured samples, with its 95 % interval where there are enough for one.
create table metrics (
    trial_id uuid not null,
    metric varchar not null,
    median double not null,
    low double,
    high double,
    n integer not null
);

-- Each output against the expected one.
create table checks (
    trial_id uuid not null,
    position integer not null,
    output varchar not null,
    elements bigint not null,
    max_abs_error double not null,
    max_abs_error_at json,              -- an index for each axis
    mean_abs_error double not null,
    cosine_similarity double not null,
    scaled_error double,
    scaled_error_at json,
    fault varchar
);

-- Nodes that ran on another engine than the one asked for.
create table placements (
    trial_id uuid not null,
    position integer not null,
    node varchar not null,
    operator varchar not null,
    engine varchar not null,
    reason varchar not null
);

-- What else shaped a trial's numbers.
create table features (
    trial_id uuid not null,
    name varchar not null,
    value varchar not null
);

insert into metrics select * from old_metrics;
insert into checks select * from old_checks;
insert into placements select * from old_placements;
insert into features select * from old_features;
drop table old_metrics;
drop table old_checks;
drop table old_placements;
drop table old_features;

alter table trials add column adapter_evidence varchar; -- how it is known which adapter computed, where it does not say
update trials set adapter_evidence = value from features where trial_id = trials.id and name = 'adapter_evidence';
delete from features where name = 'adapter_evidence';
