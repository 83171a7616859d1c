#!/bin/bash
# Runs inside a Hugging Face Job, started by submit.sh:  job.sh hf://buckets/ME/BUCKET/FOLDER SHARD [options of the study]
set -euo pipefail
kept=$1 shard=$2
shift 2
output=/tmp/study

python -m pip install --quiet "$(ls /code/nc_hf-*.whl)[study]"
hf buckets sync "$kept" "$output"  # what an earlier attempt has done; fails, and is tried again, rather than begin anew

# A checkpoint counts when its complete.json is there, so that file goes last.
save() {
    hf buckets sync "$output" "$kept" --exclude '*complete.json' --exclude 'texts/*.safetensors' --exclude '*/.*' >/dev/null &&
        hf buckets sync "$output" "$kept" --exclude 'texts/*.safetensors' --exclude '*/.*' >/dev/null
}
while sleep "${NC_SAVE_SECONDS:-180}"; do save || echo "could not save to $kept, which is tried again"; done &
saver=$!

status=0
python /code/tinystories_grid.py --output "$output" --shard "$shard" "$@" || status=$?
kill "$saver"
save
exit "$status"
