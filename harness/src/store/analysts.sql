-- Views for those who ask in SQL, by the names that such questions use: browsers, hardware, capabilities, what features are worth.
-- Whatever ran elsewhere than asked stands under the place that it was asked of, and its numbers under the place that gave them.

-- Each trial in a browser. `platform` is the engine as asked, `ran_on` the target that answered; what answered elsewhere, as a
-- whole or in nodes of it, is a fallback.
create or replace view web_platform_tests as
    with taken as (
        select trial_id,
            max(median) filter (metric = 'wall_ms') as wall_ms,
            max(median) filter (metric = 'load_ms') as load_ms,
            max(median) filter (metric = 'compile_ms') as compile_ms,
            max(median) filter (metric = 'first_inference_ms') as first_inference_ms,
            max(median) filter (metric = 'latency_ms') as latency_ms
        from metrics where metric in ('wall_ms', 'load_ms', 'compile_ms', 'first_inference_ms', 'latency_ms')
        group by trial_id
    )
    select trials.id as test_id, run_id, trials.started_at as test_time, model as model_name, family as model_type, modality,
        regexp_extract(target, '^[^:@]+') as platform, trials.browser, browser_version,
        nullif(regexp_extract(target, ':([^@]+)', 1), '') as device, actual_target as ran_on,
        case when actual_target <> target or helped.trial_id is not null then 'fallback' else 'real' end as implementation_type,
        -- Nothing here is simulated: what cannot run is a row that says so.
        false as is_simulation,
        wall_ms as execution_time_ms, load_ms as load_time_ms, compile_ms as compile_time_ms, first_inference_ms, latency_ms,
        verdict = 'pass' as success, verdict, message as error_message
    from trials join cases on cases.key = case_key
        left join taken on taken.trial_id = trials.id
        left join (select distinct trial_id from placements) as helped on helped.trial_id = trials.id
    where trials.browser is not null;

-- Each metric of each trial in a browser, the throughput with them. `platform` is the engine that gave the numbers.
create or replace view web_platform_performance as
    with taken as (
        select trial_id, metric, median, low, high, n from metrics
        union all
        select trial_id, 'throughput_per_s', per_s, low, high, n from throughput
    )
    select trials.id as test_id, run_id, model as model_name, engine as platform, trials.browser, metric as metric_name,
        median as value, low, high,
        -- A metric's name ends in its unit; one without is a part of 1.
        coalesce(nullif(regexp_extract(metric, '_(per_s|ms|bytes|j|w)$', 1), ''), '1') as unit,
        n
    from taken join trials on trials.id = trial_id join cases on cases.key = case_key
    where trials.browser is not null;

-- What each detection found in browsers: the browsers themselves, what their pages can do, and the features of their adapters.
create or replace view browser_capabilities as
    with looked_for as (
        select run_id, subject, state = 'present' as supported, reason, remedy, version, adapter,
            regexp_extract(subject, '@(.+)$', 1) as inside,
            coalesce((adapter ->> 'software')::boolean, false) as software
        from capabilities
    ), browsers as (
        select run_id, subject as browser, version from looked_for
        where subject in ('chrome', 'edge', 'firefox', 'headless-shell', 'webkit')
    ), found as (
        select run_id, subject as browser, 'browser' as feature, supported, software, 'opened by its driver' as detection_method,
            reason, remedy
        from looked_for semi join browsers on browsers.run_id = looked_for.run_id and browsers.browser = subject
        union all
        select run_id, inside, regexp_extract(subject, '^[^@]+'), supported, software, 'asked in its page', reason, remedy
        from looked_for where inside <> ''
        union all
        select run_id, inside, unnest(from_json(adapter -> 'features', '["varchar"]')), supported, software,
            'listed by the adapter of ' || regexp_extract(subject, '^[^@]+'), null, null
        from looked_for where inside <> '' and adapter is not null
    )
    select found.run_id, found.browser, browsers.version as browser_version, feature, supported,
        case when not supported then 'none' when software then 'software' else 'full' end as support_level,
        detection_method, started_at as detected_at, reason, remedy
    from found join runs on runs.id = found.run_id
        left join browsers on browsers.run_id = found.run_id and browsers.browser = found.browser;

