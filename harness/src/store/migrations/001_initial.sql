-- Everything that one run of the command found out. Ids come from sequences; text in JSON where noted.

create sequence run_ids;
create sequence trial_ids;

-- One sweep or one detection. A run that is still 'running' with no process behind it was killed.
create table runs (
    id bigint primary key default nextval('run_ids'),
    kind varchar not null,              -- 'sweep' or 'detect'
    state varchar not null,             -- 'running', 'finished' or 'interrupted'
    started_at timestamp not null,      -- UTC, as every timestamp here
    finished_at timestamp,
    version varchar not null,           -- of Parallax
    host_os varchar not null,
    host_architecture varchar not null,
    host_logical_cpus integer not null
);

-- One finished case. `case_key` is equal where results may be compared over time.
create table trials (
    id bigint primary key default nextval('trial_ids'),
    run_id bigint not null,
    position integer not null,          -- in the run's matrix, from 0
    case_key varchar not null,
    model varchar not null,
    model_digest varchar not null,
    target varchar not null,            -- as asked
    actual_target varchar,              -- where it really ran
    precision varchar not null,
    batch integer not null,
    verdict varchar not null,
    message varchar,
    max_abs_error double,
    tolerance double not null,
    concurrency integer not null,
    started_at timestamp not null,
    finished_at timestamp not null,
    adapter_vendor varchar,
    adapter_architecture varchar,
    adapter_device varchar,
    adapter_backend varchar,
    adapter_software boolean,
    adapter varchar                     -- JSON: everything the adapter says, limits and features included
);

-- Every value measured, in the order taken. The metric's name ends in its unit.
create table samples (
    trial_id bigint not null,
    metric varchar not null,
    position integer not null,
    value double not null
);

-- Each metric's median with its 95 % bootstrap interval over n samples.
create table metrics (
    trial_id bigint not null,
    metric varchar not null,
    median double not null,
    low double not null,
    high double not null,
    n integer not null
);

-- Each output against PyTorch's.
create table checks (
    trial_id bigint not null,
    output varchar not null,
    elements bigint not null,
    max_abs_error double not null,
    mean_abs_error double not null,
    cosine_similarity double not null,
    fault varchar
);

-- What shaped a trial's numbers: flags and preferences in effect, versions, timer precision, kernel variants.
create table features (
    trial_id bigint not null,
    name varchar not null,
    value varchar not null
);

-- What a detection found, and what it missed.
create table capabilities (
    run_id bigint not null,
    subject varchar not null,
    state varchar not null,             -- 'present' or 'missing'
    reason varchar,
    remedy varchar,
    version varchar,
    adapter varchar,                    -- JSON
    facts varchar not null              -- JSON
);
