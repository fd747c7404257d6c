-- Built anew: identifiers that can be merged, keys on every table, types, and what a case's key was made of.
-- Identifiers are UUIDs of version 7 (RFC 9562): they sort by time. Those of rows that were there before follow from what is
-- in them, so that copies of one database agree.

alter table runs rename to old_runs;
alter table trials rename to old_trials;
alter table samples rename to old_samples;
alter table metrics rename to old_metrics;
alter table checks rename to old_checks;
alter table features rename to old_features;
alter table capabilities rename to old_capabilities;
alter table conformance_targets rename to old_targets;
alter table conformance_tests rename to old_tests;

-- One run of a command. One that is still 'running' with no process behind it was killed.
create table runs (
    id uuid primary key default uuidv7(),
    kind enum ('sweep', 'detect', 'conformance', 'bench-models', 'bench-matmul', 'profile', 'diverge') not null,
    state enum ('running', 'finished', 'interrupted', 'failed') not null,
    message varchar,                    -- why it failed
    started_at timestamptz not null,
    finished_at timestamptz,
    version varchar not null,           -- of Parallax
    commit_hash varchar,                -- of the repository that it was run in
    command_line json,                  -- a list
    host_name varchar,
    host_os varchar not null,
    host_architecture varchar not null,
    host_logical_cpus integer not null
);

-- What computed: a GPU as WebGPU or wgpu describes it, or a CPU. The identifier hashes all of it.
create table adapters (
    id varchar primary key,
    vendor varchar not null,
    architecture varchar not null,
    device varchar not null,
    description varchar not null,       -- the driver, in its own words
    backend varchar not null,
    software boolean not null,
    features json not null,
    limits json not null
);

-- What is equal where results may be compared over time: a key, and everything that it hashes.
create table cases (
    key varchar primary key,
    version integer not null,           -- of the way to hash; 1 hashed flags of the plan alone, and what it hashed was not kept
    model varchar not null,
    model_digest varchar not null,
    target varchar not null,            -- as asked
    precision varchar not null,
    batch integer not null,
    samples integer,
    warmup_limit integer,
    strict boolean,
    browser_settings json,              -- flags and preferences in effect; none where there is no browser
    browser_settings_digest varchar,
    tuning varchar,
    temperature varchar
);

-- One finished case of a run.
create table trials (
    id uuid primary key default uuidv7(),
    run_id uuid not null references runs (id),
    position integer not null,          -- in the run's matrix, from 0
    case_key varchar not null references cases (key),
    actual_target varchar,              -- where it really ran
    engine varchar not null,            -- these three: of the target where it ran, or else should have
    device varchar,
    browser varchar,
    browser_version varchar,
    driver_version varchar,
    timer_resolution_ms double,
    adapter_id varchar references adapters (id),
    tuning json,                        -- rows of the tuning table that the plan was made with
    session integer,                    -- of the run, from 1; none where none was opened
    session_position integer,           -- jobs of its session before it
    concurrency integer not null,
    verdict enum ('pass', 'mismatch', 'unsupported', 'unavailable', 'timeout', 'crash', 'device-lost', 'error') not null,
    message varchar,
    tolerance double not null,
    started_at timestamptz not null,
    finished_at timestamptz not null,
    unique (run_id, position)
);

-- Every value measured, in the order taken. The metric's name ends in its unit.
create table samples (
    trial_id uuid not null references trials (id),
    metric varchar not null,
    phase enum ('warm-up', 'measured') not null,
    position integer not null,
    value double not null,
    primary key (trial_id, metric, phase, position)
);

-- The median of each metric's measured samples, with its 95 % interval where there are enough for one.
create table metrics (
    trial_id uuid not null references trials (id),
    metric varchar not null,
    median double not null,
    low double,
    high double,
    n integer not null,
    primary key (trial_id, metric)
);

-- Each output against the expected one.
create table checks (
    trial_id uuid not null references trials (id),
    position integer not null,
    output varchar not null,
    elements bigint not null,
    max_abs_error double not null,
    max_abs_error_at json,              -- an index for each axis
    mean_abs_error double not null,
    cosine_similarity double not null,
    scaled_error double,
    scaled_error_at json,
    fault varchar,
    primary key (trial_id, position)
);

-- Nodes that ran on another engine than the one asked for.
create table placements (
    trial_id uuid not null references trials (id),
    position integer not null,
    node varchar not null,
    operator varchar not null,
    engine varchar not null,
    reason varchar not null,
    primary key (trial_id, position)
);

-- What else shaped a trial's numbers.
create table features (
    trial_id uuid not null references trials (id),
    name varchar not null,
    value varchar not null,
    primary key (trial_id, name)
);

