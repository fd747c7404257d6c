-- What results need to leave the machine they were taken on: shards of one sweep, runs from elsewhere, the kind of each model;
-- and samples as series, a row for all values of a metric in a trial, which a million trials can have.

alter table runs add column plan_digest varchar;    -- of the whole matrix, before it was sharded: what shards of one sweep share
alter table runs add column shard integer;          -- from 1; none where the run is whole
alter table runs add column shards integer;
alter table runs add column sweep varchar;          -- names one sweep among others of its plan, as a CI's run does
alter table runs add column imported_from varchar;  -- the name of the file that it was read from; none of what was run

alter table cases add column family varchar;        -- of the model: bert, whisper
alter table cases add column modality varchar;      -- text, audio, vision, multimodal

-- Rows of a trial have no keys: their indexes took four times as long to write as the rows, and more room. A trial is written in
-- one transaction with all that belongs to it, by the one writer; the view `amiss` shows what would belong to nothing, or be there
-- twice.
create table series (
    trial_id uuid not null,
    metric varchar not null,            -- its name ends in its unit
    phase enum ('warm-up', 'measured') not null,
    taken double[] not null             -- every value, in the order taken
);
insert into series
    select trial_id, metric, phase, list(value order by position) from samples group by trial_id, metric, phase;
drop table samples;

create temporary table kept_metrics as from metrics;
drop table metrics;
create temporary table kept_checks as from checks;
drop table checks;
create temporary table kept_placements as from placements;
drop table placements;
create temporary table kept_features as from features;
drop table features;

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

insert into metrics from kept_metrics;
insert into checks from kept_checks;
insert into placements from kept_placements;
insert into features from kept_features;
drop table kept_metrics;
drop table kept_checks;
drop table kept_placements;
drop table kept_features;

create temporary table kept_trials as
    select trials.*, value as adapter_evidence
    from trials left join features on features.trial_id = trials.id and name = 'adapter_evidence';
delete from features where name = 'adapter_evidence';
drop table trials;

-- One finished case of a run.
create table trials (
    id uuid primary key default uuidv7(),
    run_id uuid not null,
    position integer not null,          -- in the run's matrix, from 0
    case_key varchar not null,
    actual_target varchar,              -- where it really ran
    engine varchar not null,            -- these three: of the target where it ran, or else should have
    device varchar,
    browser varchar,
    browser_version varchar,
    driver_version varchar,
    timer_resolution_ms double,
    adapter_id varchar,
    adapter_evidence varchar,           -- how it is known which adapter computed, where it does not say
    tuning json,                        -- rows of the tuning table that the plan was made with
    session integer,                    -- of the run, from 1; none where none was opened
    session_position integer,           -- jobs of its session before it
    round integer,                      -- from 0, where targets take turns; none where each runs once
    round_position integer,             -- trials of the round before it
    concurrency integer not null,
    verdict enum ('pass', 'mismatch', 'unsupported', 'unavailable', 'timeout', 'crash', 'device-lost', 'error') not null,
    message varchar,
    tolerance double not null,
    started_at timestamptz not null,
    finished_at timestamptz not null,
    unique (run_id, position)
);

insert into trials by name select * from kept_trials order by id;
drop table kept_trials;
