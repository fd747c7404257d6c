-- What follows from the tables. A view belongs to the program that opens the database, not to the database: each is made anew.

-- Every value measured, a row each.
create or replace view samples as
    select trial_id, metric, phase, unnest(range(len(taken)))::integer as position, unnest(taken) as value from series;

create or replace view throughput as
    select trial_id, cases.batch * 1000 / median as per_s, cases.batch * 1000 / high as low, cases.batch * 1000 / low as high, n
    from metrics join trials on trials.id = trial_id join cases on cases.key = case_key
    where metric = 'latency_ms' and coalesce(low, median) > 0;

create or replace view results as
    select run_id, trials.id as trial_id, trials.started_at, model, model_digest, target, actual_target, engine,
        trials.device, browser,
        browser_version, driver_version, adapters.vendor as adapter_vendor, adapters.architecture as adapter_architecture,
        adapters.device as adapter_device, software, precision, batch, verdict, message,
        (select max(max_abs_error) from checks where checks.trial_id = trials.id) as max_abs_error, tolerance,
        latency.median as latency_ms, latency.low as latency_low_ms, latency.high as latency_high_ms, per_s as throughput_per_s
    from trials join cases on cases.key = case_key
        left join adapters on adapters.id = adapter_id
        left join metrics as latency on latency.trial_id = trials.id and latency.metric = 'latency_ms'
        left join throughput on throughput.trial_id = trials.id;

-- How a latency grows with each dimension that extents were asked of; all else that was varied stands beside it.
create or replace view scaling as
    select run_id, trial_id, model, target, precision, features, others, dimension, extent, latency_ms, per_s
    from (
        select trials.run_id, trials.id as trial_id, model, target, precision, features,
            unnest(json_keys(dimensions)) as dimension,
            (dimensions ->> ('$."' || dimension || '"'))::bigint as extent,
            json_merge_patch(dimensions, json_object(dimension, null)) as others,
            median as latency_ms, per_s
        from trials join cases on cases.key = case_key
            join metrics on metrics.trial_id = trials.id and metric = 'latency_ms'
            left join throughput on throughput.trial_id = trials.id
        where verdict = 'pass'
    );

-- Where targets take turns: how many times as long as another of the same model one takes, by round. A case counts in a round by
-- the time that a tenth of its samples in both turns lies below.
create or replace view turn_ratios as
    with rounds as (
        select run_id, round, model, model_digest, target, adapter, features,
            list_sort(flatten(list(taken)))[1 + (sum(len(taken))::bigint - 1) // 10] as latency_ms
        from trials join cases on cases.key = case_key join series on series.trial_id = trials.id
        where verdict = 'pass' and round is not null and metric = 'latency_ms' and phase = 'measured' group by all
    )
    select run_id, round, model, model_digest, a.target as a, a.adapter as adapter_a, a.features as features_a,
        b.target as b, b.adapter as adapter_b, b.features as features_b, b.latency_ms / a.latency_ms as b_over_a
    from rounds as a join rounds as b using (run_id, round, model, model_digest)
    where (a.target, a.adapter, a.features) <> (b.target, b.adapter, b.features);

-- How many times as long as ours onnxruntime-web's matrix product takes.
create or replace view product_ratios as
    with rounds as (
        select run_id, position, round, max(time_ms) filter (side = 'other') / max(time_ms) filter (side = 'ours') as ratio
        from product_times group by all
    )
    select run_id, browser, size, median(ratio) as other_over_ours, count(ratio) as rounds
    from rounds join products using (run_id, position)
    group by all;

-- Milliseconds on the device that a kernel takes in one inference, all its dispatches together.
create or replace view kernels as
    select run_id, kernel, count(*) / any_value(inferences) as dispatches, sum(gpu_ms) / any_value(inferences) as gpu_ms
    from dispatch_times join dispatches using (run_id, position) join profiles using (run_id)
    group by run_id, kernel;

-- The probes of each adapter in each browser that were taken last: what profiles are held against.
create or replace view last_probes as
    select adapter_id, browser, browser_version, metric, median, low, high, n, timer, run_id, target
    from probes
    qualify row_number() over (partition by adapter_id, browser, metric order by run_id desc) = 1;

-- The runs that are one sweep with another: itself, or the shards of its plan that agree about who runs what; first_id stands for
-- all of them. Of a shard that is there several times, the latest counts. Where sweeps have no name, one begins with the first of
-- its shards, and the next one a day later, or with a shard that is over and is run again.
create or replace view same_sweep as
    with recursive unnamed as (
        select id, state, started_at, plan_digest, shard, shards from runs where shards is not null and sweep is null
    ),
    begun as (
        select plan_digest, shards, min(started_at) as began_at from unnamed group by all
        union all
        select later.plan_digest, later.shards, min(later.started_at)
        from begun join unnamed as later using (plan_digest, shards)
        where later.started_at > began_at and (
            later.started_at > began_at + interval 24 hours
            or exists (
                from unnamed as over
                where (over.plan_digest, over.shards, over.shard) = (later.plan_digest, later.shards, later.shard)
                    and over.state = 'finished' and over.id <> later.id
                    and over.started_at between began_at and later.started_at
            )
        )
        group by later.plan_digest, later.shards, began_at
    ),
    sharded as (
        select id, shard, started_at, ['named', plan_digest, shards::varchar, sweep] as sweep from runs
        where shards is not null and sweep is not null
        union all
        select id, shard, started_at, ['begun', begun.plan_digest, begun.shards::varchar, began_at::varchar]
        from unnamed asof join begun on begun.plan_digest = unnamed.plan_digest and begun.shards = unnamed.shards
            and began_at <= started_at
    ),
    counting as (
        select id, sweep from sharded
        qualify row_number() over (partition by sweep, shard order by started_at desc, id desc) = 1
    )
    select sharded.id as run_id, counting.id as with_id, min(counting.id) over (partition by sharded.id) as first_id
    from sharded join counting using (sweep)
    union all
    select id, id, id from runs where shards is null;

-- Trials that belong to no run, case or adapter, and rows of theirs that belong to no trial or are there twice: none, since they are
-- added by transactions of the one writer alone.
create or replace view amiss as
    select 'trials' as table_name, id as trial_id, 'belongs to no run' as what from trials anti join runs on runs.id = run_id
    union all select 'trials', id, 'belongs to no case' from trials anti join cases on key = case_key
    union all select 'trials', id, 'belongs to no adapter' from trials anti join adapters on adapters.id = adapter_id
        where adapter_id is not null
    union all select 'series', trial_id, 'belongs to no trial' from series anti join trials on trials.id = trial_id
    union all select 'metrics', trial_id, 'belongs to no trial' from metrics anti join trials on trials.id = trial_id
    union all select 'checks', trial_id, 'belongs to no trial' from checks anti join trials on trials.id = trial_id
    union all select 'placements', trial_id, 'belongs to no trial' from placements anti join trials on trials.id = trial_id
    union all select 'features', trial_id, 'belongs to no trial' from features anti join trials on trials.id = trial_id
    union all select 'series', trial_id, 'is there twice' from series group by trial_id, metric, phase having count(*) > 1
    union all select 'metrics', trial_id, 'is there twice' from metrics group by trial_id, metric having count(*) > 1
    union all select 'checks', trial_id, 'is there twice' from checks group by trial_id, position having count(*) > 1
    union all select 'placements', trial_id, 'is there twice' from placements group by trial_id, position having count(*) > 1
    union all select 'features', trial_id, 'is there twice' from features group by trial_id, name having count(*) > 1;