-- A model on two targets that took turns, and which trials these were.
create table comparisons (
    id uuid primary key default uuidv7(),
    run_id uuid not null references runs (id),
    position integer not null,
    model varchar not null,
    ours varchar not null,
    other varchar not null,
    unique (run_id, position)
);
create table turns (
    comparison_id uuid not null references comparisons (id),
    round integer not null,
    side enum ('ours', 'other') not null,
    position integer not null,          -- in the round
    trial_id uuid not null unique references trials (id),
    primary key (comparison_id, round, side)
);

-- One square matrix product in a browser, ours and onnxruntime-web's.
create table products (
    run_id uuid not null references runs (id),
    position integer not null,
    browser varchar not null,
    size integer not null,              -- rows and columns of both operands
    verdict enum ('pass', 'mismatch', 'unsupported', 'unavailable', 'timeout', 'crash', 'device-lost', 'error') not null,
    message varchar,
    adapter_id varchar references adapters (id),
    max_abs_difference double,
    facts json not null,                -- the session's: versions, flags and preferences in effect
    primary key (run_id, position)
);
create table product_times (
    run_id uuid not null,
    position integer not null,
    side enum ('ours', 'ours-gpu', 'other') not null,
    round integer not null,
    time_ms double not null,
    primary key (run_id, position, side, round),
    foreign key (run_id, position) references products (run_id, position)
);

-- A model run with every dispatch timed.
create table profiles (
    run_id uuid primary key references runs (id),
    model varchar not null,
    model_digest varchar not null,
    target varchar not null,
    adapter_id varchar not null references adapters (id),
    inferences integer not null,
    facts json not null
);
create table dispatches (
    run_id uuid not null references profiles (run_id),
    position integer not null,          -- in the plan
    program varchar not null,
    node varchar not null,
    kernel varchar not null,
    workgroups json not null,           -- along each dimension
    primary key (run_id, position)
);
create table dispatch_times (
    run_id uuid not null,
    position integer not null,
    turn integer not null,              -- of its program
    gpu_ms double not null,
    primary key (run_id, position, turn),
    foreign key (run_id, position) references dispatches (run_id, position)
);

-- Two runs of a model with every value kept, node by node.
create table divergences (
    run_id uuid primary key references runs (id),
    model varchar not null,
    model_digest varchar not null,
    a varchar not null,
    b varchar not null,
    adapter_a varchar not null references adapters (id),
    adapter_b varchar not null references adapters (id),
    tolerance double not null,
    unfused boolean not null
);
create table divergence_nodes (
    run_id uuid not null references divergences (run_id),
    position integer not null,          -- in the order of a
    node varchar not null,
    operator varchar not null,
    value varchar not null,
    value_on_b varchar not null,
    tensor_type varchar not null,
    max_abs double not null,
    relative double not null,
    magnitude double not null,
    inherited double not null,
    growth double,
    finding enum ('agrees', 'parts', 'follows') not null,
    fault varchar,
    primary key (run_id, position)
);

-- What a detection found, and what it missed.
create table capabilities (
    run_id uuid not null references runs (id),
    position integer not null,
    subject varchar not null,
    state enum ('present', 'missing') not null,
    reason varchar,
    remedy varchar,
    version varchar,
    adapter json,
    facts json not null,
    primary key (run_id, position)
);

-- The ONNX project's node tests: one row for each target, one for each test on it.
create table conformance_targets (
    run_id uuid not null references runs (id),
    position integer not null,          -- in the order asked for, from 0
    target varchar not null,
    suite varchar not null,             -- its version, or the folder that the user named
    relative_tolerance double not null, -- a float passes within absolute * scale + relative * |expected|
    absolute_tolerance double not null,
    unavailable varchar,                -- why nothing was run, and what to do
    started_at timestamptz not null,
    finished_at timestamptz,            -- none when the user stopped it
    adapter json,
    facts json,                         -- the session's: versions, flags and preferences in effect
    operators json,                     -- those the target reads at all
    phases_ms json,                     -- where the time went
    primary key (run_id, target)
);
create table conformance_tests (
    run_id uuid not null,
    target varchar not null,
    test varchar not null,
    operators json,                     -- those of its nodes; it is about the only one
    wall_ms double,                     -- from reading it to having its outputs
    verdict enum ('pass', 'mismatch', 'unsupported', 'unavailable', 'timeout', 'crash', 'device-lost', 'error') not null,
    message varchar,
    primary key (run_id, target, test),
    foreign key (run_id, target) references conformance_targets (run_id, target)
);

create temporary table run_of as
    select id as old, format('{:012x}7{}8{}', epoch_ms(started_at), hash[1:3], hash[4:18])::uuid as id
    from (select *, md5(concat_ws('/', 'run', id, epoch_us(started_at))) as hash from old_runs);
