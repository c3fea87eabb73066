#!/usr/bin/env bash
# Build the wheel, install it away from the checkout, and use each command in an empty folder: make wheel-trial
set -euo pipefail
cd "$(dirname "$0")/.."
env_bin=$PWD/.venv/bin
trial=$(mktemp -d)
trap 'rm -rf "$trial"' EXIT

"$env_bin/uv" build --quiet --wheel --no-build-isolation --python "$env_bin/python" --out-dir "$trial" .
"$env_bin/python" -m venv --without-pip "$trial/venv"
"$env_bin/uv" pip install --quiet --no-deps --python "$trial/venv/bin/python" "$trial"/segdrone-*.whl
# The dependencies are those of .venv, which saves minutes and gigabytes. A folder named in a .pth file is added
# to sys.path, but the .pth files in it are not read: the editable installation of segdrone is not visible.
site_packages() { "$1" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }
site_packages "$env_bin/python" > "$(site_packages "$trial/venv/bin/python")/dependencies.pth"

unset PYTHONPATH
export PATH=$trial/venv/bin:$PATH SEGDRONE_CACHE=$trial/cache OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
mkdir -p "$trial/empty/mine/experiment"
cd "$trial/empty"
python -c "
import segdrone
from segdrone.utils.config import config_dir
assert segdrone.__file__.startswith('$trial/venv'), segdrone.__file__
assert str(config_dir()).startswith('$trial/venv'), config_dir()
"
cat > mine/experiment/mine.yaml <<'RECIPE'
# @package _global_
# A recipe of one's own, in a folder of one's own.
defaults:
  - override /optimizer: sgd
seed: 7
RECIPE

tiny="data=sample data.sample.count=12 data.sample.height=64 data.sample.width=96 data.image_size=[64,96]
  data.test_image_size=[64,96] data.num_workers=0 model.encoder_weights=null trainer=cpu trainer.max_epochs=1
  trainer.limit_train_batches=1 trainer.log_every_n_steps=1 callbacks.pictures=null pictures=1"
scenes=datasets/sample-temperate-12-96x64-0
set -x
segdrone train $tiny output_dir=run > train.log
segdrone train --config-dir mine experiment=mine $tiny output_dir=mine-run > train.log
grep -q "name: sgd" mine-run/.hydra/config.yaml
segdrone evaluate ckpt_path=run/checkpoints/best.ckpt split=val data.num_workers=0 pictures=1 output_dir=scored > evaluate.log
segdrone predict run/checkpoints/best.ckpt $scenes/original_images --out predicted
segdrone data check $scenes > check.log
segdrone data show $scenes --augment strong --count 2 --out sheet.png
test -s run/report.html -a -s scored/report.html -a -s predicted/masks/000.png -a -s sheet.png
{ set +x; } 2> /dev/null
echo "the wheel works: $(cd "$trial" && ls segdrone-*.whl)"
