#!/usr/bin/env bash
# One benchmark over a Slurm array, a shard a task, and the results when all have ended:
#
#   deploy/slurm-shards.sh benchmarks/digits.yaml 8 --partition=gpu --gpus=1 --time=4:00:00
#
# The second argument is the number of shards; what follows goes to sbatch. All nodes must reach the benchmark, its
# images and the store (HARNESS_STORE, a folder of a shared file system) under the same paths.
set -euo pipefail
bench=$1 shards=$2
shift 2
export HARNESS_STORE=${HARNESS_STORE:-$PWD/.harness}

array=$(sbatch --parsable --array="1-$shards" --job-name=harness --export=ALL "$@" \
  --wrap "harness run '$bench' --shard auto")
# Whatever a shard left, because it started late or was killed, is made here; then the results are written.
sbatch --parsable --dependency="afterany:${array%%;*}" --job-name=harness-last --export=ALL "$@" \
  --wrap "harness run '$bench'"
