-- What follows from the tables. A view belongs to the program that opens the database, not to the database: each is made anew.

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

-- How many times as long the other side of a comparison takes: the median of its rounds' ratios.
create or replace view comparison_ratios as
    with rounds as (
        select comparison_id, turns.round, max(median) filter (side = 'other') / max(median) filter (side = 'ours') as ratio
        from turns join trials on trials.id = turns.trial_id join metrics on metrics.trial_id = trials.id
        where metric = 'latency_ms' and verdict = 'pass' group by comparison_id, turns.round
    )
    select run_id, comparison_id, model, ours, other, median(ratio) as other_over_ours, count(ratio) as rounds
    from rounds join comparisons on comparisons.id = comparison_id
    group by all;

-- The same for matrix products.
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
