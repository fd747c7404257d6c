// Numbers, times and names as people read them: three significant digits, a unit, nothing invisible.
(() => {
  const report = window.parallaxReport;
  const NONE = "–";

  // Control characters, marks that turn the direction of text and other invisible ones are shown as escapes.
  const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
  const visible = (text) =>
    String(text).replace(INVISIBLE, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`);

  function digits(value) {
    if (value === null || value === undefined || Number.isNaN(value)) return NONE;
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
    if (value === 0) return "0";
    const exponent = Number(value.toExponential(2).split("e")[1]);
    if (exponent < -4) return value.toExponential(2);
    return exponent <= 2 ? value.toFixed(2 - exponent) : String(Number(value.toPrecision(3)));
  }

  function timeUnit(ms) {
    if (ms >= 999.5) return ["s", 1e-3];
    return ms >= 0.9995 || ms === 0 ? ["ms", 1] : ["µs", 1e3];
  }

  // A length of time in milliseconds: `12.3 ms`, `456 µs`, `4 min 12 s`.
  function time(ms) {
    if (ms === null || ms === undefined || !Number.isFinite(ms)) return NONE;
    if (ms >= 119500) return longTime(Math.round(ms / 1000));
    const [unit, factor] = timeUnit(ms);
    return `${digits(ms * factor)} ${unit}`;
  }

  function longTime(seconds) {
    const minutes = Math.floor(seconds / 60);
    return minutes < 120 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  }

  const isInterval = ({ low, high }) => Number.isFinite(low) && Number.isFinite(high);

  const interval = (low, high, factor = 1) =>
    isInterval({ low, high }) ? `${digits(low * factor)} to ${digits(high * factor)}` : "no interval";

  function timeInterval({ median, low, high }) {
    const [unit, factor] = timeUnit(median);
    return isInterval({ low, high }) ? `${interval(low, high, factor)} ${unit}` : "no interval";
  }

  const ratio = (value) => (value === null || value === undefined ? NONE : `×${digits(value)}`);

  function bytes(size) {
    const found = [
      ["GB", 1e9],
      ["MB", 1e6],
      ["kB", 1e3],
    ].find(([, unit]) => size >= 0.9995 * unit);
    return found ? `${digits(size / found[1])} ${found[0]}` : `${digits(size)} B`;
  }

  const megabytes = (size) => (size === null ? NONE : bytes(size * 1e6));
  const perCent = (part) => (part === null ? NONE : `${digits(part * 100)} %`);
  const error = (value) => (value === null || value === undefined ? NONE : value === 0 ? "0" : value.toExponential(2));

  // A metric ends in its unit: `latency_ms`, `device_memory_bytes`, `tokens_per_s`.
  const UNITS = [
    ["_ms", time],
    ["_bytes", bytes],
    ["_mb", megabytes],
    ["_per_s", (value) => `${digits(value)} /s`],
    ["_j", (value) => `${digits(value)} J`],
    ["_w", (value) => `${digits(value)} W`],
    ["_utilisation", perCent],
  ];

  function quantity(metric, value) {
    if (value === null || value === undefined) return NONE;
    const unit = UNITS.find(([ending]) => metric.endsWith(ending));
    return unit ? unit[1](value) : digits(value);
  }

  const NAMES = { gpu_ms: "GPU time", cpu_utilisation: "busy processors", wasm_memory_bytes: "WebAssembly memory" };
  const metricName = (metric) =>
    Object.hasOwn(NAMES, metric)
      ? NAMES[metric]
      : metric
          .replace(/_(ms|bytes|mb|j|w)$/, "")
          .replace(/_per_s$/, " per second")
          .replaceAll("_", " ");

  // 2026-11-28 09:12 UTC
  const date = (iso) => (iso ? `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC` : NONE);

  // What an axis says: without the zeros that say how exactly something was measured.
  const tick = (show) => (value) =>
    show(value)
      .replace(/(\.\d*?)0+(?= |$)/, "$1")
      .replace(/\.(?= |$)/, "");

  const count = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

  // A model with what was varied: `bert-tiny batch=4`.
  const named = (model, variant) => (variant ? `${model} ${variant}` : model);

  // Shortens a name for an axis, keeping both of its ends.
  function short(name, most = 30) {
    const text = visible(name);
    return text.length <= most ? text : `${text.slice(0, most - 9)}…${text.slice(-8)}`;
  }

  report.text = {
    NONE,
    visible,
    digits,
    time,
    isInterval,
    interval,
    timeInterval,
    ratio,
    megabytes,
    perCent,
    error,
    quantity,
    metricName,
    date,
    tick,
    count,
    named,
    short,
  };
})();
