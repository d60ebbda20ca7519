"""The command line: each command reads its words and calls one function of the library."""

import json
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated, Literal

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # before any library that would ask the hub
# oneDNN keeps a compiled kernel for every shape it met, and each batch brings new ones: gigabytes in an hour
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")

try:
    import typer
except ModuleNotFoundError as error:
    sys.exit(f"{error.name} is not installed: {Path(sys.executable).name} -m pip install -r requirements.lock")

from mini_model.errors import KitError

MINI = Path(__file__).resolve().parent.parent / "data_samples/weights/mini"

app = typer.Typer(
    help="Stroke by Stroke: paint a picture as plan, draft, reflection and refinement.",
    add_completion=False,
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Model = Annotated[Path, typer.Option(help="Folder of the weights.", show_default="the shipped mini weights")]
Strategy = Annotated[
    Literal[
        "process", "process-afresh", "process-unmoved", "process-shuffled", "process-exact",
        "direct", "reasoned", "planner", "inspector", "best-of-n", "parm", "oracle",
    ],
    typer.Option(help="In steps, alone or with another's criticism; or at once, alone or with help."),
]  # fmt: skip


def say(answer: dict | list, text: str, as_json: bool) -> None:
    """Print the answer for a machine or the text for a reader."""
    print(json.dumps(answer) if as_json else text)


@app.callback(invoke_without_command=True)
def start(context: typer.Context) -> None:
    """Without a command, show what there is."""
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def paint(
    prompts: Annotated[list[str], typer.Argument(metavar="PROMPT...", help="What to paint; several are a batch.")],
    model: Model = MINI,
    strategy: Strategy = "process",
    seed: Annotated[int, typer.Option(help="The same seed paints the same picture.")] = 0,
    max_rounds: Annotated[int, typer.Option(min=1, help="Stop after so many pictures.")] = 8,
    judge: Annotated[
        str | None, typer.Option(help="`exact`, or the address of a vision model that criticises.")
    ] = None,
    judge_model: Annotated[str | None, typer.Option(help="That model's name there.")] = None,
    preset: Annotated[Literal["mini", "bagel-7b", "tiny"], typer.Option(help="Size of the model.")] = "mini",
    quantize: Annotated[
        Literal["nf4", "nf4-all", "int8", "none"], typer.Option(help="Bits of a weight, at full size.")
    ] = "nf4",
    adapter: Annotated[Path | None, typer.Option(help="Folder of an adapter, at full size.")] = None,
    resolution: Annotated[
        int | None, typer.Option(help="Edge of a picture in pixels, at full size.", show_default="the largest")
    ] = None,
    budget: Annotated[
        float | None, typer.Option(help="GB of the card, at full size.", show_default="all it has")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the trajectory.")] = Path("out/paint"),
    as_json: Json = False,
) -> None:
    """Paint PROMPT and write trajectory.json, the pictures, strip.png and page.html."""
    from mini_model.commands import check_prompts, judge_of, model_for
    from mini_model.commands import paint as run

    check_prompts(prompts)
    critic = judge_of(judge, judge_model, strategy)
    packing = None if quantize == "none" else quantize
    loaded, settings = model_for(preset, model, max_rounds, adapter, packing, resolution, budget)
    tell = (lambda line: None) if as_json else print
    paths = run(prompts, loaded, settings, strategy, seed, out, tell, judge=critic)
    told = [{"path": str(p), "trajectory": json.loads(p.read_text(encoding="utf-8"))} for p in paths] if as_json else []
    say(told[0] if len(told) == 1 else told, "\n".join(f"{p}\n{p.with_name('page.html')}" for p in paths), as_json)


@app.command()
def train(
    stage: Annotated[
        Literal["autoencoder", "vision", "language", "base", "process", "reflect", "reward", "preference"],
        typer.Argument(),
    ],
    preset: Annotated[Literal["mini", "bagel-7b", "tiny"], typer.Option(help="Size of the model.")] = "mini",
    profile: Annotated[
        Literal["smoke", "cpu", "gpu", "gpu-12gb", "gpu-16gb", "gpu-24gb"],
        typer.Option(help="How long to train; at full size, on which card."),
    ] = "cpu",
    model: Annotated[Path | None, typer.Option(help="Folder to start from.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the subsets, or of trajectories at full size.")] = None,
    adapter: Annotated[Path | None, typer.Option(help="Adapter to go on from, at full size.")] = None,
    resolution: Annotated[int | None, typer.Option(min=32, help="Smaller pictures, at full size.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="How many steps, where not the profile's.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws other samples and other noise.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder of checkpoints and plots.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")] = False,
) -> None:
    """Train one STAGE; a run that was killed goes on with --resume as if nothing had happened."""
    from mini_model.training.many import is_main
    from mini_model.training.run import train as run

    full = {"preset": preset, "adapter": adapter, "pixels": resolution}
    made = run(stage, profile=profile, model=model, data=data, out=out, resume=resume, seed=seed, steps=steps, **full)
    if is_main():
        print(made)


@app.command()
def data(
    subset: Annotated[Literal["multi-turn", "conflict", "alignment"], typer.Argument()],
    n: Annotated[int, typer.Option(min=1, help="How many trajectories.")] = 1_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same set.")] = 0,
    detours: Annotated[float, typer.Option(min=0, max=1, help="Share of strokes that do more than add.")] = 0.3,
    model: Model = MINI,
    out: Annotated[Path | None, typer.Option(help="Folder of the set.", show_default="out/data/SUBSET")] = None,
    as_json: Json = False,
) -> None:
    """Make one SUBSET of training trajectories; the model samples its own mistakes for the last two."""
    from mini_model.data.subsets import as_text, make

    facts = make(subset, n, seed, out or Path("out/data") / subset, model, detours)
    say(facts, as_text(facts), as_json)


@app.command()
def evaluate(
    bench: Annotated[Literal["mini-geneval", "mini-wise", "eyes"], typer.Argument()],
    split: Annotated[Literal["standard", "hard"], typer.Option(help="Hard scenes hold more things.")] = "standard",
    model: Model = MINI,
    strategy: Strategy = "process",
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many prompts.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Pictures of each prompt.")] = 4,
    out: Annotated[Path | None, typer.Option(help="JSON file of the result.")] = None,
    as_json: Json = False,
) -> None:
    """Paint every prompt of BENCH and judge the pictures; `eyes` asks questions about pictures instead."""
    from mini_model.evaluation.run import evaluate as run

    result = run(bench, split=split, model=model, strategy=strategy, limit=limit, seeds=seeds, out=out)
    low, high = result["interval"]
    say(result, f"{bench} {strategy}: {result['overall']:.3f} ({low:.3f} to {high:.3f})", as_json)


@app.command()
def experiment(
    name: Annotated[Literal["main", "wise", "cost", "table5", "table6", "table7", "control"], typer.Argument()],
    profile: Annotated[Literal["smoke", "cpu", "gpu"], typer.Option(help="How much is trained and painted.")] = "cpu",
    seeds: Annotated[int | None, typer.Option(min=1, help="Trainings of each row, where not the profile's.")] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file of the figures.")] = None,
    as_json: Json = False,
) -> None:
    """Train and evaluate every row of a table of the paper, in the drawn world; what is done already is kept."""
    from mini_model.evaluation.experiments import experiment as run

    with redirect_stdout(sys.stderr):  # what training says on the way is no part of the answer
        figures = run(name, profile, seeds, out)
    lines = [f"{one.name}: {one.value:.3f}" for one in figures if one.interval]
    say([one.model_dump() for one in figures], "\n".join(lines), as_json)


@app.command()
def parity(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of golden cases.")],
    as_json: Json = False,
) -> int:
    """Run every golden case in DIR against this code; exit code 1 if one fails."""
    from mini_model.model.parity import run

    report = run(folder)
    say(report.to_dict(), report.to_text(), as_json)
    return 0 if report.ok else 1


@app.command()
def memory(
    preset: Annotated[Literal["bagel-7b", "tiny"], typer.Option(help="Size of the model.")] = "bagel-7b",
    task: Annotated[Literal["train", "paint"], typer.Option(help="A learning step or a denoising step.")] = "train",
    quantize: Annotated[Literal["nf4", "nf4-all", "int8", "none"], typer.Option(help="Bits of a weight.")] = "nf4",
    rank: Annotated[int, typer.Option(min=0, help="Rank of the adapter in each expert.")] = 16,
    resolution: Annotated[int, typer.Option(help="Edge of a picture in pixels.")] = 512,
    pictures: Annotated[int, typer.Option(min=1, help="Pictures in the trajectory.")] = 4,
    budget: Annotated[float, typer.Option(help="GB of the card.")] = 16.0,
    words_on_host: Annotated[bool, typer.Option("--words-on-host", help="Table of words off the card.")] = False,
    in_parts: Annotated[bool, typer.Option("--in-parts", help="MLPs learn some tokens at a time.")] = False,
    apart: Annotated[bool, typer.Option("--apart", help="Guidance branches one after another.")] = False,
    as_json: Json = False,
) -> int:
    """Predict the GB a setting takes on a card, part by part; if too many, exit code 1 and the nearest that fits."""
    from mini_model.model.memory import Setting, answer, as_text

    packing = None if quantize == "none" else quantize
    sparing = {"words_on_host": words_on_host, "in_parts": in_parts, "apart": apart}
    said = answer(Setting(preset, task, packing, rank, rank, resolution, pictures, **sparing), budget)
    say(said, as_text(said), as_json)
    return 0 if said["fits"] else 1


@app.command()
def quantize(
    model: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the model, or its name on the hub.")],
    out: Annotated[Path, typer.Option(help="Folder of the packed model.")],
    packing: Annotated[Literal["nf4", "nf4-all"], typer.Option(help="The experts' layers, or all.")] = "nf4",
) -> None:
    """Pack a model into 4 bits once, tensor by tensor; the folder is loaded like any other."""
    from mini_model.commands import quantize as run

    print(run(model, out, packing))


@app.command()
def export(
    base: Annotated[Path, typer.Argument(help="Folder of the model that the adapter was trained on.")],
    adapter: Annotated[Path, typer.Argument(help="Folder of the adapter.")],
    out: Annotated[Path, typer.Argument(help="Folder of the merged model.")],
) -> None:
    """Put an adapter into the weights and write the released layout, which other tools for BAGEL read."""
    from mini_model.model.export import export as run

    print(run(base, adapter, out))


@app.command()
def random_model(
    out: Annotated[Path, typer.Argument(help="Folder of the model.")],
    preset: Annotated[Literal["bagel-7b", "tiny"], typer.Option(help="Shape of the model.")] = "tiny",
    layers: Annotated[int | None, typer.Option(min=1, help="Layers, where not the preset's.")] = None,
    width: Annotated[int | None, typer.Option(min=1, help="A multiple of the preset's width.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed writes the same weights.")] = 0,
) -> None:
    """Write a model of random weights in the released layout, for dry runs at any size."""
    from mini_model.commands import random_model as run

    print(run(out, preset, layers, width, seed))


@app.command()
def doctor(as_json: Json = False) -> int:
    """Say what this machine lacks and what to type to mend it; exit code 1 if something does."""
    from mini_model.doctor import as_json as answer
    from mini_model.doctor import as_text, examine

    checks = examine()
    say(answer(checks), as_text(checks), as_json)
    return 0 if all(check.ok for check in checks) else 1


@app.command()
def bench(
    out: Annotated[Path, typer.Option(help="JSON file of the figures.")] = Path("data_samples/results/bench.json"),
) -> None:
    """Measure this machine's peak, then training and painting as fractions of it."""
    from mini_model.evaluation.bench import as_text
    from mini_model.evaluation.bench import bench as run

    print(as_text(run(out)))


@app.command()
def demo(out: Annotated[Path, typer.Option(help="Folder of the pictures.")] = Path("out/demo")) -> None:
    """Paint three prompts with the shipped weights: a relation, a count and a fact."""
    from mini_model.commands import demo as run

    run(MINI, out)


def main() -> int:
    """Run one command; whatever the user got wrong becomes one line and exit code 2."""
    try:
        return app(standalone_mode=False) or 0
    except (KitError, typer.TyperException) as error:
        said = error.format_message() if isinstance(error, typer.TyperException) else str(error)
        print(" ".join(f"error: {said}".split()), file=sys.stderr)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        return 130


if __name__ == "__main__":
    sys.exit(main())
