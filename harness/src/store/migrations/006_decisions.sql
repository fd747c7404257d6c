-- What can be varied besides model and target, and where in a round a trial was taken.

alter table cases add column adapter varchar;       -- as asked: hardware, software, swiftshader, lavapipe, a name; 'default' is the place's own
alter table cases add column features varchar;      -- the optimisations turned off, as in '-tuned'; '' with all on
alter table cases add column dimensions json;       -- extents asked of the model's open dimensions
alter table cases add column least_ms integer;      -- samples go on for so long at least

alter table trials add column round integer;            -- from 0, where targets take turns; none where each runs once
alter table trials add column round_position integer;   -- trials of the round before it

-- Targets taking turns became a way to sweep: a trial's round says it all.
update trials set round = turns.round, round_position = turns.position from turns where turns.trial_id = trials.id;
drop view if exists comparison_ratios;
drop table turns;
drop table comparisons;

-- The drift control, a fixed piece of work on the processor: each time it was taken, and each of its repetitions.
create table controls (
    run_id uuid not null references runs (id),
    position integer not null,          -- in the run, from 0
    repetition integer not null,
    taken_at timestamptz not null,
    concurrency integer not null,
    time_ms double not null,
    primary key (run_id, position, repetition)
);

-- How long each session of a run took to open, step by step.
create table sessions (
    run_id uuid not null references runs (id),
    number integer not null,            -- as in trials.session
    kind varchar not null,
    driver_ms double not null,
    browser_ms double not null,
    navigation_ms double not null,
    module_ms double not null,
    closing_ms double,                  -- none where the run was killed
    primary key (run_id, number)
);

-- What a dispatch has to compute and to move at least; none where the planner does not know.
alter table dispatches add column flops double;
alter table dispatches add column bytes double;     -- each operand and the result, once

-- What the adapters could do at most: a row for each probe on each target of a run, and each time it was taken.
create table probes (
    run_id uuid not null references runs (id),
    target varchar not null,
    adapter_id varchar not null references adapters (id),
    browser varchar,
    browser_version varchar,
    metric varchar not null,            -- read_gb_per_s, write_gb_per_s, copy_gb_per_s, f32_gflop_per_s, ...
    timer enum ('timestamps', 'wall') not null,
    median double not null,
    low double,
    high double,
    n integer not null,
    primary key (run_id, target, metric)
);
create table probe_samples (
    run_id uuid not null,
    target varchar not null,
    metric varchar not null,
    position integer not null,
    value double not null,
    primary key (run_id, target, metric, position),
    foreign key (run_id, target, metric) references probes (run_id, target, metric)
);
