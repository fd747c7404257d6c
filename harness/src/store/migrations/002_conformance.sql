-- The ONNX project's node tests: kind 'conformance' in runs, one row for each target, one for each test on it.

create table conformance_targets (
    run_id bigint not null,
    position integer not null,          -- in the order asked for, from 0
    target varchar not null,
    suite varchar not null,             -- its version, or the folder that the user named
    relative_tolerance double not null, -- a float passes within absolute * scale + relative * |expected|
    absolute_tolerance double not null,
    unavailable varchar,                -- why nothing was run, and what to do
    started_at timestamp not null,
    finished_at timestamp,              -- none when the user stopped it
    adapter varchar,                    -- JSON
    facts varchar,                      -- JSON: the session's: versions, flags and preferences in effect
    operators varchar,                  -- JSON: those the target reads at all
    phases_ms varchar                   -- JSON: where the time went
);

create table conformance_tests (
    run_id bigint not null,
    target varchar not null,
    test varchar not null,
    operators varchar,                  -- JSON: those of its nodes; it is about the only one
    wall_ms double,                     -- from reading it to having its outputs
    verdict varchar not null,           -- as in trials
    message varchar
);
