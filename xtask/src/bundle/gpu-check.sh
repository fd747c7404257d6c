#!/bin/sh
# Shows in less than ten minutes how Parallax does on this machine's GPU, and leaves one folder of results:
#
#   ./gpu-check [FOLDER]        the folder is ./gpu-check-results unless another is named
#
# What is told of a step is what it wrote (NAME.txt), what it said meanwhile (NAME.log), and its line in summary.txt.
# A step that takes too long is ended, and the next begins. PEAK_TFLOPS=n names the card's peak where it is not known.
set -u

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-gpu-check-results}"
results=$(cd "${1:-gpu-check-results}" && pwd)
shell="$here/fetched/headless-shell"
: > "$results/summary.txt"

# All steps together take at most this long, in seconds.
all=570
begun=$(date +%s)

say() { echo "$*" | tee -a "$results/summary.txt"; }

# step NAME SECONDS COMMAND…: runs a command for at most so long.
step() {
  name=$1 limit=$2
  shift 2
  start=$(date +%s)
  left=$((all - (start - begun)))
  [ "$limit" -lt "$left" ] || limit=$left
  if [ "$limit" -lt 5 ]; then
    say "$name: left out, the ten minutes are over"
    return
  fi
  timeout -s INT -k 5 "$limit" "$@" > "$results/$name.txt" 2> "$results/$name.log"
  code=$?
  case $code in
    124 | 137) word="ended after its $limit s" ;;
    0) word="done" ;;
    *) word="exit $code" ;;
  esac
  say "$name: $word ($(($(date +%s) - start)) s); $(tail -n 1 "$results/$name.txt")"
}

# A driver that comes without a place where the loader looks for it; where there is none, the software one.
is_found() {
  for manifest in /usr/share/vulkan/icd.d/*.json /etc/vulkan/icd.d/*.json /usr/local/share/vulkan/icd.d/*.json; do
    [ -e "$manifest" ] && return 0
  done
  return 1
}
if [ -z "${VK_DRIVER_FILES:-}" ] && ! is_found; then
  for manifest in /usr/local/*/share/vulkan/icd.d/*.json "$shell"/*/vk_swiftshader_icd.json; do
    [ -e "$manifest" ] && VK_DRIVER_FILES=$manifest && export VK_DRIVER_FILES && break
  done
fi

# The browser's own Vulkan: without these flags it computes on the CPU on Linux, and does not say so. The last one lets
# it do so all the same where there is no GPU, and then every row says that its adapter is software.
cat > "$results/browsers.toml" << 'END'
[browsers.headless-shell]
arguments = ["--use-angle=vulkan", "--ignore-gpu-blocklist", "--disable-vulkan-surface", "--enable-unsafe-swiftshader"]
features = ["Vulkan"]
END
export PARALLAX_BROWSERS="$results/browsers.toml"
browser=headless-shell

tiny=bert-tiny,t5-tiny,llama-tiny,clip-tiny,vit-tiny,clap-tiny,whisper-tiny,wav2vec2-tiny,llava-tiny
tiny=$tiny,llava-next-tiny,xclip-tiny,qwen2-tiny,qwen3-tiny,detr-tiny
full=bert-base-uncased,vit-base-patch16-224,openai-whisper-tiny
parallax="$here/parallax"
db="$results/results.duckdb"

card=$(nvidia-smi --query-gpu=name --format=csv,noheader 2> /dev/null | head -n 1)
say "$(date -u +%Y-%m-%dT%H:%MZ) on ${card:-a machine without nvidia-smi}, VK_DRIVER_FILES=${VK_DRIVER_FILES:-as installed}"

# Peaks of f32 outside tensor cores, in TFLOP/s, as NVIDIA's data sheets give them.
case "$card" in
  *H200* | *"H100 80GB HBM3"*) known=67 ;;
  *H100*PCIe*) known=51 ;;
  *A100*) known=19.5 ;;
  *L40S*) known=91.6 ;;
  *L4*) known=30.3 ;;
  *A10*) known=31.2 ;;
  *T4*) known=8.1 ;;
  *V100*) known=15.7 ;;
  *) known= ;;
esac
peak=${PEAK_TFLOPS:-$known}

# product NAME: the time of a product of two 4096 x 4096 matrices as a rate and as a share of the peak.
product() {
  [ -f "$results/$1.txt" ] || return
  awk -v peak="$peak" '
    /"gpu_ms": [0-9]/ { sub(/.*"gpu_ms": /, ""); ms += $0 }
    END {
      if (ms <= 0) { print "no time of the product"; exit }
      rate = 2 * 4096 * 4096 * 4096 / ms / 1e9
      share = peak > 0 ? sprintf("%.1f %% of the peak of %s", 100 * rate / peak, peak) : "peak not known"
      printf "%.3f ms, %.2f TFLOP/s, %s\n", ms, rate, share
    }' "$results/$1.txt"
}

step detect 45 "$parallax" detect --db "$db"
say "adapters: $(grep -E '^ +(wgpu:vulkan|webgpu) ' "$results/detect.txt" | cut -c 1-100)"
step families-wgpu 60 "$parallax" sweep --models $tiny --targets wgpu:vulkan --timeout-s 20 --db "$db"
step full-size-wgpu 45 "$parallax" sweep --models $full --targets wgpu:vulkan --samples 10 --timeout-s 30 --db "$db"
step product-wgpu 40 "$parallax" profile --model "$here/fixtures/product-4096.onnx" --target wgpu:vulkan --json
say "product of 4096 x 4096 on wgpu:vulkan: $(product product-wgpu)"
step node-tests-wgpu 80 "$parallax" conformance --targets wgpu:vulkan --db "$db"

if [ -d "$shell" ]; then
  # Why the browser finds the GPU or does not, in its own words: a server without a display, for one, may have a driver
  # without VK_EXT_headless_surface, and without that the browser's Vulkan does not begin.
  program=$(ls "$shell"/*/chrome-headless-shell | head -n 1)
  step browser-on-its-gpu 20 sh -c 'timeout 8 env LD_LIBRARY_PATH="$1" "$2" --headless --no-sandbox --use-angle=vulkan \
    --ignore-gpu-blocklist --disable-vulkan-surface --enable-features=Vulkan --enable-unsafe-webgpu \
    --enable-logging=stderr --remote-debugging-port=0 --user-data-dir="$3" about:blank 2>&1 |
    grep -a ERROR | sed "s/^.*ERROR:[^ ]*//" | sort -u; rm -rf "$3"' \
    sh "$(ls -d "$here"/fetched/chromedriver/*/lib | head -n 1)" "$program" "$results/profile"
  step families-browser 60 "$parallax" sweep --models $tiny --targets webgpu@$browser --timeout-s 20 --db "$db"
  step product-browser 40 "$parallax" profile --model "$here/fixtures/product-4096.onnx" \
    --target webgpu@$browser --json
  say "product of 4096 x 4096 on webgpu@$browser: $(product product-browser)"
  step product-against-onnxruntime-web 30 "$parallax" bench matmul --browsers $browser --sizes 1024,4096 --rounds 5
  step bench 90 "$parallax" compare --models $full,$tiny --pairs webgpu@$browser/ort-webgpu@$browser \
    --rounds 1 --timeout-s 20
  step node-tests-browser 80 "$parallax" conformance --targets webgpu@$browser --db "$db"
fi

say "all: $(($(date +%s) - begun)) s; the results are in $results"
