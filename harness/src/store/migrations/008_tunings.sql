-- What tuning found: for each class of kernels in a place every variant, and what decided between them.

create table tunings (
    run_id uuid not null references runs (id),
    target varchar not null,
    family varchar not null,            -- these two: the class of kernels
    class varchar not null,
    adapter_id varchar not null references adapters (id),
    adapter_words varchar not null,     -- what the adapter says of itself: empty in Firefox
    browser_version varchar,
    implementation varchar not null,
    software boolean not null,
    shapes integer not null,            -- that were measured
    left_out json not null,             -- those that could not be, as messages
    primary key (run_id, target, family, class)
);

create table tuning_trials (
    run_id uuid not null,
    target varchar not null,
    family varchar not null,
    class varchar not null,
    position integer not null,          -- 0 for what was chosen before
    choice json not null,
    ending json not null,
    rounds_ms json not null,
    deciding_ms json not null,
    primary key (run_id, target, family, class, position),
    foreign key (run_id, target, family, class) references tunings (run_id, target, family, class)
);
