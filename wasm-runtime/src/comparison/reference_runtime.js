// onnxruntime-web's side of a comparison: one session on the WebGPU device that the other side uses as well.

export class ReferenceRuntime {
  // `session` multiplies; `operands` maps its input names to Float32Arrays of size * size.
  static upload(ort, session, device, size, operands) {
    const feeds = {};
    for (const [name, elements] of Object.entries(operands)) {
      const buffer = upload(device, elements);
      feeds[name] = ort.Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims: [size, size] });
    }
    return new ReferenceRuntime(session, feeds);
  }

  constructor(session, feeds) {
    this.session = session;
    this.feeds = feeds;
  }

  // The product, in host memory; its operands stay on the device.
  async multiply() {
    const results = await this.session.run(this.feeds);
    return results[this.session.outputNames[0]].data;
  }
}

function upload(device, elements) {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const buffer = device.createBuffer({ size: elements.byteLength, usage });
  device.queue.writeBuffer(buffer, 0, elements);
  return buffer;
}