create temporary table trial_of as
    select id as old, format('{:012x}7{}8{}', epoch_ms(started_at), hash[1:3], hash[4:18])::uuid as id
    from (select *, md5(concat_ws('/', 'trial', id, epoch_us(started_at))) as hash from old_trials);

insert into runs (id, kind, state, started_at, finished_at, version, host_os, host_architecture, host_logical_cpus)
    select run_of.id, kind, state, to_timestamp(epoch_us(started_at) / 1e6), to_timestamp(epoch_us(finished_at) / 1e6),
        version, host_os, host_architecture, host_logical_cpus
    from old_runs join run_of on run_of.old = old_runs.id;

insert into adapters
    select substr(sha256(text), 1, 32), adapter ->> 'vendor', adapter ->> 'architecture', adapter ->> 'device',
        adapter ->> 'description', adapter ->> 'backend', (adapter ->> 'software')::boolean,
        adapter -> 'features', adapter -> 'limits'
    from (select distinct adapter as text, adapter::json as adapter from old_trials where adapter is not null);

insert into cases (key, version, model, model_digest, target, precision, batch)
    select distinct on (case_key) case_key, 1, model, model_digest, target, precision, batch from old_trials;

insert into trials
    select trial_of.id, run_of.id, position, case_key, actual_target,
        regexp_extract(coalesce(actual_target, target), '^[^:@]+'),
        nullif(regexp_extract(coalesce(actual_target, target), ':([^@]+)', 1), ''),
        nullif(regexp_extract(coalesce(actual_target, target), '@(.+)$', 1), ''),
        facts['browser_version'], facts['driver_version'], try_cast(facts['timer_resolution_ms'] as double),
        substr(sha256(adapter), 1, 32), null, null, null, concurrency, verdict, message, tolerance,
        to_timestamp(epoch_us(started_at) / 1e6), to_timestamp(epoch_us(finished_at) / 1e6)
    from old_trials
        join run_of on run_of.old = old_trials.run_id
        join trial_of on trial_of.old = old_trials.id
        left join (select trial_id, map(list(name), list(value)) as facts from old_features group by trial_id)
            on trial_id = old_trials.id;

insert into samples
    select trial_of.id, metric, 'measured', position, value from old_samples join trial_of on old = trial_id;
insert into metrics
    select trial_of.id, metric, median, low, high, n from old_metrics join trial_of on old = trial_id
    where metric <> 'throughput_per_s';
insert into checks
    select trial_of.id, row_number() over (partition by trial_id order by old_checks.rowid) - 1, output, elements,
        max_abs_error, max_abs_error_at, mean_abs_error, cosine_similarity, scaled_error, scaled_error_at, fault
    from old_checks join trial_of on old = trial_id;
insert into features
    select trial_of.id, name, value from old_features join trial_of on old = trial_id
    where name not in ('browser_version', 'driver_version', 'timer_resolution_ms', 'elsewhere');

-- "node (operator) on engine: reason; ...", where a reason may hold semicolons of its own.
insert into placements
    with pieces as (
        select trial_id, unnest(string_split(value, '; ')) as piece, generate_subscripts(string_split(value, '; '), 1) as place
        from old_features where name = 'elsewhere' and value <> ''
    ), begun as (
        select *, sum(regexp_matches(piece, '^.* \(\w+\) on [a-z-]+: ')::integer)
            over (partition by trial_id order by place) as number
        from pieces
    ), nodes as (
        select trial_id, number, string_agg(piece, '; ' order by place) as node
        from begun where number > 0 group by trial_id, number
    )
    select trial_of.id, number - 1, parts.node, parts.operator, parts.engine, parts.reason
    from (
        select *, regexp_extract(node, '^(.*?) \((\w+)\) on ([a-z-]+): (.*)$', ['node', 'operator', 'engine', 'reason']) as parts
        from nodes
    ) join trial_of on old = trial_id;

insert into capabilities
    select run_of.id, row_number() over (partition by run_id order by old_capabilities.rowid) - 1, subject, state, reason,
        remedy, version, adapter, facts
    from old_capabilities join run_of on old = run_id;
insert into conformance_targets
    select run_of.id, position, target, suite, relative_tolerance, absolute_tolerance, unavailable,
        to_timestamp(epoch_us(started_at) / 1e6), to_timestamp(epoch_us(finished_at) / 1e6), adapter, facts, operators, phases_ms
    from old_targets join run_of on old = run_id;
insert into conformance_tests
    select run_of.id, target, test, operators, wall_ms, verdict, message from old_tests join run_of on old = run_id;

drop table run_of;
drop table trial_of;
drop table old_tests;
drop table old_targets;
drop table old_capabilities;
drop table old_features;
drop table old_checks;
drop table old_metrics;
drop table old_samples;
drop table old_trials;
drop table old_runs;
drop sequence run_ids;
drop sequence trial_ids;
