// onnxruntime-web behind a few calls: load it, open a session, run it, hear where its nodes went.

// Severities of its log.
const VERBOSE = 0;
const ERROR = 3;

// The module at `url`; its other files lie beside it.
export async function load(url) {
  const ort = await import(url);
  ort.env.wasm.wasmPaths = new URL(".", url).href;
  ort.env.logLevel = "error";
  return ort;
}

// Types that no tensor of ours has: what they are kept as here, and both ways of turning elements.
const KEPT = {
  float64: ["float32", (data) => Float64Array.from(data), (data) => Float32Array.from(data)],
  int16: ["int32", (data) => Int16Array.from(data), (data) => Int32Array.from(data)],
  uint16: ["int32", (data) => Uint16Array.from(data), (data) => Int32Array.from(data)],
  uint32: ["int64", (data) => Uint32Array.from(data, Number), (data) => BigInt64Array.from(data, BigInt)],
  uint64: ["int64", (data) => BigUint64Array.from(data), (data) => BigInt64Array.from(data)],
};

export class Session {
  // `model` is an ONNX file, `options` are a session's.
  static async open(ort, model, options) {
    return new Session(ort, await ort.InferenceSession.create(model, { ...options, logSeverityLevel: ERROR }));
  }

  constructor(ort, session) {
    this.ort = ort;
    this.session = session;
    this.declared = new Map(session.inputMetadata.map(({ name, type }) => [name, type]));
  }

  // Takes and gives tensors as [name, type, elements, shape]; halves as their bits, for which every browser has
  // an array.
  async run(feeds) {
    const tensor = ([name, type, elements, shape]) => {
      const declared = this.declared.get(name);
      const [kept, turned] = KEPT[declared] ?? [];
      const isKept = type === kept;
      return [name, new this.ort.Tensor(isKept ? declared : type, isKept ? turned(elements) : elements, shape)];
    };
    const results = await this.session.run(Object.fromEntries(feeds.map(tensor)));
    const bits = (half) => new Uint16Array(half.buffer, half.byteOffset, half.length);
    return Object.entries(results).map(([name, { type, data, dims }]) => {
      const [kept, , turned] = KEPT[type] ?? [];
      if (kept) return [name, kept, turned(data), dims];
      return [name, type, type === "float16" ? bits(data) : data, dims];
    });
  }

  async release() {
    await this.session.release();
  }
}

// What the library logs while somebody listens. Its WebAssembly takes hold of console.error when it starts, so this
// has to lie there before.
let heard = null;
const { error } = console;
console.error = (...words) => (heard ? heard.push(words.join(" ")) : error.apply(console, words));

// Opens the model for its log alone: the lines with `mark` in them.
export async function narrate(ort, model, options, mark) {
  const lines = (heard = []);
  try {
    const session = await ort.InferenceSession.create(model, { ...options, logSeverityLevel: VERBOSE });
    await session.release();
  } finally {
    heard = null;
  }
  return lines.filter((line) => line.includes(mark));
}
