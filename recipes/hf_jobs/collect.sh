#!/bin/bash
# The table of a study that ran as Hugging Face Jobs, with the same options as submit.sh:
#   recipes/hf_jobs/collect.sh ME/BUCKET JOBS ME/DATASET [options of the study]
# Writes runs/hf_jobs_study/results.csv, and uploads it with the settings to the data set, unless that is "-".
set -euo pipefail
[ $# -ge 3 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
bucket=$1 jobs=$2 dataset=$3
shift 3
cd "$(dirname "$0")/../.."
output=runs/hf_jobs_study

for ((shard = 1; shard <= jobs; shard++)); do
    hf buckets sync "hf://buckets/$bucket/shard-$shard-of-$jobs" "$output" \
        --exclude 'checkpoints/*' --exclude 'texts/*.safetensors' --exclude 'results.csv' --exclude 'timings.csv' --exclude 'collapse_vs_loss.*'
done
# Cells that are done are not run again; one that is not is run here.
python recipes/tinystories_grid.py --output "$output" "$@"
if [ "$dataset" != - ]; then
    hf repos create "$dataset" --repo-type dataset --exist-ok
    hf upload "$dataset" "$output" . --repo-type dataset --include '*.csv' --include 'study.json' --include '*.png'
fi
