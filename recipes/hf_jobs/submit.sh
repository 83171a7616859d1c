#!/bin/bash
# A study as Hugging Face Jobs, one for each shard:
#   recipes/hf_jobs/submit.sh ME/BUCKET JOBS FLAVOR [options of the study]
#   recipes/hf_jobs/submit.sh me/nc-study 8 a100-large paper
# Needs `hf auth login`, HF_TOKEN in the environment, and credit. Each job keeps what it has done in the bucket, so one
# that is stopped or runs out of time goes on when the same command is given again. Then: collect.sh.
set -euo pipefail
[ $# -ge 3 ] || { sed -n '2,6s/^# //p' "$0" >&2; exit 2; }
: "${HF_TOKEN:?is not set: export a token that may write to the bucket}"
bucket=$1 jobs=$2 flavor=$3
shift 3
cd "$(dirname "$0")/../.."

# What a job needs of this checkout: the package as a wheel, with its presets, and the recipe.
code=runs/hf_jobs
rm -rf "$code"
mkdir -p "$code"
python -m pip wheel --quiet --no-deps --wheel-dir "$code" .
cp recipes/tinystories_grid.py recipes/hf_jobs/job.sh "$code"

hf buckets create "$bucket" --private --exist-ok
for ((shard = 1; shard <= jobs; shard++)); do
    kept=hf://buckets/$bucket/shard-$shard-of-$jobs
    printf '%s\n' "$*" | hf buckets cp - "$kept/options.txt"
    hf jobs run --detach --name "nc-study-$shard-of-$jobs" --flavor "$flavor" --timeout "${NC_TIMEOUT:-24h}" \
        --attempts 3 --secrets HF_TOKEN --volume "./$code:/code:ro" \
        "${NC_IMAGE:-pytorch/pytorch:2.8.0-cuda12.8-cudnn9-runtime}" \
        bash /code/job.sh "$kept" "$shard/$jobs" "$@"
done