-- Each optimisation that a trial's engine can do without, and whether it had it. What it is worth stands where it alone was turned
-- off: how much longer an inference takes, and how much more memory, than in the same run with all of them.
create or replace view feature_usage as
    with known as (
        select * from (values
            ('tuned', ['webgpu', 'webnn', 'wgpu']),
            ('fusion', ['webgpu', 'webnn', 'wgpu', 'wasm', 'burn']),
            ('f16', ['webgpu', 'webnn', 'wgpu']),
            ('subgroups', ['webgpu', 'webnn']),
            ('kick', ['webgpu', 'webnn'])
        ) as listed (feature, engines)
    ), taken as (
        select trial_id,
            max(median) filter (metric = 'latency_ms') as latency_ms,
            max(median) filter (metric = 'device_memory_bytes') / 1e6 as device_mb,
            max(median) filter (metric = 'process_memory_bytes') / 1e6 as process_mb
        from metrics where metric in ('latency_ms', 'device_memory_bytes', 'process_memory_bytes')
        group by trial_id
    ), tested as (
        select trials.id, run_id, model, model_digest, target, cases.adapter, dimensions::varchar as dimensions, precision, batch,
            regexp_extract(target, '^[^:@]+') as platform, trials.browser, features, string_split(features, ',') as off,
            verdict = 'pass' as passed
        from trials join cases on cases.key = case_key
    ), with_all as (
        select run_id, model, model_digest, target, adapter, dimensions, precision, batch, median(latency_ms) as latency_ms,
            median(device_mb) as device_mb, median(process_mb) as process_mb
        from tested join taken on trial_id = tested.id
        where features = '' and passed
        group by run_id, model, model_digest, target, adapter, dimensions, precision, batch
    ), effects as (
        select tested.id, taken.latency_ms - with_all.latency_ms as ms,
            coalesce(taken.device_mb - with_all.device_mb, taken.process_mb - with_all.process_mb) as mb
        from tested join taken on trial_id = tested.id
            join with_all on with_all.run_id = tested.run_id and with_all.model = tested.model
                and with_all.model_digest = tested.model_digest and with_all.target = tested.target
                and with_all.adapter is not distinct from tested.adapter
                and with_all.dimensions is not distinct from tested.dimensions
                and with_all.precision = tested.precision and with_all.batch = tested.batch
        where features <> '' and len(off) = 1 and passed
    )
    select tested.id as test_id, run_id, model as model_name, platform, browser, feature,
        not list_contains(off, '-' || feature) as enabled,
        case when not enabled then ms end as effect_ms,
        case when not enabled then mb end as effect_mb
    from tested join known on list_contains(engines, platform) left join effects on effects.id = tested.id;

-- Each trial, in a browser or natively, by the hardware that computed it. What a driver of the processor computed in place of a
-- GPU was computed by the processor.
create or replace view hardware_results as
    with taken as (
        select trial_id,
            max(median) filter (metric = 'latency_ms') as latency_ms,
            coalesce(
                max(median) filter (metric = 'device_memory_bytes'), max(median) filter (metric = 'process_memory_bytes')
            ) / 1e6 as memory_mb
        from metrics where metric in ('latency_ms', 'device_memory_bytes', 'process_memory_bytes')
        group by trial_id
    )
    select trials.id as test_id, run_id, model as model_name, family as model_type,
        case
            when software or backend in ('cpu', 'wasm') or trials.device = 'cpu' or engine in ('wasm', 'ort-wasm') then 'cpu'
            when trials.device in ('npu', 'qnn') then 'npu'
            -- Core ML does not say which it takes.
            when trials.device = 'coreml' then null
            when adapter_id is not null or trials.device is not null then 'gpu'
        end as hardware_type,
        coalesce(
            nullif(case when adapters.device not like '0x%' then adapters.device end, ''), nullif(description, ''),
            nullif(architecture, ''), nullif(adapters.device, '')
        ) as hardware_name,
        nullif(vendor, '') as vendor, backend, software, batch, precision, latency_ms, per_s as throughput_per_s, memory_mb,
        verdict = 'pass' as success, message as error_message
    from trials join cases on cases.key = case_key
        left join adapters on adapters.id = adapter_id
        left join taken on taken.trial_id = trials.id
        left join throughput on throughput.trial_id = trials.id;

-- Each adapter that any run met, when and where, and how many trials it computed.
create or replace view hardware_detection as
    with told as (
        select substr(sha256(adapter::varchar), 1, 32) as id, run_id, adapter from capabilities where adapter is not null
        union all
        select substr(sha256(adapter::varchar), 1, 32), run_id, adapter from conformance_targets where adapter is not null
    ), described as (
        select id, vendor, architecture, device, description, backend, software, features, limits from adapters
        union
        select id, adapter ->> 'vendor', adapter ->> 'architecture', adapter ->> 'device', adapter ->> 'description',
            adapter ->> 'backend', (adapter ->> 'software')::boolean, adapter -> 'features', adapter -> 'limits'
        from told where id not in (select id from adapters)
    ), met as (
        select adapter_id as id, run_id, count(*) as trials, bool_or(device in ('npu', 'qnn')) as by_npu
        from trials where adapter_id is not null group by adapter_id, run_id
        union all select id, run_id, 0, false from told
        union all select adapter_id, run_id, 0, false from products where adapter_id is not null
        union all select adapter_id, run_id, 0, false from profiles
        union all select adapter_id, run_id, 0, false from probes
        union all select unnest([adapter_a, adapter_b]), run_id, 0, false from divergences
    ), seen as (
        select met.id, min(started_at) as first_seen, max(started_at) as last_seen,
            list_sort(list(distinct host_name) filter (host_name is not null)) as hosts, sum(trials)::bigint as trials,
            coalesce(bool_or(by_npu), false) as by_npu
        from met join runs on runs.id = run_id group by met.id
    )
    select nullif(vendor, '') as vendor, nullif(architecture, '') as architecture,
        coalesce(
            nullif(case when device not like '0x%' then device end, ''), nullif(description, ''), nullif(architecture, ''),
            nullif(device, '')
        ) as name,
        nullif(description, '') as driver, backend,
        case when software or backend in ('cpu', 'wasm') then 'cpu' when by_npu then 'npu' else 'gpu' end as hardware_type,
        software, features, limits, first_seen, last_seen, hosts, trials
    from described join seen using (id);
