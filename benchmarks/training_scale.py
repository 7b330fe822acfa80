"""What an epoch of MMSC costs on generated catalogues of growing size; a table, and a plot.

    python benchmarks/training_scale.py [--products 800 8000 80000 390000] [--plot scale.svg]

The catalogues are those of ``build_scale.py`` with 27 references a product, of which six in ten
lead to another product: 390,000 products make some 4.9 million training pairs. Texts are encoded
by TF-IDF.
The search for content neighbours, quadratic in the catalogue, is off at every size. Each size is
trained in a process of its own, whose peak resident memory is printed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from build_scale import generate

REFERENCES = 27

PREPARE = """
import sys
from pathlib import Path
from recbole_mmsc.dataset_builders.build import build_dataset
from recbole_mmsc.encoders.encode import encode_dataset
folder = Path(sys.argv[2])
build_dataset("scale", [sys.argv[1]], folder, format="amazon-2018")
encode_dataset(folder / "scale", "tfidf")
"""

TRAIN = """
import json, logging, resource, sys, time
data = sys.argv.pop(1)
import recbole_mmsc
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.utils import get_model, get_trainer, init_seed
logging.disable(logging.CRITICAL)
settings = {"data_path": data, "encoder": "tfidf", "content_neighbours": 0, "gpu_id": ""}
config = Config("MMSC", "scale", config_dict={**settings, "show_progress": False})
init_seed(config["seed"], config["reproducibility"])
train, _, _ = data_preparation(config, create_dataset(config))
started = time.perf_counter()
model = get_model("MMSC")(config, train.dataset)
model.solve()
built = time.perf_counter()
trainer = get_trainer(config["MODEL_TYPE"], "MMSC")(config, model)
trainer._train_epoch(train, 0, show_progress=False)
print(json.dumps({
    "items": model.n_items - 1,
    "edges": len(train.dataset.inter_feat) // 2,
    "solve": built - started,
    "epoch": time.perf_counter() - built,
    "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--products", type=int, nargs="+", default=[800, 8_000, 80_000, 390_000], metavar="N"
    )
    parser.add_argument("--plot", type=Path, help="write a plot here (needs matplotlib)")
    parser.add_argument("--folder", type=Path, help="where to work; by default a temporary folder")
    options = parser.parse_args()
    print(f"{'items':>9} {'pairs':>10} {'solve s':>8} {'epoch s':>8} {'µs/pair':>8} {'GiB':>6}")
    found = []
    for products in options.products:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            found.append(measure(products, Path(folder)))
        row = found[-1]
        print(
            f"{row['items']:>9,} {row['edges']:>10,} {row['solve']:>8.1f} {row['epoch']:>8.1f} "
            f"{1e6 * (row['solve'] + row['epoch']) / row['edges']:>8.0f} {row['peak']:>6.2f}",
            flush=True,
        )
    if options.plot:
        plot(found, options.plot)


def measure(products: int, folder: Path) -> dict[str, float]:
    """Generate, build, encode, solve, and train one epoch."""
    source = folder / "meta_Scale.json.gz"
    generate(source, products, REFERENCES)
    _run(PREPARE, source, folder)
    return json.loads(_run(TRAIN, folder).splitlines()[-1])


def _run(code: str, *arguments: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def plot(found: list[dict[str, float]], path: Path) -> None:
    """Seconds against pairs, both logarithmic, beside a line of slope one."""
    from matplotlib import pyplot as plt

    edges = [row["edges"] for row in found]
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for name in ("solve", "epoch"):
        axes.loglog(edges, [row[name] for row in found], "o-", label=name)
    slope = [found[-1]["epoch"] * edge / edges[-1] for edge in edges]
    axes.loglog(edges, slope, ":", color="grey", label="proportional")
    axes.set(xlabel="training pairs", ylabel="seconds")
    axes.legend()
    figure.savefig(path)


if __name__ == "__main__":
    main()
