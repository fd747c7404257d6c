// Starts the wasm module and offers it to the driver of this browser as `parallax.ready` and `parallax.run`.

const show = (id, text) => (document.getElementById(id).textContent = text);

// The module that runs most jobs, and the one that also has Burn, for jobs that the first says it cannot do without.
const PLAIN = "pkg";
const WITH_BURN = "pkg-burn";

// A module instance, each time a new one: the query makes it a module of its own.
let instances = 0;
async function start(folder) {
  const bindings = await import(`./${folder}/wasm_runtime.js?instance=${instances++}`);
  await bindings.default({ module_or_path: new URL(`./${folder}/wasm_runtime_bg.wasm`, import.meta.url) });
  return bindings;
}

const started = new Map();
function module(folder) {
  if (!started.has(folder)) started.set(folder, start(folder));
  return started.get(folder);
}

// Settles once jobs can be run; rejects where the module cannot be loaded.
const ready = module(PLAIN).then(
  () => show("status", "ready"),
  (error) => {
    show("status", `cannot start: ${error}; build the module with \`cargo xtask wasm\``);
    throw error;
  },
);

// A trap (a panic, a full wasm memory, a full stack) leaves the module without a word to the job's promise, and
// the instance is then of no more use: the job fails, the next one gets a new instance.
let onTrap = () => {};
function trap(cause) {
  if (!(cause instanceof WebAssembly.RuntimeError || cause instanceof RangeError)) return;
  started.clear();
  onTrap(cause);
}
addEventListener("error", (event) => trap(event.error));
addEventListener("unhandledrejection", (event) => trap(event.reason));

function failed(id, failure, message) {
  return JSON.stringify({ id, answer: { kind: "failed", failure, message } });
}

function stopped(id, cause) {
  return failed(id, "error", `the page's module stopped: ${cause}; a smaller model, batch or sequence needs less memory`);
}

// Runs a job in the module that can: the first rejects what takes Burn.
async function perform(id, jobJson) {
  const { run } = await module(PLAIN);
  try {
    return await run(jobJson);
  } catch (reason) {
    try {
      return await (await module(WITH_BURN)).run(jobJson);
    } catch {
      started.delete(WITH_BURN);
      return failed(id, "unavailable", `${reason}; build the one with it: run \`cargo xtask wasm\``);
    }
  }
}

function title({ id, engine, task }) {
  const subject = task.manifest?.name ?? (task.size ? `${task.size} x ${task.size}` : "");
  return `${id}: ${task.kind} ${subject} on ${engine}`;
}

// Takes a job as JSON and resolves to its outcome as JSON.
async function run(jobJson) {
  await ready;
  const job = JSON.parse(jobJson);
  show("job", title(job));
  show("status", "running");
  const trapped = new Promise((resolve) => (onTrap = (cause) => resolve(stopped(job.id, cause))));
  const outcomeJson = await Promise.race([perform(job.id, jobJson), trapped]);
  const { kind, failure, message } = JSON.parse(outcomeJson).answer;
  show("status", failure ? `${failure}: ${message}` : kind);
  return outcomeJson;
}

globalThis.parallax = { ready, run };
